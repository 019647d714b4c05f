#include "mallorn-delta/row_votes.hpp"

#include <algorithm>
#include <functional>

#include "libcommon/passed_pages.hpp"
#include "mallorn-delta/element_codes.hpp"
#include "mallorn-delta/range_facts.hpp"

namespace mallorn::delta {
namespace {

constexpr size_t kProbed = 32;  // rows by which a look at all of them is decided
constexpr size_t kOneIn = 4;    // of so many rows is found, at least
constexpr uint64_t kMostMarks = 1u << 20;
constexpr size_t kMostOfRow = 256;  // marks
constexpr size_t kLeastOfRow = 8;
constexpr size_t kMostAlike = 8;  // rows that have a mark: others say nothing
constexpr size_t kLeastVotes = 3;
constexpr uint64_t kNoSum = 0;
constexpr uint64_t kGram = 8;  // bytes: fewer are in many rows

// What is known of a row: the least hashes of neighbouring elements, which it mostly shares
// with a row that has lost some or gained some; and a sum of hashes of all elements, which
// it shares with one that has them in another order.
struct RowMarks {
  std::vector<uint64_t> least;
  uint64_t sum = 0;
};

// Of a row of the base.
struct Mark {
  uint64_t hash = 0;
  uint32_t row = 0;
};

// Of zeros not 0, which would be the least.
uint64_t mix(uint64_t value) {
  value = (value ^ 0x6A09E667F3BCC908) * 0x9E3779B97F4A7C15;
  value = (value ^ value >> 32) * 0xBF58476D1CE4E5B9;
  return value ^ value >> 29;
}

uint64_t load_some(const uint8_t* from, size_t bytes) {
  switch (bytes) {
    case 1:
      return *from;
    case 2:
      return load_le<uint16_t>(from);
    case 4:
      return load_le<uint32_t>(from);
    case 8:
      return load_le<uint64_t>(from);
    default: {
      uint64_t value = 0;
      for (size_t i = 0; i < bytes; ++i) value = (value ^ from[i]) * 0x100000001B3;
      return value;
    }
  }
}

template <typename Number>
uint64_t sum_of_numbers(ByteView row) {
  uint64_t sum = 0;
  for (size_t at = 0; at + sizeof(Number) <= row.size(); at += sizeof(Number))
    sum += mix(load_le<Number>(row.data() + at));
  return sum;
}

// Of the hashes of all elements.
uint64_t sum_of(ByteView row, size_t width) {
  if (width == 1) return sum_of_numbers<uint8_t>(row);
  if (width == 2) return sum_of_numbers<uint16_t>(row);
  if (width == 4) return sum_of_numbers<uint32_t>(row);
  uint64_t sum = 0;
  for (size_t at = 0; at + width <= row.size(); at += width)
    sum += mix(load_some(row.data() + at, width));
  return sum;
}

// The least of some hashes, each once.
class LeastHashes {
 public:
  // About `count` will come, of which `most` are kept.
  LeastHashes(uint64_t count, size_t most)
      : most_(most),
        bound_(count <= 2 * most ? UINT64_MAX : UINT64_MAX / count * (2 * most)) {}

  void add(uint64_t hash) {
    if (hash > bound_ || (!hashes_.empty() && hash == hashes_.back())) return;
    hashes_.push_back(hash);
    if (hashes_.size() >= 8 * most_) keep_least();
  }

  std::vector<uint64_t> take() {
    keep_least();
    return std::move(hashes_);
  }

 private:
  void keep_least() {
    std::ranges::sort(hashes_);
    hashes_.erase(std::unique(hashes_.begin(), hashes_.end()), hashes_.end());
    if (hashes_.size() < most_) return;
    hashes_.resize(most_);
    bound_ = hashes_.back();
  }

  const size_t most_;
  uint64_t bound_;  // at first, twice as many as are kept are below it, roughly
  std::vector<uint64_t> hashes_;
};

class RowMatcher {
 public:
  RowMatcher(const AxisPair& pair, size_t which, Alike alike)
      : pair_(pair),
        alike_(alike),
        rows_(pair.axes[which].length),
        base_rows_(pair.axes[which].base_length),
        width_(dtype_layout(pair.range.dtype).block_bytes),
        gram_(width_ < 4 ? kGram : width_),
        most_(std::clamp<size_t>(kMostMarks / std::max(rows_, base_rows_), kLeastOfRow,
                                 kMostOfRow)) {
    const ByteView bytes = bytes_of(pair.result, pair.range);
    if (alike == Alike::near) codes_.emplace(pair.range.dtype, bytes, 4);
  }

  std::optional<std::vector<uint32_t>> run() {
    if (std::max(rows_, base_rows_) > kMaxVotedRows) return {};
    if (codes_ && codes_->bits() == 1) return {};
    read_base();
    if (!find_all(std::max<uint64_t>(rows_ / kProbed, 1))) return {};
    if (!find_all(1)) return {};
    return std::move(picks_);
  }

 private:
  RowMarks marks_of(ByteView row) const {
    if (alike_ == Alike::near) return near_marks_of(row);
    RowMarks marks;
    marks.sum = sum_of(row, width_);
    if (alike_ == Alike::whole) return marks;
    LeastHashes least(row.size() / width_, most_);
    for (size_t at = 0; at + gram_ <= row.size(); at += width_)
      least.add(mix(load_some(row.data() + at, gram_)));
    marks.least = least.take();
    return marks;
  }

  // Of the codes of neighbours, a word full.
  RowMarks near_marks_of(ByteView row) const {
    RowMarks marks;
    LeastHashes least(row.size() / width_, most_);
    uint64_t word = 0;
    for (size_t at = 0; at + width_ <= row.size(); at += width_) {
      word = word << codes_->bits() | codes_->at(row.data() + at, 0);
      if (at / width_ + 1 >= 64 / codes_->bits()) least.add(mix(word));
    }
    marks.least = least.take();
    marks.sum = kNoSum;
    return marks;
  }

  void read_base() {
    const ByteView bytes = bytes_of(pair_.base, pair_.from);
    const size_t row = bytes.size() / base_rows_;
    PassedPages passed(pair_.base.bytes(), pair_.from.offset_bytes);
    sums_.reserve(static_cast<size_t>(base_rows_));
    for (uint32_t i = 0; i < base_rows_; ++i) {
      const RowMarks found = marks_of(bytes.subspan(i * row, row));
      for (const uint64_t hash : found.least) marks_.push_back({hash, i});
      sums_.push_back({found.sum, i});
      passed.advance_to(pair_.from.offset_bytes + (i + 1) * row);
    }
    const auto order = [](const Mark& a, const Mark& b) {
      return a.hash != b.hash ? a.hash < b.hash : a.row < b.row;
    };
    std::ranges::sort(marks_, order);
    std::ranges::sort(sums_, order);
  }

  // Every n-th row; false if few of them are found.
  bool find_all(uint64_t step) {
    picks_.clear();
    const ByteView bytes = bytes_of(pair_.result, pair_.range);
    const size_t row = bytes.size() / rows_;
    PassedPages passed(pair_.result.bytes(), pair_.range.offset_bytes);
    size_t found = 0;
    for (uint64_t i = 0; i < rows_; i += step) {
      picks_.push_back(find(marks_of(bytes.subspan(i * row, row))));
      found += picks_.back() != kNoIndex ? 1 : 0;
      passed.advance_to(pair_.range.offset_bytes + (i + 1) * row);
    }
    return found * kOneIn > picks_.size();
  }

  static std::span<const Mark> equal(const std::vector<Mark>& marks, uint64_t hash) {
    const auto first = std::ranges::lower_bound(marks, hash, {}, &Mark::hash);
    const auto last = std::ranges::upper_bound(marks, hash, {}, &Mark::hash);
    return {first, last};
  }

  // The row of the base that has most marks of a row, or those that it has.
  uint32_t find(const RowMarks& row) const {
    std::vector<uint32_t> votes;
    for (const uint64_t hash : row.least) {
      const std::span<const Mark> alike = equal(marks_, hash);
      if (alike.size() > kMostAlike) continue;
      for (const Mark& mark : alike) votes.push_back(mark.row);
    }
    std::ranges::sort(votes);
    size_t most = 0;
    uint32_t best = kNoIndex;
    for (size_t i = 0, first = 0; i < votes.size(); ++i) {
      if (votes[i] != votes[first]) first = i;
      if (i + 1 - first <= most) continue;
      most = i + 1 - first;
      best = votes[i];
    }
    if (most >= kLeastVotes) return best;
    if (row.sum == kNoSum) return kNoIndex;
    const std::span<const Mark> same = equal(sums_, row.sum);
    const bool is_told = !same.empty() && same.size() <= kMostAlike;
    return is_told ? same.front().row : kNoIndex;
  }

  const AxisPair& pair_;
  const Alike alike_;
  const uint64_t rows_;
  const uint64_t base_rows_;
  const size_t width_;
  const size_t gram_;  // bytes that are hashed at once
  const size_t most_;  // marks of a row
  std::optional<ElementCodes> codes_;
  std::vector<Mark> marks_;
  std::vector<Mark> sums_;
  std::vector<uint32_t> picks_;
};

}  // namespace

std::optional<std::vector<uint32_t>> match_rows(const AxisPair& pair, size_t which,
                                                Alike alike) {
  return RowMatcher(pair, which, alike).run();
}

}  // namespace mallorn::delta
