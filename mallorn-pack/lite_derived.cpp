#include "mallorn-pack/lite_derived.hpp"

#include <algorithm>
#include <bit>
#include <map>

namespace mallorn::pack {
namespace {

class Arranger {
 public:
  explicit Arranger(LitePlan* plan) : plan_(*plan) {}

  void run() {
    for (LitePiece& piece : plan_.pieces) {
      if (piece.content == LiteContent::derived && !take_from_base(&piece)) join(piece);
    }
    std::vector<LitePiece> placed;
    for (const auto& [first, family] : families()) arrange(first, family, &placed);
    for (const LitePiece& piece : placed) {
      if (may_take_place(piece)) place(piece);
    }
    for (LitePiece& piece : plan_.pieces) {
      const bool is_ahead = piece.source >= piece.begin || piece.begin - piece.source < 4;
      if (piece.content == LiteContent::derived && !piece.has_source_in_base && is_ahead) {
        piece.content = LiteContent::elements;
        piece.type = LiteType::f32;
      }
    }
  }

 private:
  // Where the source is a copy, the base has it.
  bool take_from_base(LitePiece* piece) const {
    const LitePiece& source = piece_at(piece->source);
    if (source.content != LiteContent::copy ||
        piece->source + piece->length > source.begin + source.length) {
      return false;
    }
    piece->source = source.base_offset + (piece->source - source.begin);
    piece->has_source_in_base = true;
    return true;
  }

  const LitePiece& piece_at(uint32_t offset) const {
    const auto after = std::upper_bound(
        plan_.pieces.begin(), plan_.pieces.end(), offset,
        [](uint32_t at, const LitePiece& piece) { return at < piece.begin; });
    return *(after - 1);
  }

  // --- families: the least member stands for all

  void join(const LitePiece& piece) {
    lengths_[piece.begin] = lengths_[piece.source] = piece.length;
    factors_[{piece.begin, piece.source}] = piece.factor;
    const uint32_t a = first_of(piece.begin);
    const uint32_t b = first_of(piece.source);
    before_[std::max(a, b)] = std::min(a, b);
  }

  uint32_t first_of(uint32_t member) {
    while (before_.emplace(member, member).first->second != member)
      member = before_[member];
    return member;
  }

  std::map<uint32_t, std::vector<uint32_t>> families() {
    std::map<uint32_t, std::vector<uint32_t>> families;
    for (const auto& [member, length] : lengths_)
      families[first_of(member)].push_back(member);
    return families;
  }

  void arrange(uint32_t first, const std::vector<uint32_t>& members,
               std::vector<LitePiece>* placed) {
    for (const uint32_t member : members) {
      LitePiece piece;
      piece.begin = member;
      piece.length = lengths_[member];
      piece.type = LiteType::f32;
      const LitePiece& there = piece_at(member);
      const bool is_whole = member + piece.length <= there.begin + there.length;
      const uint32_t base_offset = there.base_offset + (member - there.begin);
      piece.has_base =
          there.has_base && is_whole && base_offset + piece.length <= plan_.base.size();
      if (piece.has_base) piece.base_offset = base_offset;
      if (member == first) {
        piece.content = LiteContent::elements;
      } else {
        piece.content = LiteContent::derived;
        piece.source = source_of(member, members);
        const auto factor = factors_.find({member, piece.source});
        piece.factor = factor != factors_.end() ? factor->second : fit(piece);
      }
      placed->push_back(piece);
    }
  }

  // The nearest relative that a device has made before.
  uint32_t source_of(uint32_t member, const std::vector<uint32_t>& members) const {
    for (const uint32_t other : members) {
      if (other < member &&
          (factors_.contains({member, other}) || factors_.contains({other, member}))) {
        return other;
      }
    }
    return members.front();
  }

  uint32_t number_at(uint32_t offset) const {
    return load_le<uint32_t>(plan_.result.data() + offset);
  }

  // The factor by which a piece follows best from its source: near the first quotient.
  uint32_t fit(const LitePiece& piece) const {
    uint32_t middle = 0;
    for (uint32_t i = 0; i < piece.length && middle == 0; i += 4) {
      const auto from = std::bit_cast<float>(number_at(piece.source + i));
      const auto to = std::bit_cast<float>(number_at(piece.begin + i));
      if (from > 0 && to > 0) middle = std::bit_cast<uint32_t>(to / from);
    }
    constexpr uint32_t kNear = 3;
    uint32_t best = middle;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i <= 2 * kNear; ++i) {
      const uint32_t factor = middle + i - kNear;
      uint64_t missed = 0;
      for (uint32_t k = 0; k < piece.length; k += 4) {
        const auto difference =
            static_cast<int32_t>(number_at(piece.begin + k) -
                                 lite_f32_product(number_at(piece.source + k), factor));
        missed += static_cast<uint64_t>(std::abs(int64_t{difference}));
      }
      if (missed < least) least = missed, best = factor;
    }
    return best;
  }

  // --- putting pieces in place of others

  static bool overlap(const LitePiece& a, const LitePiece& b) {
    return a.begin < b.begin + b.length && b.begin < a.begin + a.length;
  }

  // Numbers of no other vector, or bytes.
  static bool is_part_of(const LitePiece& other, const LitePiece& vector) {
    return other.type == LiteType::f32 && other.begin >= vector.begin &&
           other.begin + other.length <= vector.begin + vector.length;
  }

  bool may_take_place(const LitePiece& piece) const {
    return std::none_of(
        plan_.pieces.begin(), plan_.pieces.end(), [&](const LitePiece& other) {
          return overlap(piece, other) &&
                 ((other.content == LiteContent::elements && !is_part_of(other, piece)) ||
                  (other.content == LiteContent::derived &&
                   (other.has_source_in_base || other.begin != piece.begin)));
        });
  }

  void place(const LitePiece& piece) {
    std::vector<LitePiece> pieces;
    for (const LitePiece& other : plan_.pieces) {
      if (!overlap(piece, other)) {
        pieces.push_back(other);
        continue;
      }
      const uint32_t end = piece.begin + piece.length;
      const uint32_t other_end = other.begin + other.length;
      if (other.begin < piece.begin) {
        pieces.push_back(other);
        pieces.back().length = piece.begin - other.begin;
      }
      if (pieces.empty() || pieces.back().begin != piece.begin) pieces.push_back(piece);
      if (other_end > end) {
        LitePiece rest = other;
        rest.begin = end;
        rest.length = other_end - end;
        rest.base_offset += end - other.begin;
        pieces.push_back(rest);
      }
    }
    plan_.pieces = std::move(pieces);
  }

  LitePlan& plan_;
  std::map<uint32_t, uint32_t> before_;  // by member: a lesser one of the family, or itself
  std::map<uint32_t, uint32_t> lengths_;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> factors_;  // by member and its source
};

}  // namespace

void arrange_derived(LitePlan* plan) { Arranger(plan).run(); }

}  // namespace mallorn::pack
