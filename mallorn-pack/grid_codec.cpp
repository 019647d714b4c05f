#include "mallorn-pack/grid_codec.hpp"

#include <memory>

#include "libcommon/error.hpp"
#include "mallorn-pack/append_varint.hpp"
#include "mallorn-pack/bit_cost.hpp"
#include "mallorn-pack/grid_fit.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "mallorn-pack/values_codec.hpp"

namespace mallorn::pack {
namespace {

constexpr size_t kBytes = sizeof(uint32_t);  // of an element

// Of a section, so many elements at least lie on a grid: else the search was in vain.
constexpr size_t kFew = 8;

// A reader has room for 2^14.
constexpr size_t kMaxPieces = 1u << 14;

// A part of the section, and what is known of it.
struct FittedPart {
  TensorPlace place;
  ByteView base;
  ByteView result;
  std::optional<GridFit> grid;
  bool is_short = false;
};

// What is left to codec 4: elements of one kind, joined.
struct Inner {
  std::vector<SectionPart> parts;
  std::vector<uint8_t> base;
  std::vector<uint8_t> result;

  void add(const FittedPart& part, const ValueType& type, const ShortFloats* floats) {
    const auto append = [&](ByteView from, std::vector<uint8_t>* to) {
      for (size_t at = 0; at < from.size(); at += kBytes) {
        const auto bits = load_le<uint32_t>(from.data() + at);
        to->resize(to->size() + type.bytes);
        store_bits(type, to->data() + to->size() - type.bytes,
                   floats != nullptr ? shortened(*floats, bits) : bits);
      }
    };
    append(part.base, &base);
    append(part.result, &result);
    parts.push_back({part.result.size() / kBytes * type.bytes, part.place, {}});
  }

  std::vector<uint8_t> coded(const ValueType& type) const {
    if (result.empty()) return {};
    return encode_values(type, parts, base, result);
  }
};

class GridEncoder {
 public:
  GridEncoder(const ShortFloats& floats, bool has_base, size_t elements)
      : floats_(floats), has_base_(has_base), room_(elements), coder_(coded_) {}

  void add(FittedPart& part) {
    GridPiece piece;
    piece.elements = part.result.size() / kBytes;
    if (part.grid) {
      add_points(part);
    } else {
      piece.kind = part.is_short ? GridKind::short_ones : GridKind::none;
      code(coder_, *model_, part, piece);
      if (part.is_short) {
        short_ones_.add(part, short_value_type(), &floats_);
      } else {
        others_.add(part, value_type_of(Dtype::f32), nullptr);
      }
    }
    room_ -= piece.elements;
  }

  std::vector<uint8_t> finish() {
    coder_.finish();
    const std::vector<uint8_t> short_ones = short_ones_.coded(short_value_type());
    const std::vector<uint8_t> others = others_.coded(value_type_of(Dtype::f32));
    std::vector<uint8_t> made;
    append_varint(coded_.size(), &made);
    append_varint(short_ones.size(), &made);
    for (const ByteView bytes : {ByteView(coded_), ByteView(short_ones), ByteView(others)})
      made.insert(made.end(), bytes.begin(), bytes.end());
    return made;
  }

 private:
  ValueType short_value_type() const {
    ValueType type{};
    (void)short_type(floats_, &type);
    return type;
  }

  // With the base or without, whatever costs less.
  void add_points(const FittedPart& part) {
    GridPiece piece = part.grid->piece;
    piece.is_alone = true;
    if (has_base_) {
      uint64_t costs[2];
      for (const bool is_alone : {false, true}) {
        piece.is_alone = is_alone;
        *trial_ = *model_;
        BitCost cost;
        code(cost, *trial_, part, piece);
        costs[is_alone ? 1 : 0] = cost.cost();
      }
      piece.is_alone = costs[1] < costs[0];
    }
    code(coder_, *model_, part, piece);
  }

  template <typename Coder>
  void code(Coder& coder, GridModel& model, const FittedPart& part, GridPiece piece) {
    Codebook codebook;
    if (part.grid) codebook = part.grid->codebook;
    ShortFloats floats = floats_;
    bool is_good = model.code_head(coder, has_base_, room_, &piece, &floats, &codebook);
    const auto wanted = [&](uint64_t i) {
      return part.grid->codes[static_cast<size_t>(i)];
    };
    const auto made = [](uint64_t, uint32_t) {};
    const uint8_t* base = part.base.data();
    if (piece.kind == GridKind::scaled) {
      code_scales(coder, model, part, piece);
      is_good &=
          model.code_scaled(coder, piece, part.grid->scales.data(), base, wanted, made);
    } else if (piece.kind == GridKind::codebook) {
      is_good &= model.code_indices(coder, piece, codebook, base, wanted, made);
    }
    if (!is_good) throw Error(Status::internal, "grid: a piece that no decoder takes");
  }

  template <typename Coder>
  void code_scales(Coder& coder, GridModel& model, const FittedPart& part,
                   const GridPiece& piece) {
    std::vector<uint32_t> largest(piece.lanes);
    if (piece.divisor != 0) largest_of_lanes(piece, part.base.data(), largest.data());
    uint32_t before = 0;
    for (uint32_t lane = 0; lane < piece.lanes; ++lane) {
      const uint32_t expected = expected_scale(piece, largest[lane], before);
      before = model.code_scale(coder, expected, part.grid->scales[lane]);
    }
  }

  ShortFloats floats_;
  bool has_base_;
  uint64_t room_;
  std::unique_ptr<GridModel> model_ = std::make_unique<GridModel>();
  std::unique_ptr<GridModel> trial_ = std::make_unique<GridModel>();
  std::vector<uint8_t> coded_;
  RangeEncoder coder_;
  Inner short_ones_;
  Inner others_;
};

std::vector<FittedPart> fit_parts(const std::vector<SectionPart>& parts, ByteView base,
                                  ByteView result) {
  std::vector<FittedPart> fitted;
  size_t at = 0;
  for (const SectionPart& part : parts) {
    const auto length = static_cast<size_t>(part.length_bytes);
    if (length == 0) continue;
    FittedPart now = {part.place,
                      base.empty() ? base : base.subspan(at, length),
                      result.subspan(at, length),
                      {},
                      false};
    at += length;
    now.grid = fit_grid(now.place, now.base, now.result);
    fitted.push_back(std::move(now));
  }
  return fitted;
}

// What is short of those that lie on no grid: all of them in the same way.
ShortFloats fit_short(ByteView base, ByteView result, std::vector<FittedPart>* parts) {
  ShortFit fit;
  for (const FittedPart& part : *parts) {
    if (!part.grid) fit.add(part.result);
  }
  std::optional<ShortFloats> floats = fit.most();
  if (!floats) return {};
  for (FittedPart& part : *parts) {
    part.is_short = !part.grid && are_short(*floats, part.result);
  }
  floats->rounding = rounding_of(*floats, base, result);
  return *floats;
}

}  // namespace

std::vector<uint8_t> encode_grid(Dtype dtype, const std::vector<SectionPart>& parts,
                                 ByteView base, ByteView result) {
  if (dtype != Dtype::f32 || parts.size() > kMaxPieces) return {};
  for (const SectionPart& part : parts) {
    if (part.length_bytes % kBytes != 0) return {};
  }
  std::vector<FittedPart> fitted = fit_parts(parts, base, result);
  const ShortFloats floats = fit_short(base, result, &fitted);
  size_t found = 0;
  for (const FittedPart& part : fitted) {
    if (part.grid || part.is_short) found += part.result.size();
  }
  if (found < result.size() / kFew || found == 0) return {};
  GridEncoder encoder(floats, !base.empty(), result.size() / kBytes);
  for (FittedPart& part : fitted) encoder.add(part);
  return encoder.finish();
}

}  // namespace mallorn::pack
