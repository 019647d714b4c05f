#include "mallorn-delta/picked.hpp"

#include <algorithm>
#include <numeric>

#include "libcommon/core/patch_format.hpp"
#include "mallorn-delta/range_facts.hpp"

namespace mallorn::delta {
namespace {

constexpr size_t kMostAxes = 6;   // before those that stay as they are become one
constexpr size_t kMostKnown = 4;  // ways in which axes of the same lengths differ

// How often a model is looked at, all in all. Tensors that have nothing in common take a
// few looks; with several axes that might have changed in several known ways, each, as no
// network has them, it would be thousands.
constexpr uint64_t kMostLooks = 16;

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

// What rows were that are where they were, or come behind them.
std::vector<uint32_t> same_rows(const MatchedAxis& axis) {
  std::vector<uint32_t> rows(axis.length, kNoIndex);
  const auto kept = static_cast<ptrdiff_t>(std::min(axis.length, axis.base_length));
  std::iota(rows.begin(), rows.begin() + kept, 0u);
  return rows;
}

}  // namespace

PickedTensors::PickedTensors(const Model& base, const Model& result)
    : base_(base), result_(result) {
  const uint64_t bytes = base.bytes().size() + result.bytes().size();
  if (!checked_mul(bytes, kMostLooks, &left_)) left_ = UINT64_MAX;
}

// Whether two tensors may be looked at once more.
bool PickedTensors::may_look(const AxisPair& pair) {
  const uint64_t bytes = pair.from.length_bytes + pair.range.length_bytes;
  left_ = bytes <= left_ ? left_ - bytes : 0;
  return left_ > 0;
}

std::optional<std::vector<uint32_t>> PickedTensors::look_at_axis(const AxisPair& pair,
                                                                 size_t which) {
  return may_look(pair) ? match_axis(pair, which) : std::nullopt;
}

std::optional<std::vector<uint32_t>> PickedTensors::look_at_rows(const AxisPair& pair,
                                                                 size_t which,
                                                                 Alike alike) {
  return may_look(pair) ? match_rows(pair, which, alike) : std::nullopt;
}

std::optional<PickedMatch> PickedTensors::look_at_all(const AxisPair& pair) {
  return may_look(pair) ? picked_match(pair) : std::nullopt;
}

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
  if (left_ == 0) return {};
  if (changed.size() > 1) {
    for (const size_t axis : changed) {
      const Lengths lengths = {pair->axes[axis].base_length, pair->axes[axis].length};
      const auto known = known_.find(lengths);
      if (known == known_.end()) continue;
      std::vector<size_t> others = changed;
      std::erase(others, axis);
      for (const std::vector<uint32_t>& picks : known->second) {
        pair->axes[axis].picks = picks;
        // What is found may add to them, so that it has to be the last.
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
    auto match = look_at_all(*pair);
    if (match) keep(axis);
    axis.picks.clear();
    return match;
  };
  if (const auto picks = look_at_axis(*pair, which)) {
    if (auto match = try_picks(*picks)) return match;
  }
  for (const std::vector<uint32_t>& picks : known_[{axis.base_length, axis.length}]) {
    if (auto match = try_picks(picks)) return match;  // which adds to them: the last
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
    const auto rows = look_at_rows(*pair, slowest, alike);
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
    auto picks = look_at_axis(*pair, tried[i]);
    first.picks.clear();
    if (!picks) continue;
    axis.picks = std::move(*picks);
    if (auto all = look_at_axis(*pair, slowest)) first.picks = std::move(*all);
    if (first.picks.empty() && first.length != first.base_length) first.picks = rows;
    match = look_at_all(*pair);
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
