// Seeds for what small devices read: profile lite, and whole patches for firmware.
#include "libcommon/core/patch_signature.hpp"
#include "libcommon/digest.hpp"
#include "mallorn-pack/lite_encoder.hpp"
#include "mallorn-pack/lite_in_place.hpp"
#include "mallorn-pack/patch_writer.hpp"
#include "tests/fuzz/inputs.hpp"
#include "tests/fuzz/seeds.hpp"

namespace mallorn::fuzz {

// Length of the result, of the base; the base; the body. Nothing; and a piece of each
// content, elements of one type.
void write_lite_seeds() {
  write("lite_decoder", "empty", Bytes(5));
  for (uint32_t type = 0; type < kLiteTypes; ++type) {
    pack::LitePlan plan;
    for (uint32_t i = 0; i < 120; ++i) plan.base.push_back(static_cast<uint8_t>(i * i / 3));
    const auto add = [&](pack::LiteContent content, bool has_base) {
      pack::LitePiece piece;
      piece.content = content;
      piece.begin = static_cast<uint32_t>(plan.result.size());
      piece.length = 40;
      piece.has_base = has_base;
      piece.base_offset = 8 * type;
      piece.type = static_cast<LiteType>(type);
      piece.place.row_elements = 10;
      piece.source = 4;
      piece.factor = 0x3F000000u + type;
      const bool is_copy = content == pack::LiteContent::copy;
      for (uint32_t i = 0; i < piece.length; ++i) {
        const uint32_t move = is_copy || i % 5 != 0 ? 0 : i % 3;
        plan.result.push_back(
            static_cast<uint8_t>(plan.base[piece.base_offset + i] + move));
      }
      plan.pieces.push_back(piece);
    };
    add(pack::LiteContent::copy, true);
    add(pack::LiteContent::elements, true);
    add(pack::LiteContent::elements, false);
    add(pack::LiteContent::literal, false);
    add(pack::LiteContent::changed, true);
    add(pack::LiteContent::derived, false);
    Bytes head(4);
    store_le(head.data(), static_cast<uint16_t>(plan.result.size()));
    store_le(head.data() + 2, static_cast<uint16_t>(plan.base.size()));
    write("lite_decoder", "type-" + std::to_string(type),
          join({head, plan.base, pack::encode_lite(plan, 29)}));
    if (type != 3) continue;
    const std::vector<pack::LitePiece> pieces = plan.pieces;
    plan.pieces = pack::keep_in_place(pieces, {64});
    head[1] |= 6 << 4;
    write("lite_decoder", "in-place", join({head, plan.base, pack::encode_lite(plan, 29)}));
    plan.pieces = pack::keep_in_place(pieces, {64, 2 * 64});
    head[3] |= 2 << 4;
    write("lite_decoder", "lag", join({head, plan.base, pack::encode_lite(plan, 29)}));
  }
}

// A device with one slot: how, length of the result, the body. What it has is read late.
void write_firmware_seed() {
  pack::LitePlan plan;
  plan.base = fixed_base();
  plan.base.resize(3000);
  plan.result.assign(300, 'm');
  plan.result.insert(plan.result.end(), plan.base.begin(), plan.base.begin() + 2000);
  pack::LitePiece front;
  front.length = 300;
  pack::LitePiece moved;
  moved.content = pack::LiteContent::copy;
  moved.begin = 300;
  moved.length = 2000;
  moved.has_base = true;
  plan.pieces = {front, moved};
  const Bytes head = {7, 2300 & 255, 2300 >> 8};
  write("firmware", "one-slot-lag", join({head, pack::encode_lite(plan, 29)}));
}

}  // namespace mallorn::fuzz
