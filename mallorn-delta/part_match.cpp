// As in searches for genes: a seed, then an extension that goes on while its score does not
// fall too far below the best so far. Elements of unrelated rows agree in every other sign.
#include "mallorn-delta/part_match.hpp"

#include <optional>

#include "libcommon/passed_pages.hpp"
#include "mallorn-delta/byte_index.hpp"
#include "mallorn-delta/range_facts.hpp"
#include "mallorn-delta/rows.hpp"
#include "mallorn-delta/seed_keys.hpp"

namespace mallorn::delta {
namespace {

// Scores of an element: of one that is near, of an equal sign, of another sign.
constexpr int64_t kSame = 2;
constexpr int64_t kAgreed = 1;
constexpr int64_t kDiffered = -4;
constexpr int64_t kDrop = 64;        // an extension ends so far below its best score
constexpr int64_t kLeastScore = 40;  // of a part
constexpr size_t kEqualBytes = 64;   // compared at once
constexpr uint64_t kSnapped = 8;     // elements between the end of a part and that of a row
constexpr uint64_t kJoined = 1024;   // bytes between parts that are joined

// What of the base a part must lie in: one range.
struct Limits {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t block_bytes = 1;  // blocks begin at multiples from `begin` on
  uint64_t row_bytes = 1;    // and so do rows
};

struct Extension {
  uint64_t elements = 0;
  int64_t score = 0;
};

class PartFinder {
 public:
  PartFinder(const Model& base, const AnchorIndex& index, const Model& result,
             const Range& range)
      : base_model_(base),
        result_model_(result),
        index_(index),
        range_(range),
        base_(base.bytes()),
        result_(result.bytes().subspan(static_cast<size_t>(range.offset_bytes),
                                       static_cast<size_t>(range.length_bytes))),
        signs_(range.dtype, result_),
        width_(signs_.width()),
        block_(dtype_layout(range.dtype).block_bytes),
        row_(row_bytes(range)) {}

  std::vector<Part> run(const std::vector<uint64_t>& expected) {
    for (const uint64_t place : expected) {
      if (try_seed(0, place)) break;
    }
    search_seeds();
    add_rest(result_.size());
    return std::move(parts_);
  }

 private:
  // The range of the base that has `offset`, and in which a part that begins there must
  // lie.
  Limits limits_at(uint64_t offset) const {
    const Range& range = base_model_.manifest.ranges[range_at(base_model_, offset)];
    const bool is_structured =
        range.kind == RangeKind::tensor && range.dtype != Dtype::opaque;
    return {range.offset_bytes, range.offset_bytes + range.length_bytes,
            is_structured ? dtype_layout(range.dtype).block_bytes : uint64_t{1},
            row_bytes(range)};
  }

  int64_t score_of(const uint8_t* a, const uint8_t* b) const {
    if (signs_.at(a) != signs_.at(b)) return kDiffered;
    return signs_.are_near(a, b) ? kSame : kAgreed;
  }

  // How far elements from the two places on agree.
  Extension forward(uint64_t at, uint64_t from, uint64_t from_end) const {
    const uint64_t limit = std::min(result_.size() - at, from_end - from) / width_;
    Extension best;
    int64_t score = 0;
    const uint64_t equal = kEqualBytes / width_;
    PassedPages passed(result_model_.bytes(), range_.offset_bytes + at);
    PassedPages passed_base(base_model_.bytes(), from);
    for (uint64_t i = 0; i < limit;) {
      const uint8_t* const a = result_.data() + at + i * width_;
      const uint8_t* const b = base_.data() + from + i * width_;
      if (i + equal <= limit && memcmp(a, b, equal * width_) == 0) {
        score += kSame * static_cast<int64_t>(equal);
        i += equal;
        passed.advance_to(range_.offset_bytes + at + i * width_);
        passed_base.advance_to(from + i * width_);
      } else {
        score += score_of(a, b);
        ++i;
      }
      if (score > best.score) best = {i, score};
      if (score < best.score - kDrop) break;
    }
    return best;
  }

  // The same before the two places, but not before `at_begin` and `from_begin`.
  Extension backward(uint64_t at, uint64_t at_begin, uint64_t from,
                     uint64_t from_begin) const {
    const uint64_t limit = std::min(at - at_begin, from - from_begin) / width_;
    Extension best;
    int64_t score = 0;
    for (uint64_t i = 1; i <= limit; ++i) {
      score += score_of(result_.data() + at - i * width_, base_.data() + from - i * width_);
      if (score > best.score) best = {i, score};
      if (score < best.score - kDrop) break;
    }
    return best;
  }

  // Looks up the keys of all elements in no part. Where key after key leads nowhere, the
  // elements after it are passed over, more and more of them: a crafted model must not
  // make every element cost as much as a part does.
  void search_seeds() {
    constexpr uint64_t kMostSkipped = 64;
    constexpr uint64_t kTriesKept = 64;  // whose pages of the base may stay in memory
    uint64_t tries = 0;
    PassedPages passed(result_model_.bytes(), range_.offset_bytes);
    uint64_t tried_from = 0;
    uint64_t skipped = 1;
    SeedKeys keys(index_, result_, signs_);
    keys.go_to(search_begin());
    while (keys.next()) {
      passed.advance_to(range_.offset_bytes + keys.seeds().front().at);
      for (const auto& [key, at] : keys.seeds()) {
        if (!index_.may_have(key) || key == 0 || at < tried_from) continue;
        if (++tries % kTriesKept == 0) base_model_.file->release(0, base_.size());
        if (try_key(key, at)) {
          keys.go_to(search_begin());
          skipped = 1;
          break;
        }
        tried_from = at + skipped * width_;
        skipped = std::min(skipped * 2, kMostSkipped);
      }
    }
  }

  // The last elements of a part may belong to the next one.
  uint64_t search_begin() const {
    if (parts_.empty() || !parts_.back().has_base) return made_;
    return made_ - std::min<uint64_t>(kKeySigns, parts_.back().length / width_) * width_;
  }

  bool try_key(uint64_t key, uint64_t at) {
    const AnchorIndex::Found found = index_.find(key);
    Extension best;
    std::optional<uint64_t> place;
    for (size_t i = 0; i < found.count; ++i) {
      const auto limits = limits_for(at, found.offsets[i]);
      if (!limits || (at < made_ && continues_last(found.offsets[i] - at))) continue;
      const uint64_t end = std::min(limits->end, found.offsets[i] + 256 * width_);
      const Extension extension = forward(at, found.offsets[i], end);
      if (extension.score <= best.score) continue;
      best = extension;
      place = found.offsets[i];
    }
    return place && try_seed(at, *place);
  }

  bool continues_last(uint64_t ahead) const {
    return !parts_.empty() && parts_.back().has_base &&
           parts_.back().base_offset - parts_.back().offset == ahead;
  }

  // Where elements, or blocks, begin in both at the two places.
  std::optional<Limits> limits_for(uint64_t at, uint64_t from) const {
    if (from >= base_.size()) return {};
    const Limits limits = limits_at(from);
    const bool fits =
        limits.block_bytes == 1 || block_ == 1 ||
        (limits.block_bytes == block_ && (from - limits.begin) % block_ == at % block_);
    return fits ? std::optional(limits) : std::nullopt;
  }

  // Adds the part that has the elements at both places, if there is one.
  bool try_seed(uint64_t at, uint64_t from) {
    const auto limits = limits_for(at, from);
    if (!limits) return false;
    const Extension ahead = forward(at, from, limits->end);
    const uint64_t floor = std::min(at, made_);  // a seed may begin before a part ends
    const Extension behind = backward(at, floor, from, limits->begin);
    if (ahead.score + behind.score < kLeastScore) return false;
    uint64_t begin = std::max(at - behind.elements * width_, made_);
    uint64_t end = at + ahead.elements * width_;
    if (end <= begin) return false;
    trim(&begin, &end, from - at);
    const uint64_t begin_limit =
        std::max(made_, at - std::min(at - floor, from - limits->begin));
    const uint64_t end_limit = at + std::min(result_.size() - at, limits->end - from);
    begin = snap(begin, begin_limit, end, *limits, from - at);
    end = snap(end, begin, end_limit, *limits, from - at);
    begin -= take_over(begin, from - at, *limits);
    begin = (begin + block_ - 1) / block_ * block_;
    if (end < result_.size()) end -= end % block_;
    if (begin >= end || end <= made_) return false;
    add(begin, end, from + begin - at);
    return true;
  }

  // The nearest boundary of rows, of either tensor, if it is near and within limits; bytes
  // of the base are `ahead` (mod 2^64) of those of the tensor.
  uint64_t snap(uint64_t at, uint64_t least, uint64_t most, const Limits& limits,
                uint64_t ahead) const {
    const uint64_t here = nearest_multiple(at, row_) - at;
    const uint64_t in_base = at + ahead - limits.begin;
    const uint64_t there = nearest_multiple(in_base, limits.row_bytes) - in_base;
    const uint64_t moved = magnitude(there) < magnitude(here) ? there : here;
    const uint64_t row = at + moved;
    return magnitude(moved) <= kSnapped * width_ && row >= least && row <= most ? row : at;
  }

  static uint64_t nearest_multiple(uint64_t value, uint64_t unit) {
    return (value + unit / 2) / unit * unit;
  }

  // Of a difference mod 2^64.
  static uint64_t magnitude(uint64_t difference) {
    return std::min(difference, uint64_t{0} - difference);
  }

  // How well elements at two places resemble each other, from 0 to 3.
  int64_t likeness(uint64_t at, uint64_t from) const {
    const uint8_t* const a = result_.data() + at;
    const uint8_t* const b = base_.data() + from;
    if (memcmp(a, b, width_) == 0) return 3;
    if (signs_.at(a) != signs_.at(b)) return 0;
    return signs_.are_near(a, b) ? 2 : 1;
  }

  // A part may have gone on by chance where it should have ended: leaves out elements at
  // both ends that resemble the base less than half as much as others of the part do.
  void trim(uint64_t* begin, uint64_t* end, uint64_t ahead) const {
    constexpr uint64_t kTried = 64;
    constexpr int64_t kByChance = 3;  // in fifths, as all of this
    const uint64_t elements = (*end - *begin) / width_;
    const uint64_t tried = std::min(kTried, elements / 2);
    int64_t sum = 0;
    for (uint64_t i = 0; i < tried; ++i) {
      const uint64_t at = *begin + (elements / 2 + i) * width_;
      sum += 5 * likeness(at, at + ahead);
    }
    if (tried == 0) return;
    const int64_t expected = (sum / static_cast<int64_t>(tried) + kByChance) / 2;
    const auto worst = [&](uint64_t first, bool is_backward) {
      uint64_t left_out = 0;
      int64_t loss = 0;
      int64_t most = 0;
      for (uint64_t i = 0; i < tried; ++i) {
        const uint64_t at = is_backward ? first - (i + 1) * width_ : first + i * width_;
        loss += expected - 5 * likeness(at, at + ahead);
        if (loss <= most) continue;
        most = loss;
        left_out = i + 1;
      }
      return left_out * width_;
    };
    const uint64_t front = worst(*begin, false);
    *end -= worst(*end, true);
    *begin = std::min(*begin + front, *end);
  }

  // A part may have gone on by chance where the next one should have begun: how many of its
  // last bytes resemble more what the next one has. The base is `ahead` of the tensor.
  uint64_t take_over(uint64_t begin, uint64_t ahead, const Limits& limits) const {
    constexpr int64_t kLost = 24;
    if (parts_.empty() || begin != made_) return 0;
    const Part& last = parts_.back();
    const uint64_t limit = std::min(last.length, begin + ahead - limits.begin) / width_;
    const uint64_t last_ahead = last.base_offset - last.offset;
    uint64_t taken = 0;
    int64_t gain = 0;
    int64_t most = 0;
    for (uint64_t i = 1; i <= limit && gain > most - kLost; ++i) {
      const uint64_t at = begin - i * width_;
      gain += likeness(at, at + ahead) - likeness(at, at + last_ahead);
      if (gain <= most) continue;
      most = gain;
      taken = i;
    }
    return taken * width_;
  }

  void add(uint64_t begin, uint64_t end, uint64_t base_offset) {
    if (begin < made_) cut_last(begin);
    if (!parts_.empty()) {
      Part& last = parts_.back();
      const bool continues =
          last.base_offset + (begin - last.offset) == base_offset &&
          range_at(base_model_, last.base_offset) == range_at(base_model_, base_offset);
      if (continues && begin - made_ <= kJoined) {
        last.length = end - last.offset;
        made_ = end;
        return;
      }
    }
    add_rest(begin);
    parts_.push_back({begin, end - begin, true, base_offset});
    made_ = end;
  }

  void cut_last(uint64_t end) {
    parts_.back().length = end - parts_.back().offset;
    if (parts_.back().length == 0) parts_.pop_back();
    made_ = end;
  }

  // What is before `end` and in no part has no base.
  void add_rest(uint64_t end) {
    if (made_ == end) return;
    parts_.push_back({made_, end - made_, false, 0});
    made_ = end;
  }

  const Model& base_model_;
  const Model& result_model_;
  const AnchorIndex& index_;
  const Range& range_;
  const ByteView base_;
  const ByteView result_;
  const Signs signs_;
  const size_t width_;
  const uint64_t block_;
  const uint64_t row_;
  std::vector<Part> parts_;
  uint64_t made_ = 0;  // bytes of the tensor that are in parts
};

}  // namespace

std::vector<Part> find_parts(const Model& base, const AnchorIndex& index,
                             const Model& result, const Range& range,
                             const std::vector<uint64_t>& expected) {
  return PartFinder(base, index, result, range).run(expected);
}

}  // namespace mallorn::delta
