#include "mallorn-delta/permuted.hpp"

#include <algorithm>
#include <numeric>

#include "mallorn-delta/range_facts.hpp"
#include "mallorn-delta/signs.hpp"

namespace mallorn::delta {
namespace {

// Axes longer than 1: their orders are tried one by one.
constexpr size_t kMostLongAxes = 5;

// Tensors of the base that are looked at for one of the result.
constexpr size_t kMostCandidates = 16;

// A few signs tell nearly all that have nothing to do with each other; of these so many
// agree by chance once in a thousand times.
constexpr uint64_t kSigns = 64;
constexpr uint64_t kLeastAgreed = 45;

// A sample of runs from all over a tensor, or all of it.
constexpr uint64_t kSampleElements = 4096;
constexpr uint64_t kRunElements = 8;

std::vector<uint64_t> long_axes(const Range& range) {
  std::vector<uint64_t> lengths;
  std::ranges::copy_if(range.shape, std::back_inserter(lengths),
                       [](uint64_t length) { return length > 1; });
  return lengths;
}

std::vector<uint64_t> sorted(std::vector<uint64_t> lengths) {
  std::ranges::sort(lengths);
  return lengths;
}

// A matrix at least, of elements that fill the range. Blocks are runs of one axis.
bool may_be_permuted(const Range& range) {
  const DtypeLayout& layout = dtype_layout(range.dtype);
  if (range.kind != RangeKind::tensor || !is_elements(range) || is_sparsity(range) ||
      layout.block_elements > 1 || range.length_bytes > kMaxPermutedBytes) {
    return false;
  }
  const std::vector<uint64_t> lengths = long_axes(range);
  uint64_t bytes = layout.block_bytes;
  for (const uint64_t length : lengths) {
    if (!checked_mul(bytes, length, &bytes)) return false;
  }
  return lengths.size() >= 2 && lengths.size() <= kMostLongAxes &&
         bytes == range.length_bytes;
}

// Where run `i` begins: no even distances, which strides of axes would make columns of.
uint64_t sampled(uint64_t i, uint64_t elements) {
  if (elements <= kSampleElements) return i;
  return (i * 0x9E3779B97F4A7C15 >> 24) % (elements - kRunElements);
}

// From the result to the base.
Permutation inverse_of(const Permutation& permutation) {
  Permutation inverse{};
  inverse.axes = permutation.axes;
  for (uint32_t i = 0; i < permutation.axes; ++i) {
    inverse.lengths[i] = permutation.lengths[permutation.order[i]];
    inverse.order[permutation.order[i]] = static_cast<uint8_t>(i);
  }
  return inverse;
}

uint64_t agreed_signs(ByteView a, ByteView b, size_t width) {
  const Signs signs(width);
  uint64_t agreed = 0;
  for (size_t at = 0; at < a.size(); at += width)
    agreed += signs.at(a.data() + at) == signs.at(b.data() + at) ? 1 : 0;
  return agreed;
}

}  // namespace

Permutation permutation_of(const std::vector<uint64_t>& from,
                           const std::vector<size_t>& order) {
  // Where in the base runs of axes begin that stay together.
  std::vector<size_t> begins;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || order[i] != order[i - 1] + 1) begins.push_back(order[i]);
  }
  if (begins.size() < 2 || begins.size() > kMaxAxes) return {};
  const std::vector<size_t> runs = begins;  // as they are in the result
  std::ranges::sort(begins);
  Permutation permutation{};
  permutation.axes = static_cast<uint32_t>(begins.size());
  for (size_t i = 0; i < begins.size(); ++i) {
    const size_t end = i + 1 < begins.size() ? begins[i + 1] : from.size();
    uint64_t length = 1;  // the product of all has been checked
    for (size_t axis = begins[i]; axis < end; ++axis) length *= from[axis];
    permutation.lengths[i] = static_cast<uint32_t>(length);
    permutation.order[i] =
        static_cast<uint8_t>(std::ranges::find(begins, runs[i]) - begins.begin());
  }
  return permutation;
}

PermutedTensors::PermutedTensors(const Model& base, const Model& result)
    : base_(base), result_(result), used_(base.manifest.ranges.size()) {
  for (size_t i = 0; i < base.manifest.ranges.size(); ++i) {
    const Range& range = base.manifest.ranges[i];
    if (may_be_permuted(range)) {
      by_key_[{range.dtype, ShapeKey{sorted(long_axes(range))}}].push_back(i);
    }
  }
}

std::optional<PermutedMatch> PermutedTensors::find(const Range& range) {
  if (!may_be_permuted(range)) return {};
  for (const size_t candidate : candidates_for(range)) {
    std::optional<PermutedMatch> match = best_order(candidate, range);
    if (!match) continue;
    used_[candidate] = true;
    return match;
  }
  return {};
}

// Layers follow one another in the same order mostly, so that the first is the one.
std::vector<size_t> PermutedTensors::candidates_for(const Range& range) const {
  const auto found = by_key_.find({range.dtype, ShapeKey{sorted(long_axes(range))}});
  if (found == by_key_.end()) return {};
  std::vector<size_t> candidates = found->second;
  const auto rank = [&](size_t candidate) {
    const Range& from = base_.manifest.ranges[candidate];
    if (!range.names.empty() && !from.names.empty() && from.names[0] == range.names[0])
      return 0;
    return used_[candidate] ? 2 : 1;
  };
  std::ranges::stable_sort(candidates, {}, rank);
  candidates.resize(std::min(candidates.size(), kMostCandidates));
  return candidates;
}

// Kernels look alike turned by their side: of the orders that fit, the one that is nearest.
std::optional<PermutedMatch> PermutedTensors::best_order(size_t base_range,
                                                         const Range& range) const {
  const Range& from = base_.manifest.ranges[base_range];
  const std::vector<uint64_t> lengths = long_axes(from);
  const std::vector<uint64_t> wanted = long_axes(range);
  std::vector<size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  std::optional<PermutedMatch> best;
  while (std::ranges::next_permutation(order).found) {  // all but the first
    const bool fits =
        std::ranges::equal(order, wanted, {}, [&](size_t axis) { return lengths[axis]; });
    if (!fits) continue;
    const Permutation permutation = permutation_of(lengths, order);
    if (permutation.is_none()) continue;
    const auto relation = relate_sample(from, range, permutation);
    if (!relation || (best && best->relation.cost <= relation->cost)) continue;
    best = {base_range, permutation, *relation};
  }
  return best;
}

// Runs of the base, whose elements are looked up in the result: its pages are those that
// have been read for other candidates.
std::optional<Relation> PermutedTensors::relate_sample(
    const Range& from, const Range& range, const Permutation& permutation) const {
  const size_t width = dtype_layout(range.dtype).block_bytes;
  const uint64_t elements = range.length_bytes / width;
  const ByteView base = bytes_of(base_, from);
  const ByteView result = bytes_of(result_, range);
  Permutation back = inverse_of(permutation);
  std::vector<uint8_t> predicted;
  std::vector<uint8_t> actual;
  const uint64_t count = std::min(elements, kSampleElements);
  uint64_t agreed = 0;
  for (uint64_t i = 0; i < count; i += kRunElements) {
    const uint64_t first = sampled(i, elements);
    const auto bytes =
        static_cast<size_t>(std::min(kRunElements, elements - first)) * width;
    const ByteView run = base.subspan(static_cast<size_t>(first) * width, bytes);
    back.first = static_cast<uint32_t>(first);
    const size_t at = actual.size();
    actual.resize(at + bytes);
    permute(back, {}, range.dtype, result, ByteSpan(actual).subspan(at));
    predicted.insert(predicted.end(), run.begin(), run.end());
    if (i >= kSigns) continue;
    agreed += agreed_signs(run, ByteView(actual).subspan(at), width);
    const bool is_last = i + kRunElements >= std::min(kSigns, count);
    if (is_last && agreed * kSigns < kLeastAgreed * (predicted.size() / width)) return {};
  }
  const Relation relation = relate(range.dtype, predicted, actual);
  base_.file->release(from.offset_bytes, from.length_bytes);
  result_.file->release(range.offset_bytes, range.length_bytes);
  if (!relation.is_related || relation.cost + relation.direct / 16 >= relation.direct)
    return {};
  return relation;
}

}  // namespace mallorn::delta
