#include "mallorn-delta/picked.hpp"

#include <algorithm>
#include <bit>

#include "libcommon/core/patch_format.hpp"
#include "mallorn-delta/range_facts.hpp"

namespace mallorn::delta {
namespace {

constexpr size_t kMostAxes = 6;   // before those that stay as they are become one
constexpr size_t kMostKnown = 4;  // ways in which axes of the same lengths differ

bool is_candidate(const Range& range) {
  return range.kind == RangeKind::tensor && is_elements(range) && !is_sparsity(range) &&
         can_permute(range.dtype) && range.length_bytes <= kMaxPermutedBytes &&
         !range.shape.empty() && range.shape.size() <= kMostAxes;
}

// The axes of a range, the last one in blocks; nothing if its bytes are others.
std::optional<std::vector<uint64_t>> axes_of(const Range& range) {
  const DtypeLayout& layout = dtype_layout(range.dtype);
  std::vector<uint64_t> axes = range.shape;
  if (axes.back() % layout.block_elements != 0) return {};
  axes.back() /= layout.block_elements;
  uint64_t bytes = layout.block_bytes;
  for (const uint64_t length : axes) {
    if (length == 0 || !checked_mul(bytes, length, &bytes)) return {};
  }
  return bytes == range.length_bytes ? std::optional(axes) : std::nullopt;
}

// The first axis that has several indices.
size_t slowest_of(const AxisPair& pair) {
  size_t i = 0;
  while (i + 1 < pair.axes.size() && pair.axes[i].length == 1 &&
         pair.axes[i].base_length == 1) {
    ++i;
  }
  return i;
}

// How many bytes of the result a chunk can have, by the picks that it needs: those of the
// slowest axis are parted with the rows, all others each chunk has anew. 0 if there are too
// many.
uint64_t chunk_bytes(const AxisPair& pair) {
  const MatchedAxis& slowest = pair.axes[slowest_of(pair)];
  uint64_t picked = 0;
  for (const MatchedAxis& axis : pair.axes) picked += axis.picks.size();
  picked -= slowest.picks.size();
  if (picked > kMaxChunkPicks) return 0;
  if (slowest.picks.empty()) return kMaxChunkCoded;
  const uint64_t row = pair.range.length_bytes / slowest.length;
  return std::min((kMaxChunkPicks - picked) * row, kMaxChunkCoded);
}

// Neighbours that stay as they are become one axis.
std::optional<PickedMatch> match_of(const AxisPair& pair) {
  PickedMatch match;
  Permutation& permutation = match.permutation;
  bool may_join = false;
  for (const MatchedAxis& axis : pair.axes) {
    if (axis.base_length == 1) continue;
    const auto length = static_cast<uint32_t>(axis.base_length);
    if (may_join && axis.picks.empty()) {
      permutation.lengths[permutation.axes - 1] *= length;
      continue;
    }
    if (permutation.axes == kMaxAxes) return {};
    permutation.order[permutation.axes] = static_cast<uint8_t>(permutation.axes);
    permutation.lengths[permutation.axes] = length;
    permutation.picked[permutation.axes++] = static_cast<uint32_t>(axis.picks.size());
    match.picks.insert(match.picks.end(), axis.picks.begin(), axis.picks.end());
    may_join = axis.picks.empty();
  }
  constexpr uint64_t kLeastChunk = kMaxChunkCoded / 16;
  const bool fits = chunk_bytes(pair) >= std::min(kLeastChunk, pair.range.length_bytes);
  return fits && !match.picks.empty() ? std::optional(match) : std::nullopt;
}

// What saying the picks takes, roughly, in 1/1024 bit: once for each chunk, but for those
// of the slowest axis.
uint64_t cost_of_picks(const AxisPair& pair) {
  constexpr uint64_t kBit = 1024;
  const uint64_t chunks = 1 + pair.range.length_bytes / chunk_bytes(pair);
  const size_t slowest = slowest_of(pair);
  uint64_t cost = 0;
  for (size_t i = 0; i < pair.axes.size(); ++i) {
    uint64_t bits = 0;
    int64_t expected = 0;
    int64_t before = 0;
    for (const int64_t pick : pair.axes[i].picks) {
      const int64_t ahead = pick - expected;
      const auto distance = static_cast<uint64_t>(ahead < 0 ? -ahead : ahead);
      if (ahead != before) bits += 4 + static_cast<uint64_t>(std::bit_width(distance));
      before = ahead;
      expected = pick + 1;
    }
    cost += bits * kBit * (i == slowest ? 1 : chunks);
  }
  return cost;
}

// By a sample of runs, from all over the tensor: at no even distances, which columns have.
Relation relate_picked(const AxisPair& pair, const PickedMatch& match) {
  constexpr uint64_t kRuns = 64;
  constexpr uint64_t kRunElements = 64;
  const size_t width = dtype_layout(pair.range.dtype).block_bytes;
  const ByteView base = bytes_of(pair.base, pair.from);
  const ByteView result = bytes_of(pair.result, pair.range);
  const uint64_t elements = result.size() / width;
  const uint64_t run = std::min(elements, kRunElements);
  const uint64_t runs = std::min(kRuns, elements / run);
  std::vector<uint8_t> predicted;
  std::vector<uint8_t> actual;
  Permutation permutation = match.permutation;
  for (uint64_t i = 0; i < runs; ++i) {
    const uint64_t first = (i * 0x9E3779B97F4A7C15 >> 24) % (elements - run + 1);
    permutation.first = static_cast<uint32_t>(first);
    const size_t at = predicted.size();
    predicted.resize(at + static_cast<size_t>(run) * width);
    permute(permutation, match.picks, pair.range.dtype, base,
            ByteSpan(predicted).subspan(at));
    const ByteView piece = result.subspan(static_cast<size_t>(first) * width,
                                          static_cast<size_t>(run) * width);
    actual.insert(actual.end(), piece.begin(), piece.end());
  }
  pair.base.file->release(pair.from.offset_bytes, pair.from.length_bytes);
  pair.result.file->release(pair.range.offset_bytes, pair.range.length_bytes);
  return relate(pair.range.dtype, predicted, actual);
}

// The match that the picks of the axes make, if it is one.
std::optional<PickedMatch> checked(const AxisPair& pair) {
  std::optional<PickedMatch> match = match_of(pair);
  if (!match) return {};
  match->relation = relate_picked(pair, *match);
  match->picks_cost = cost_of_picks(pair);
  const Relation& relation = match->relation;
  const bool is_close =
      relation.is_related && relation.cost + relation.direct / 16 < relation.direct;
  return is_close ? match : std::nullopt;
}

}  // namespace

std::optional<PickedMatch> PickedTensors::find(const Range& from, const Range& range) {
  if (!is_candidate(from) || !is_candidate(range) || from.dtype != range.dtype) return {};
  const auto old_axes = axes_of(from);
  const auto new_axes = axes_of(range);
  if (!old_axes || !new_axes || old_axes->size() != new_axes->size()) return {};
  AxisPair pair{base_, result_, from, range, {}};
  std::vector<size_t> changed;
  for (size_t i = 0; i < old_axes->size(); ++i) {
    pair.axes.push_back({(*old_axes)[i], (*new_axes)[i], {}});
    if (pair.axes[i].base_length == pair.axes[i].length) continue;
    if (pair.axes[i].base_length == 1) return {};
    changed.push_back(i);
  }
  return find_axes(&pair, changed);
}

// Axes that have another length have known picks, but for one, which is looked for last.
std::optional<PickedMatch> PickedTensors::find_axes(AxisPair* pair,
                                                    const std::vector<size_t>& changed) {
  if (changed.size() > 1) {
    for (const size_t axis : changed) {
      const Lengths lengths = {pair->axes[axis].base_length, pair->axes[axis].length};
      const auto known = known_.find(lengths);
      if (known == known_.end()) continue;
      std::vector<size_t> others = changed;
      std::erase(others, axis);
      // A copy: what is found with these may add to them.
      const std::vector<std::vector<uint32_t>> all = known->second;
      for (const std::vector<uint32_t>& picks : all) {
        pair->axes[axis].picks = picks;
        if (auto match = find_axes(pair, others)) return match;
      }
      pair->axes[axis].picks.clear();
    }
    return {};
  }
  std::vector<size_t> tried = changed;
  for (size_t i = pair->axes.size(); changed.empty() && i-- > 0;) {
    if (pair->axes[i].length > 1) tried.push_back(i);
  }
  for (const size_t axis : tried) {
    if (auto match = find_axis(pair, axis)) return match;
  }
  return {};
}

std::optional<PickedMatch> PickedTensors::find_axis(AxisPair* pair, size_t which) {
  MatchedAxis& axis = pair->axes[which];
  std::vector<std::vector<uint32_t>>& known = known_[{axis.base_length, axis.length}];
  const auto try_picks = [&](const std::vector<uint32_t>& picks) {
    axis.picks = picks;
    auto match = checked(*pair);
    axis.picks.clear();
    return match;
  };
  if (const auto picks = match_axis(*pair, which)) {
    if (auto match = try_picks(*picks)) {
      if (std::ranges::find(known, *picks) == known.end()) {
        known.insert(known.begin(), *picks);
        known.resize(std::min(known.size(), kMostKnown));
      }
      return match;
    }
  }
  for (const std::vector<uint32_t>& picks : known) {
    if (auto match = try_picks(picks)) return match;
  }
  return {};
}

}  // namespace mallorn::delta
