// Plans of profile lite made up for tests, and their decoding in pieces of any size.
#pragma once

#include <algorithm>
#include <memory>

#include "mallorn-apply/core/lite_decoder.hpp"
#include "mallorn-pack/lite_plan.hpp"
#include "tests/support/random.hpp"

namespace mallorn::test {

// Appends pieces to a plan, with the bytes that they make.
class LitePlanner {
 public:
  explicit LitePlanner(Random& random, size_t base_bytes) : random_(random) {
    plan.base = random.bytes(base_bytes);
  }

  void add(pack::LitePiece piece, const Bytes& made) {
    piece.begin = static_cast<uint32_t>(plan.result.size());
    piece.length = static_cast<uint32_t>(made.size());
    plan.result.insert(plan.result.end(), made.begin(), made.end());
    plan.pieces.push_back(piece);
  }

  Bytes base_at(uint32_t offset, size_t length) const {
    return {plan.base.begin() + offset,
            plan.base.begin() + static_cast<ptrdiff_t>(offset + length)};
  }

  // Of any kind; at most `most` bytes, a multiple of four.
  void add_any(uint32_t most) {
    pack::LitePiece piece;
    const auto length = static_cast<uint32_t>(4 + random_.below(most / 4) * 4);
    piece.content = static_cast<pack::LiteContent>(random_.below(5));
    piece.has_base = length <= plan.base.size() && !random_.chance(3);
    if (piece.has_base) {
      piece.base_offset =
          static_cast<uint32_t>(random_.below(plan.base.size() - length + 1));
    }
    const Bytes there =
        piece.has_base ? base_at(piece.base_offset, length) : random_.bytes(length);
    const auto made = static_cast<uint32_t>(plan.result.size());
    switch (piece.content) {
      case pack::LiteContent::copy:
      case pack::LiteContent::changed:
        if (made > 4 && random_.chance(2)) return add_own(piece, length);
        if (!piece.has_base) return;
        return add(piece, piece.content == pack::LiteContent::copy
                              ? there
                              : random_.changed(there, 5));
      case pack::LiteContent::literal:
        return add(piece, random_.chance(2) ? random_.text(length) : random_.bytes(length));
      case pack::LiteContent::elements:
        piece.type = static_cast<LiteType>(random_.below(kLiteTypes));
        piece.place.row_elements = random_.below(40);
        piece.place.base_zero =
            random_.chance(2) ? 0 : static_cast<int32_t>(random_.below(384)) - 128;
        piece.place.result_zero =
            random_.chance(2) ? 0 : static_cast<int32_t>(random_.below(384)) - 128;
        return add(piece, moved(piece.type, there));
      case pack::LiteContent::derived:
        return add_derived(piece, length);
    }
  }

  pack::LitePlan plan;

 private:
  // From the result itself, perhaps from what the piece makes.
  void add_own(pack::LitePiece piece, uint32_t length) {
    const auto made = static_cast<uint32_t>(plan.result.size());
    piece.has_base = true;
    piece.is_own = true;
    piece.base_offset = static_cast<uint32_t>(random_.below(made));
    Bytes all = plan.result;
    for (uint32_t i = 0; i < length; ++i) {
      const bool changes = piece.content == pack::LiteContent::changed && random_.chance(6);
      all.push_back(changes ? random_.byte() : all[piece.base_offset + i]);
    }
    add(piece, Bytes(all.begin() + made, all.end()));
  }

  void add_derived(pack::LitePiece piece, uint32_t length) {
    const auto made = static_cast<uint32_t>(plan.result.size());
    piece.has_source_in_base = length <= plan.base.size() && random_.chance(2);
    const uint32_t room = piece.has_source_in_base
                              ? static_cast<uint32_t>(plan.base.size()) - length + 1
                          : made < 4 ? 0
                                     : made - 3;
    if (room == 0) return;
    piece.source = static_cast<uint32_t>(random_.below(room));
    piece.factor = static_cast<uint32_t>(random_());
    Bytes all = piece.has_source_in_base ? plan.base : plan.result;
    Bytes numbers;
    for (uint32_t i = 0; i < length; i += 4) {
      uint32_t number =
          lite_f32_product(load_le<uint32_t>(all.data() + piece.source + i), piece.factor);
      if (random_.chance(3)) number += static_cast<uint32_t>(random_.below(300)) - 150;
      if (random_.chance(9)) number = static_cast<uint32_t>(random_());
      Bytes bytes(4);
      store_le(bytes.data(), number);
      numbers.insert(numbers.end(), bytes.begin(), bytes.end());
      if (!piece.has_source_in_base) all.insert(all.end(), bytes.begin(), bytes.end());
    }
    add(piece, numbers);
  }

  // Elements that have moved a little, some of them to an extreme.
  Bytes moved(LiteType type, Bytes bytes) {
    const uint32_t size = lite_type_bytes(type);
    for (size_t at = 0; at + size <= bytes.size(); at += size) {
      if (random_.chance(4)) continue;
      if (random_.chance(8)) {
        const bool is_high = random_.chance(2);
        for (uint32_t i = 0; i < size; ++i) {
          const uint8_t top = is_high ? 0x7F : 0x80;
          const uint8_t low = is_high ? 0xFF : 0x00;
          bytes[at + i] = i + 1 == size ? top : low;
        }
        continue;
      }
      bytes[at] = static_cast<uint8_t>(bytes[at] + random_.below(7) - 3);
      if (random_.chance(20)) bytes[at + size - 1] = random_.byte();
    }
    return bytes;
  }

  Random& random_;
};

// Where decoding can begin: a restart point, or the beginning of both.
struct LitePlace {
  uint32_t result_offset = 0;
  uint32_t body_offset = 0;
};

// Of a body: what is from `begin` to `end`, and how much is behind it.
inline apply::LiteInput input_of(ByteView body, size_t begin, size_t end) {
  return {body.data() + begin, body.data() + end, static_cast<uint32_t>(body.size() - end)};
}

inline apply::LitePage page_of(Bytes& room) {
  return {room.data(), room.data(), room.data() + room.size()};
}

inline LitePlace place_of(const apply::LiteDecoder& decoder, size_t body_bytes) {
  return {decoder.result_offset(),
          static_cast<uint32_t>(body_bytes) - decoder.input.left()};
}

// What a decoder makes of a body, given in pieces and taken by pages of sizes that `random`
// chooses; in one piece without. Nothing if it refuses; then `*status` says why.
struct LiteRun {
  explicit LiteRun(ByteView from_base, uint32_t length)
      : base(from_base), result_bytes(length) {}

  bool run(ByteView body, Random* random, LitePlace place = {}) {
    const auto page_bytes = random != nullptr ? 1 + random->below(200) : result_bytes + 1;
    Bytes room(static_cast<size_t>(page_bytes));
    const auto decoder = std::make_unique<apply::LiteDecoder>();
    apply::LitePage& page = decoder->page;
    page = page_of(room);
    decoder->lengths = {static_cast<uint32_t>(base.size()), result_bytes, features};
    decoder->files = {read_file, this};
    const auto body_bytes = static_cast<uint32_t>(body.size());
    decoder->input = input_of(body, body_bytes, body_bytes);
    decoder->input.unread = body_bytes - place.body_offset;
    decoder->begin(place.result_offset);
    size_t begin = place.body_offset;
    size_t end = random != nullptr ? begin : body.size();
    for (;;) {
      decoder->input = input_of(body, begin, end);
      const apply::LiteStep step = decoder->step();
      begin = body.size() - decoder->input.left();
      if (step == apply::LiteStep::want_input) {
        REQUIRE(end < body.size());
        const uint64_t more = random != nullptr ? 1 + random->below(90) : body.size();
        end = std::min<size_t>(body.size(), end + more);
      }
      if (step == apply::LiteStep::page_full || step == apply::LiteStep::done) {
        result.insert(result.end(), room.begin(), room.begin() + page.used());
        page.next = page.begin;
      }
      if (decoder->is_at_restart() && result.size() == decoder->result_offset()) {
        restarts.push_back(place_of(*decoder, body.size()));
      }
      status = decoder->status();
      if (step == apply::LiteStep::done) return true;
      if (step == apply::LiteStep::failed) return false;
    }
  }

  static bool read(ByteView file, uint32_t offset, uint8_t* to, uint32_t length) {
    if (!range_fits(offset, length, file.size())) return false;
    memcpy(to, file.data() + offset, length);
    return true;
  }
  static int read_file(void* run, uint32_t from, uint8_t* to, uint32_t length) {
    const auto& files = *static_cast<const LiteRun*>(run);
    if (from < apply::kLiteOwn) return read(files.base, from, to, length) ? 0 : -1;
    const uint32_t offset = from - apply::kLiteOwn;
    const bool is_near = offset % 32 + length <= 32;
    return is_near && read(files.result, offset, to, length) ? 0 : -1;
  }

  ByteView base;
  uint32_t result_bytes;
  uint32_t features = 0;
  Bytes result;  // may begin with what was there before `place`
  Status status = Status::ok;
  std::vector<LitePlace> restarts;
};

}  // namespace mallorn::test
