// A greedy walk over the result. BaseCursor says how well the present alignment with the
// base does; another alignment is taken where it explains enough more bytes to pay for
// saying so.
#include "mallorn-delta/byte_match.hpp"

#include <algorithm>

#include "libcommon/core/base_cursor.hpp"
#include "libcommon/file.hpp"

namespace mallorn::delta {
namespace {

// Rough costs in bits, the currency of the choice: an unexplained byte, and saying that the
// alignment changes.
constexpr uint64_t kMissBits = 6;

// How alignments are searched for.
struct Search {
  uint64_t stride;  // only from every so many-th byte on
  unsigned candidates;
  uint64_t switch_bits;  // the coder foresees text better than tables
};
constexpr Search kThorough = {1, 48, 40};
constexpr Search kQuick = {ByteIndex::kSearchStride, 8, 80};

constexpr uint64_t kNearBits = 20;

constexpr size_t kMaxCompared = 512;  // how far candidates are followed
constexpr uint64_t kLookahead =
    256;  // how far the present alignment is followed for comparison

constexpr uint64_t kMaxSegment = 1u << 16;  // so that no segment needs to be cut again

// What is no longer may stay in memory, where it is looked at here and there.
constexpr size_t kSmallBase = size_t{96} << 20;

class Walk {
 public:
  Walk(ByteView base, ByteIndex& index, ByteView result, uint64_t expected,
       SearchBudget* budget)
      : base_(base),
        index_(index),
        result_(result),
        budget_(budget),
        cursor_(base, 0, expected),
        start_(expected) {}

  std::vector<Segment> run() {
    while (at_ < result_.size()) {
      if (segments_.size() >= budget_->segments) return {};
      const uint64_t run = straight_run();
      if (run >= kMinCopy) {
        copy(run);
      } else if (run == result_.size() - at_ || !realign()) {
        cursor_.advance(result_[at_]);
        ++at_;
        if (at_ - pending_ == kMaxSegment) {
          flush();
          begin_at(cursor_.straight_offset());
        }
      }
      release_passed();
    }
    flush();
    return std::move(segments_);
  }

 private:
  uint64_t straight_run() const {
    if (!cursor_.has_straight() || cursor_.straight() != result_[at_]) return 0;
    return long_common_length(base_.subspan(static_cast<size_t>(cursor_.straight_offset())),
                              result_.subspan(at_));
  }

  // Bytes begun at pending_ that belong to no copy become one segment.
  void flush() {
    if (at_ == pending_) return;
    segments_.push_back({false, start_ < base_.size(), start_, at_ - pending_});
    pending_ = at_;
  }

  void begin_at(uint64_t base_offset) {
    cursor_ = BaseCursor(base_, 0, base_offset);
    start_ = base_offset;
  }

  void copy(uint64_t length) {
    flush();
    const uint64_t from = cursor_.straight_offset();
    segments_.push_back({true, true, from, length});
    at_ += length;
    pending_ = at_;
    begin_at(from + length);
  }

  // How many of the next `length` bytes the present alignment gets right.
  uint64_t hits_ahead(uint64_t length) const {
    BaseCursor trial = cursor_;
    uint64_t hits = 0;
    for (uint64_t i = 0; i < length; ++i) {
      const uint8_t byte = result_[at_ + i];
      hits += trial.foresees(byte) ? 1 : 0;
      trial.advance(byte);
    }
    return hits;
  }

  const Search& next_search() {
    if (budget_->thorough == 0) return kQuick;
    --budget_->thorough;
    return kThorough;
  }

  bool realign() {
    if (cursor_.straight_run() >= 16) return false;  // well aligned: not worth a search
    const Search& search = next_search();
    if (at_ % search.stride != 0) return false;
    // Longer agreement would not change the choice, and must not cost time at every byte.
    const ByteView ahead_bytes =
        result_.subspan(at_, std::min(result_.size() - at_, kMaxCompared));
    const ByteIndex::Match match =
        index_.find(ahead_bytes, cursor_.straight_offset(), search.candidates);
    if (match.length == 0) return false;
    looks_ += is_large_ ? 1 : 0;
    if (match.base_offset == cursor_.straight_offset()) return false;
    const uint64_t ahead = std::min(match.length, kLookahead);
    const uint64_t hits = hits_ahead(ahead);
    const uint64_t switch_bits =
        is_near(match.base_offset) ? kNearBits : search.switch_bits;
    if ((ahead - hits) * kMissBits <= switch_bits) return false;
    extend_backward(match.base_offset);
    return true;
  }

  bool is_near(uint64_t base_offset) const {
    constexpr uint64_t kNear = 16;
    const uint64_t ahead = base_offset - cursor_.straight_offset();
    return std::min(ahead, uint64_t{0} - ahead) <= kNear;
  }

  // Moves to the alignment of `base_offset`, taking pending bytes along that agree with it.
  void extend_backward(uint64_t base_offset) {
    uint64_t back = 0;
    while (back < at_ - pending_ && back < base_offset &&
           base_[static_cast<size_t>(base_offset - back - 1)] == result_[at_ - back - 1]) {
      ++back;
    }
    at_ -= back;
    flush();
    begin_at(base_offset - back);
  }

  // Gives back pages before there are many. Not at once what is looked at here and there:
  // where bytes recur all over a base, as those of text do, most would be needed again.
  void release_passed() {
    constexpr uint64_t kMostKept = uint64_t{8} << 20;
    constexpr uint64_t kLook = 8 * 1024;
    if (at_ + looks_ * kLook < released_ + kMostKept) return;
    if (is_large_) release_mapped(base_);
    if (at_ > released_) release_mapped(result_.subspan(released_, at_ - released_));
    released_ = at_;
    looks_ = 0;
  }

  ByteView base_;
  const bool is_large_ = base_.size() > kSmallBase;
  ByteIndex& index_;
  ByteView result_;
  SearchBudget* budget_;
  BaseCursor cursor_;
  uint64_t start_;      // where in the base the pending bytes began
  size_t at_ = 0;       // next byte of the result
  size_t pending_ = 0;  // first byte not yet in a segment
  size_t released_ = 0;
  uint64_t looks_ = 0;  // at the base, somewhere, since then
  std::vector<Segment> segments_;
};

}  // namespace

std::vector<Segment> match_bytes(ByteView base, ByteIndex& index, ByteView result,
                                 uint64_t expected, SearchBudget* budget) {
  return Walk(base, index, result, expected, budget).run();
}

}  // namespace mallorn::delta
