#include "mallorn-pack/edit_fit.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <utility>
#include <vector>

namespace mallorn::pack {
namespace {

// Of so many elements that have changed it is seen whether a value is frequent, and it is
// if one in so many has it.
constexpr size_t kFrequencySample = 4096;
constexpr size_t kFrequent = 64;

// Places of elements are counted by their highest bits, as many.
constexpr uint32_t kBucketBits = 16;
constexpr size_t kFewElements = 4096;  // of which all places are sorted
constexpr size_t kFewSampled = 200;    // one in so many: else an interval is not worth it

struct Array {
  const ValueType& type;
  ByteView base;
  ByteView result;
  size_t elements;

  uint64_t from(size_t i) const { return load_edit(type, base.data() + i * type.bytes); }
  uint64_t to(size_t i) const { return load_edit(type, result.data() + i * type.bytes); }
};

// The place of an element of the base in the order of all, and what it says for an interval
// around it: 1 if its result has the value that is looked at, -1 if it has another.
struct Vote {
  int64_t order;
  int32_t score;
};

// From `low` to `high`, both of them included.
struct Interval {
  int64_t low;
  int64_t high;
  int64_t score;
};

class Voters {
 public:
  // What is right where nothing is special needs no interval.
  Voters(const Array& array, uint64_t value, bool stays)
      : array_(array), value_(value), stays_(stays) {}

  Vote operator()(size_t i) const {
    const uint64_t from = array_.from(i);
    const int64_t order = edit_order(array_.type, from);
    if (array_.to(i) != value_) return {order, -1};
    return {order, stays_ && from == value_ ? 0 : 1};
  }

 private:
  const Array& array_;
  uint64_t value_;
  bool stays_;
};

// The places in a row with the greatest sum, of votes in ascending order.
Interval best_run(const std::vector<Vote>& votes) {
  Interval best{0, -1, 0};
  int64_t sum = 0;
  size_t begin = 0;
  for (size_t i = 0; i < votes.size();) {
    size_t end = i;  // those of one place stay together
    int64_t score = 0;
    for (; end < votes.size() && votes[end].order == votes[i].order; ++end)
      score += votes[end].score;
    if (sum <= 0) {
      sum = 0;
      begin = i;
    }
    sum += score;
    if (sum > best.score) best = {votes[begin].order, votes[i].order, sum};
    i = end;
  }
  return best;
}

// Those of bytes are few when those of one place have been added up.
std::vector<Vote> joined(const std::vector<Vote>& votes) {
  constexpr int64_t kLowest = INT8_MIN;
  std::array<int32_t, UINT8_MAX - INT8_MIN + 1> scores{};
  for (const Vote& vote : votes) {
    scores[static_cast<size_t>(vote.order - kLowest)] += vote.score;
  }
  std::vector<Vote> all;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] != 0) all.push_back({static_cast<int64_t>(i) + kLowest, scores[i]});
  }
  return all;
}

std::vector<Vote> sorted(const ValueType& type, std::vector<Vote> votes) {
  if (type.bytes == 1) return joined(votes);
  std::sort(votes.begin(), votes.end(),
            [](const Vote& a, const Vote& b) { return a.order < b.order; });
  return votes;
}

// The lowest place, and by how many bits places above it are shifted down to buckets.
std::pair<uint64_t, uint32_t> buckets_of(const Array& array) {
  int64_t low = INT64_MAX;
  int64_t high = INT64_MIN;
  for (size_t i = 0; i < array.elements; ++i) {
    const int64_t order = edit_order(array.type, array.from(i));
    low = std::min(low, order);
    high = std::max(high, order);
  }
  const auto from = static_cast<uint64_t>(low);
  const auto width =
      static_cast<uint32_t>(std::bit_width(static_cast<uint64_t>(high) - from));
  return {from, width > kBucketBits ? width - kBucketBits : 0};
}

// The interval whose elements become a value: by buckets, then exactly in those where it
// begins and ends.
Interval find_interval(const Array& array, uint64_t value, bool stays) {
  const Voters vote(array, value, stays);
  std::vector<Vote> votes;
  if (array.elements <= kFewElements) {
    for (size_t i = 0; i < array.elements; ++i) votes.push_back(vote(i));
    return best_run(sorted(array.type, std::move(votes)));
  }
  // Most arrays have none: a sample tells.
  const size_t step = array.elements / kFewElements | 1;  // not a multiple of rows
  for (size_t i = 0; i < array.elements; i += step) votes.push_back(vote(i));
  const auto fewest = static_cast<int64_t>(votes.size() / kFewSampled);
  if (best_run(sorted(array.type, std::move(votes))).score < fewest) return {};
  votes.clear();
  const auto [lowest, down] = buckets_of(array);
  const auto bucket_of = [&, low = lowest, by = down](int64_t order) {
    return static_cast<int64_t>((static_cast<uint64_t>(order) - low) >> by);
  };
  std::vector<int32_t> buckets(size_t{1} << kBucketBits);
  for (size_t i = 0; i < array.elements; ++i) {
    const Vote one = vote(i);
    buckets[static_cast<size_t>(bucket_of(one.order))] += one.score;
  }
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i] != 0) votes.push_back({static_cast<int64_t>(i), buckets[i]});
  }
  const Interval coarse = best_run(votes);
  if (coarse.score == 0) return coarse;
  // What lies within counts as one.
  votes.clear();
  Vote inner{0, 0};
  for (size_t i = 0; i < array.elements; ++i) {
    const Vote one = vote(i);
    const int64_t bucket = bucket_of(one.order);
    if (bucket > coarse.low && bucket < coarse.high) {
      inner = {one.order, inner.score + one.score};
    } else if (bucket >= coarse.low - 1 && bucket <= coarse.high + 1) {
      votes.push_back(one);
    }
  }
  if (inner.score != 0) votes.push_back(inner);
  return best_run(sorted(array.type, std::move(votes)));
}

// The least place above an interval, or the greatest below it, that speaks against it:
// there may be none.
bool has_any(const Array& array, const Interval& interval, bool is_above) {
  for (size_t i = 0; i < array.elements; ++i) {
    const int64_t order = edit_order(array.type, array.from(i));
    if (is_above ? order > interval.high : order < interval.low) return true;
  }
  return false;
}

// Drops most values that come less than `least` times: sorting all takes longer.
void drop_rare(size_t least, std::vector<uint64_t>* values) {
  constexpr uint32_t kBits = 10;
  std::array<uint32_t, 1u << kBits> counts{};
  const auto count_of = [&](uint64_t value) -> uint32_t& {
    return counts[value * 0x9E3779B97F4A7C15 >> (64 - kBits)];
  };
  for (const uint64_t value : *values) ++count_of(value);
  std::erase_if(*values, [&](uint64_t value) { return count_of(value) < least; });
}

// Adds values that many elements have, the most frequent ones first: of those that have
// changed, or of all.
void add_frequent(const Array& array, size_t of, bool changed_only,
                  std::vector<uint64_t>* values) {
  std::vector<uint64_t> sample;
  const size_t step = std::max<size_t>(of / kFrequencySample, 1);
  size_t left = step;
  for (size_t i = 0; i < array.elements; ++i) {
    if ((changed_only && array.from(i) == array.to(i)) || --left != 0) continue;
    sample.push_back(array.to(i));
    left = step;
  }
  const size_t least = std::max<size_t>((sample.size() + kFrequent - 1) / kFrequent, 3);
  drop_rare(least, &sample);
  std::sort(sample.begin(), sample.end());
  std::vector<std::pair<size_t, uint64_t>> found;
  for (size_t i = 0; i < sample.size();) {
    const auto end = static_cast<size_t>(
        std::upper_bound(sample.begin(), sample.end(), sample[i]) - sample.begin());
    if (end - i >= least) found.push_back({end - i, sample[i]});
    i = end;
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  for (const auto& [count, value] : found) {
    const bool is_new = std::find(values->begin(), values->end(), value) == values->end();
    if (is_new && values->size() < kMaxSpecials) values->push_back(value);
  }
}

// Values that may be special. Codes have frequent values anyway.
std::vector<uint64_t> frequent_values(const Array& array, uint64_t same) {
  std::vector<uint64_t> values;
  add_frequent(array, static_cast<size_t>(array.elements - same), true, &values);
  if (array.type.kind != ValueKind::code && same > 0)
    add_frequent(array, array.elements, false, &values);
  return values;
}

// Whether most of those that do not become one of some values stay what they are.
bool most_stay(const Array& array, const std::vector<uint64_t>& values) {
  int64_t more = 0;
  for (size_t i = 0; i < array.elements; ++i) {
    const uint64_t to = array.to(i);
    if (std::find(values.begin(), values.end(), to) != values.end()) continue;
    more += array.from(i) == to ? 1 : -1;
  }
  return more >= 0;
}

// Where it does not follow from the base which elements become `value`, those around say
// so: whole columns do, or rows.
uint64_t changed_to(const Array& array, uint64_t value) {
  uint64_t count = 0;
  for (size_t i = 0; i < array.elements; ++i)
    count += array.to(i) == value && array.from(i) != value;
  return count;
}

uint64_t from_edit_order(const ValueType& type, int64_t order) {
  if (type.kind == ValueKind::floating) return from_order(type.format, order);
  const auto bits = static_cast<uint64_t>(order);
  return type.bytes == 8 ? bits : bits & ((uint64_t{1} << (8 * type.bytes)) - 1);
}

struct Labelled {
  Interval interval;
  uint8_t label;
};

// Cuts and labels of intervals that do not overlap.
void cut(const Array& array, std::vector<Labelled> intervals, uint8_t otherwise,
         EditPiece* piece) {
  std::sort(intervals.begin(), intervals.end(), [](const Labelled& a, const Labelled& b) {
    return a.interval.low < b.interval.low;
  });
  piece->labels[0] = otherwise;
  const auto add = [&](int64_t order, uint8_t label) {
    piece->cuts[piece->cut_count++] = from_edit_order(array.type, order);
    piece->labels[piece->cut_count] = label;
  };
  std::optional<int64_t> end;  // of the interval before
  for (const Labelled& one : intervals) {
    if (end && *end == one.interval.low) {
      piece->labels[piece->cut_count] = one.label;
    } else if (!end && !has_any(array, one.interval, false)) {
      piece->labels[0] = one.label;
    } else {
      add(one.interval.low, one.label);
    }
    // Nothing is above the highest int64, which has no place after it.
    if (&one == &intervals.back() && !has_any(array, one.interval, true)) break;
    end = one.interval.high + 1;
    add(*end, otherwise);
  }
}

bool overlaps(const Interval& a, const Interval& b) {
  return a.low <= b.high && b.low <= a.high;
}

}  // namespace

EditFit fit_edits(const ValueType& type, ByteView base, ByteView result, bool is_sample) {
  const Array array{type, base, result, result.size() / type.bytes};
  EditFit fit;
  fit.piece.elements = array.elements;
  for (size_t i = 0; i < array.elements; ++i) fit.same += array.from(i) == array.to(i);
  const std::vector<uint64_t> values = frequent_values(array, fit.same);
  const bool stays =
      values.empty() ? 2 * fit.same >= array.elements : most_stay(array, values);
  // What an interval costs, in bits.
  const int64_t least = is_sample ? 8 : 24 + 12 * int64_t{type.bytes};
  std::vector<Labelled> intervals;
  for (const uint64_t value : values) {
    const Interval found = find_interval(array, value, stays);
    const auto label = static_cast<uint8_t>(kFirstSpecial + fit.piece.special_count);
    fit.piece.specials[fit.piece.special_count++] = value;
    const bool is_free =
        std::none_of(intervals.begin(), intervals.end(),
                     [&](const Labelled& one) { return overlaps(one.interval, found); });
    if (found.score < least || !is_free) {
      if (type.kind != ValueKind::code) fit.special += changed_to(array, value) / 2;
      continue;
    }
    intervals.push_back({found, label});
    fit.special += static_cast<uint64_t>(found.score);
  }
  cut(array, std::move(intervals), stays ? kEditSame : kEditOther, &fit.piece);
  return fit;
}

}  // namespace mallorn::pack
