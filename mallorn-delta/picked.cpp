#include "mallorn-delta/picked.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "libcommon/core/patch_format.hpp"
#include "mallorn-delta/range_facts.hpp"
#include "mallorn-delta/row_votes.hpp"

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

// Whether an element of the result has one of the base for each of its indices.
bool is_known(const AxisPair& pair, uint64_t element) {
  for (size_t i = pair.axes.size(); i-- > 0;) {
    const MatchedAxis& axis = pair.axes[i];
    if (axis.in_base(element % axis.length) == kNoIndex) return false;
    element /= axis.length;
  }
  return true;
}

// How many elements of the result there are such as those.
uint64_t known_elements(const AxisPair& pair) {
  uint64_t known = 1;
  for (const MatchedAxis& axis : pair.axes) {
    const auto lost = static_cast<uint64_t>(std::ranges::count(axis.picks, kNoIndex));
    known *= axis.length - lost;
  }
  return known;
}

// How the elements that have one of the base resemble it; others cost what elements do on
// their own: by a sample of runs from all over the tensor, at no even distances, which
// columns have. `match` has the picks of the axes.
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
  std::vector<uint8_t> from(static_cast<size_t>(run) * width);
  Permutation permutation = match.permutation;
  for (uint64_t i = 0; i < runs; ++i) {
    const uint64_t first = (i * 0x9E3779B97F4A7C15 >> 24) % (elements - run + 1);
    permutation.first = static_cast<uint32_t>(first);
    permute(permutation, match.picks, pair.range.dtype, base, from);
    for (uint64_t k = 0; k < run; ++k) {
      const auto take = [&](ByteView bytes, uint64_t at, std::vector<uint8_t>* to) {
        const ByteView element = bytes.subspan(static_cast<size_t>(at) * width, width);
        to->insert(to->end(), element.begin(), element.end());
      };
      if (!is_known(pair, first + k)) continue;
      take(from, k, &predicted);
      take(result, first + k, &actual);
    }
  }
  Relation relation = relate(pair.range.dtype, predicted, actual);
  pair.base.file->release(pair.from.offset_bytes, pair.from.length_bytes);
  const uint64_t strange = elements - known_elements(pair);
  const uint64_t direct =
      strange == 0 ? 0 : relate(pair.range.dtype, result, result).direct;
  pair.result.file->release(pair.range.offset_bytes, pair.range.length_bytes);
  if (strange == 0) return relation;
  const uint64_t among = direct + direct / 16;  // to be told from others costs a little
  relation.cost = (relation.cost * (elements - strange) + among * strange) / elements;
  relation.direct = direct;
  return relation;
}

// The match that the picks of the axes make, if it is one.
std::optional<PickedMatch> checked(const AxisPair& pair) {
  AxisPair whole = pair;
  for (MatchedAxis& axis : whole.axes) axis.picks = whole_picks(axis);
  std::optional<PickedMatch> match = match_of(whole);
  if (!match) return {};
  match->relation = relate_picked(pair, *match);
  match->picks_cost = cost_of_picks(whole);
  const Relation& relation = match->relation;
  const bool is_close =
      relation.is_related && relation.cost + relation.direct / 16 < relation.direct;
  return is_close ? match : std::nullopt;
}

// What rows were that are where they were, or come behind them.
std::vector<uint32_t> same_rows(const MatchedAxis& axis) {
  std::vector<uint32_t> rows(axis.length, kNoIndex);
  const auto kept = static_cast<ptrdiff_t>(std::min(axis.length, axis.base_length));
  std::iota(rows.begin(), rows.begin() + kept, 0u);
  return rows;
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
  auto match = find_axes(&pair, changed);
  return match ? match : find_two(&pair, changed);
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
  const auto try_picks = [&](const std::vector<uint32_t>& picks) {
    axis.picks = picks;
    auto match = checked(*pair);
    if (match) keep(axis);
    axis.picks.clear();
    return match;
  };
  if (const auto picks = match_axis(*pair, which)) {
    if (auto match = try_picks(*picks)) return match;
  }
  // A copy: what is found adds to them.
  const std::vector<std::vector<uint32_t>> known = known_[{axis.base_length, axis.length}];
  for (const std::vector<uint32_t>& picks : known) {
    if (auto match = try_picks(picks)) return match;
  }
  return {};
}

void PickedTensors::keep(const MatchedAxis& axis) {
  constexpr size_t kMostKept = size_t{1} << 22;  // of all axes
  if (kept_ + axis.picks.size() > kMostKept) {
    known_.clear();
    kept_ = 0;
  }
  std::vector<std::vector<uint32_t>>& known = known_[{axis.base_length, axis.length}];
  if (std::ranges::find(known, axis.picks) != known.end()) return;
  known.insert(known.begin(), axis.picks);
  kept_ += axis.picks.size();
  known.resize(std::min(known.size(), kMostKnown));
}

// Two axes, the slowest and another one: what rows were is told roughly first.
std::optional<PickedMatch> PickedTensors::find_two(AxisPair* pair,
                                                   const std::vector<size_t>& changed) {
  const size_t slowest = slowest_of(*pair);
  const MatchedAxis& rows_axis = pair->axes[slowest];
  if (std::max(rows_axis.length, rows_axis.base_length) > kMaxVotedRows) return {};
  std::vector<size_t> others = changed;
  std::erase(others, slowest);
  if (others.size() > 1) return {};
  const bool are_known = !others.empty();
  for (size_t i = slowest + 1; !are_known && i < pair->axes.size(); ++i) {
    if (pair->axes[i].length > 1) others.push_back(i);
  }
  if (changed.size() == 2) {
    auto match = find_by_rows(pair, others, same_rows(pair->axes[slowest]));
    if (match) return match;
  }
  std::vector<Alike> ways = {Alike::whole};
  if (changed.size() == 1) ways = {Alike::equal};
  if (changed.size() == 2) ways = {Alike::equal, Alike::near};
  for (const Alike alike : ways) {
    const auto rows = match_rows(*pair, slowest, alike);
    if (!rows) continue;
    if (auto match = find_by_rows(pair, others, *rows)) return match;
  }
  return {};
}

// One of the axes `tried`, by what some rows were; then all rows by that.
std::optional<PickedMatch> PickedTensors::find_by_rows(AxisPair* pair,
                                                       const std::vector<size_t>& tried,
                                                       std::vector<uint32_t> rows) {
  const size_t slowest = slowest_of(*pair);
  MatchedAxis& first = pair->axes[slowest];
  std::optional<PickedMatch> match;
  for (size_t i = 0; i < tried.size() && !match; ++i) {
    MatchedAxis& axis = pair->axes[tried[i]];
    first.picks = rows;
    auto picks = match_axis(*pair, tried[i]);
    first.picks.clear();
    if (!picks) continue;
    axis.picks = std::move(*picks);
    if (auto all = match_axis(*pair, slowest)) first.picks = std::move(*all);
    if (first.picks.empty() && first.length != first.base_length) first.picks = rows;
    match = checked(*pair);
    if (match) {
      keep(axis);
      if (!first.picks.empty()) keep(first);
    }
    axis.picks.clear();
    first.picks.clear();
  }
  return match;
}

}  // namespace mallorn::delta
