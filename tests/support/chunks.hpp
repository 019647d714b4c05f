// Chunks made up for tests: a base, what a few random steps make of it, and the way back.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "libcommon/core/crc32c.hpp"
#include "libcommon/core/f32_arithmetic.hpp"
#include "libcommon/core/patch_format.hpp"
#include "libcommon/derivation.hpp"
#include "libcommon/lane_grid.hpp"
#include "mallorn-apply/core/chunk_decoder.hpp"
#include "mallorn-apply/section_codecs.hpp"
#include "mallorn-pack/delta_source.hpp"
#include "tests/support/random.hpp"

namespace mallorn::test {

// Owns what a ChunkInput views.
struct MadeChunk {
  Bytes base;
  Bytes result;  // of this chunk alone
  uint64_t result_offset = 0;
  std::vector<Step> steps;

  // With the base bytes of each step, as DeltaSource gives them.
  pack::ChunkInput input(bool carries_copies) const {
    pack::ChunkInput chunk{result_offset, steps, result, {}, {}};
    chunk.check = crc32c(0, result);
    for (const Step& step : steps) {
      const bool is_empty = step.kind == StepKind::copy && !carries_copies;
      Bytes made;
      chunk.base.push_back(is_empty ? ByteView() : predicting_view(step, base, &made));
      if (!made.empty()) chunk.permuted.push_back(std::move(made));
    }
    return chunk;
  }
};

// The next step: of any kind, dtype and predictor that a delta stream may have.
inline void add_step(Random& random, size_t most, MadeChunk* chunk) {
  const DtypeTable table = dtype_table();
  Step step;
  step.kind = static_cast<StepKind>(random.below(3));
  const bool is_opaque = random.chance(3) || step.kind == StepKind::copy;
  step.dtype = is_opaque ? Dtype::opaque : table.entries[random.below(table.count)].dtype;
  step.predictor = static_cast<Predictor>(random.below(2));
  const bool may_overrun =
      step.kind == StepKind::predict && step.predictor == Predictor::bytes;
  if (chunk->base.empty() && !may_overrun) step.kind = StepKind::literal;
  size_t length = 1 + random.length(std::max<size_t>(most, 1) - 1);
  if (step.kind != StepKind::literal) {
    step.base_offset = random.below(chunk->base.size() + 1);
    const size_t left = chunk->base.size() - static_cast<size_t>(step.base_offset);
    if (!may_overrun) length = std::min(length, left);
    if (length == 0) return;
  }
  step.result_bytes = length;
  Bytes made = random.chance(2) ? random.text(length) : random.bytes(length);
  if (step.kind != StepKind::literal) {
    const size_t common =
        std::min(length, chunk->base.size() - static_cast<size_t>(step.base_offset));
    std::copy_n(chunk->base.begin() + static_cast<ptrdiff_t>(step.base_offset), common,
                made.begin());
  }
  if (step.kind == StepKind::predict && !random.chance(5)) {
    made = random.changed(made, 1 + random.below(200));
  }
  chunk->result.insert(chunk->result.end(), made.begin(), made.end());
  chunk->steps.push_back(std::move(step));
}

// Numbers that follow from bytes made before, or from a step of text behind them.
inline void add_derived(Random& random, size_t most, MadeChunk* chunk) {
  const bool is_ahead = random.chance(2);
  const size_t made = chunk->result.size();
  size_t length = 4 * (1 + random.length(most / 4));
  if (!is_ahead) length = std::min(length, made / 4 * 4);
  if (length == 0) return;
  Derivation derivation;
  derivation.source_is_ahead = is_ahead;
  derivation.source_distance = is_ahead ? length : length + random.below(made - length + 1);
  derivation.factor = static_cast<uint32_t>(random());
  Step step;
  step.kind = StepKind::predict;
  step.dtype = Dtype::f32;
  step.predictor = Predictor::derived;
  step.result_bytes = length;
  step.base_offset = random.below(chunk->base.size() + 1);
  step.parameters = derivation_to_bytes(derivation);
  chunk->steps.push_back(step);
  const Bytes text = is_ahead ? random.text(length) : Bytes();
  chunk->result.resize(made + length);
  chunk->result.insert(chunk->result.end(), text.begin(), text.end());
  const size_t source =
      is_ahead ? made + length : made - static_cast<size_t>(derivation.source_distance);
  for (size_t i = 0; i < length; i += 4) {
    const uint32_t product = f32_product(
        load_le<uint32_t>(chunk->result.data() + source + i), derivation.factor);
    const auto correction = static_cast<uint32_t>(random.chance(3) ? random() : 0);
    store_le(chunk->result.data() + made + i, product + (correction >> random.below(32)));
  }
  if (!is_ahead) return;
  Step literal;
  literal.result_bytes = length;
  chunk->steps.push_back(literal);
}

// Gives a step whose conversion has lanes some.
inline void give_lanes(Random& random, Step* step) {
  LaneGrid grid;
  grid.run = 1 + random.below(300);
  grid.first = random.below(grid.run);
  grid.lanes = static_cast<uint32_t>(1 + random.below(4));
  grid.zero = static_cast<int32_t>(random.below(384)) - 128;
  const Bytes scales = random.bytes(grid.lanes * sizeof(float));
  grid.scales = scales;
  if (step->dtype == Dtype::i8 || step->dtype == Dtype::u8) {
    grid.has_inverse = random.chance(2);
    grid.is_even = random.chance(2);
    grid.is_derived = random.chance(3);
  }
  step->parameters = lane_grid_to_bytes(grid);
}

// Elements that are those of the base, or near them, in another dtype.
inline void add_converted(Random& random, size_t most, MadeChunk* chunk) {
  const DtypeTable table = dtype_table();
  Step step;
  step.kind = StepKind::predict;
  step.predictor = Predictor::converted;
  do {
    step.dtype = table.entries[random.below(table.count)].dtype;
    step.conversion = {table.entries[random.below(table.count)].dtype,
                       random.chance(4) ? Rounding::zero : Rounding::nearest};
  } while (!can_convert(step.conversion, step.dtype) &&
           !has_lanes(step.conversion, step.dtype) &&
           !has_weights(step.conversion, step.dtype));
  const bool is_by_lanes = has_lanes(step.conversion, step.dtype);
  if (is_by_lanes) give_lanes(random, &step);
  const uint64_t unit = conversion_unit(step.conversion, step.dtype);
  step.result_bytes = unit * (1 + random.length(most / unit));
  uint64_t base_bytes = 0;
  REQUIRE(predicting_bytes(step, step.result_bytes, &base_bytes));
  if (base_bytes > chunk->base.size()) return;
  step.base_offset = random.below(chunk->base.size() - base_bytes + 1);
  Bytes made(static_cast<size_t>(step.result_bytes));
  const ByteView from =
      ByteView(chunk->base)
          .subspan(static_cast<size_t>(step.base_offset), static_cast<size_t>(base_bytes));
  if (is_by_lanes) {
    convert_lanes(step.conversion,
                  lane_grid_from_bytes(step.parameters, step.conversion, step.dtype),
                  step.dtype, from, made);
  } else if (has_weights(step.conversion, step.dtype)) {
    made = random.bytes(made.size());
  } else {
    convert(step.conversion, step.dtype, from, made);
  }
  if (random.chance(2)) made = random.changed(made, 1 + random.below(200));
  chunk->result.insert(chunk->result.end(), made.begin(), made.end());
  chunk->steps.push_back(std::move(step));
}

// A permutation of as many elements, at most, in 1 to 4 axes; none if there are too few.
inline Permutation make_permutation(Random& random, uint64_t most) {
  Permutation permutation{};
  permutation.axes = static_cast<uint32_t>(1 + random.below(kMaxAxes));
  uint64_t elements = 1;
  for (uint32_t i = 0; i < permutation.axes; ++i) {
    const uint64_t left = (most / elements) >> (permutation.axes - 1 - i);
    if (left < 2) return {};
    permutation.lengths[i] = static_cast<uint32_t>(2 + random.length(left - 2));
    elements *= permutation.lengths[i];
    permutation.order[i] = static_cast<uint8_t>(i);
  }
  for (uint32_t i = permutation.axes; i > 1; --i) {
    std::swap(permutation.order[i - 1], permutation.order[random.below(i)]);
  }
  return permutation;
}

// Picks for some axes of `permutation`; so few that chunks of any number of steps have
// room.
inline std::vector<uint32_t> make_picks(Random& random, Permutation* permutation) {
  std::vector<uint32_t> picks;
  for (uint32_t axis = 0; axis < permutation->axes; ++axis) {
    if (random.chance(2)) continue;
    const uint32_t length = permutation->lengths[axis];
    const uint64_t count = 1 + random.below(std::min(length, 60u));
    permutation->picked[axis] = static_cast<uint32_t>(count);
    for (uint64_t i = 0; i < count; ++i) {
      const bool goes_on = i > 0 && picks.back() + 1 < length && !random.chance(3);
      picks.push_back(goes_on ? picks.back() + 1
                              : static_cast<uint32_t>(random.below(length)));
    }
  }
  return picks;
}

// Elements of a tensor of the base whose axes stand in another order, or of some indices of
// them, or near them.
inline void add_permuted(Random& random, size_t most, MadeChunk* chunk) {
  const DtypeTable table = dtype_table();
  Step step;
  step.kind = StepKind::predict;
  step.predictor = Predictor::permuted;
  do {
    step.dtype = table.entries[random.below(table.count)].dtype;
  } while (!can_permute(step.dtype));
  const uint64_t width = dtype_layout(step.dtype).block_bytes;
  step.permutation = make_permutation(random, chunk->base.size() / width);
  if (step.permutation.is_none()) return;
  step.picks = make_picks(random, &step.permutation);
  uint64_t elements = 1;  // of the result
  for (uint32_t axis = 0; axis < step.permutation.axes; ++axis)
    elements *= step.permutation.result_length(axis);
  step.permutation.first =
      static_cast<uint32_t>(random.chance(2) ? 0 : random.below(elements));
  uint64_t bytes = 0;
  REQUIRE(permuted_from(step.permutation, step.dtype, width, &bytes));
  const uint64_t left = elements - step.permutation.first;
  const uint64_t all = std::min<uint64_t>(left, std::max<uint64_t>(most / width, 1));
  step.result_bytes = width * (random.chance(2) ? all : 1 + random.below(all));
  step.base_offset = random.below(chunk->base.size() - bytes + 1);
  Bytes made;
  (void)predicting_view(step, chunk->base, &made);
  if (random.chance(2)) made = random.changed(made, 1 + random.below(200));
  chunk->result.insert(chunk->result.end(), made.begin(), made.end());
  chunk->steps.push_back(std::move(step));
}

inline MadeChunk make_chunk(Random& random, size_t base_size, size_t step_count,
                            size_t most) {
  MadeChunk chunk;
  chunk.base = random.chance(2) ? random.text(base_size) : random.bytes(base_size);
  chunk.result_offset = random.chance(2) ? 0 : random.below(1u << 30);
  while (chunk.steps.size() < step_count) {
    if (random.chance(6)) {
      add_derived(random, most, &chunk);
    } else if (random.chance(6)) {
      add_converted(random, most, &chunk);
    } else if (random.chance(6)) {
      add_permuted(random, most, &chunk);
    } else {
      add_step(random, most, &chunk);
    }
  }
  return chunk;
}

// What the decoded chunk says the result is.
inline Bytes result_of(const apply::ChunkWorkspace& space, ByteView base) {
  Bytes result;
  size_t coded = 0;
  for (uint32_t i = 0; i < space.step_count; ++i) {
    const CodedStep& step = space.step[i];
    const auto length = static_cast<size_t>(step.length_bytes);
    const bool is_copy = step.kind == CodedStepKind::copy;
    REQUIRE(range_fits(is_copy ? step.base_offset : coded, length,
                       is_copy ? base.size() : space.coded.size()));
    const ByteView from = is_copy
                              ? base.subspan(static_cast<size_t>(step.base_offset), length)
                              : ByteView(space.coded).subspan(coded, length);
    coded += is_copy ? 0 : length;
    result.insert(result.end(), from.begin(), from.end());
  }
  return result;
}

}  // namespace mallorn::test
