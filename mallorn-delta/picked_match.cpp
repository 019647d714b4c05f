#include "mallorn-delta/picked_match.hpp"

#include <algorithm>
#include <bit>

#include "libcommon/core/patch_format.hpp"
#include "mallorn-delta/range_facts.hpp"

namespace mallorn::delta {
namespace {

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

// What picks make of axes: neighbours that stay as they are become one.
std::optional<PickedMatch> joined(const AxisPair& pair) {
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

}  // namespace

size_t slowest_of(const AxisPair& pair) {
  size_t i = 0;
  while (i + 1 < pair.axes.size() && pair.axes[i].length == 1 &&
         pair.axes[i].base_length == 1) {
    ++i;
  }
  return i;
}

std::optional<PickedMatch> picked_match(const AxisPair& pair) {
  AxisPair whole = pair;
  for (MatchedAxis& axis : whole.axes) axis.picks = whole_picks(axis);
  std::optional<PickedMatch> match = joined(whole);
  if (!match) return {};
  match->relation = relate_picked(pair, *match);
  match->picks_cost = cost_of_picks(whole);
  const Relation& relation = match->relation;
  const bool is_close =
      relation.is_related && relation.cost + relation.direct / 16 < relation.direct;
  return is_close ? match : std::nullopt;
}

}  // namespace mallorn::delta
