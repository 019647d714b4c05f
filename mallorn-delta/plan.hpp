// Decides how every byte of the result is made: the heart of mallorn-delta.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "libcommon/delta_stream.hpp"
#include "libcommon/model_source.hpp"
#include "mallorn-delta/byte_index.hpp"
#include "mallorn-delta/derived.hpp"
#include "mallorn-delta/match.hpp"
#include "mallorn-delta/twins.hpp"

namespace mallorn::delta {

// How one tensor of the result, or a vector between tensors that follows from another, is
// made; for --explain.
struct TensorPlan {
  size_t result_range = 0;
  TensorMatch match;
  // "copy", "predict", "convert", "permute", "distant", "literal", "bytes", "derived",
  // "parts", "again"
  const char* method = "";
  uint64_t estimated_bytes = 0;  // of the patch, roughly
  std::optional<Derived> derived;
  std::vector<size_t> parts;  // ranges of the base that it is made of; the first few
  Permutation permutation{};  // of the range of the base that it is matched with
};

struct Plan {
  std::vector<Step> steps;  // tile the result, in order
  std::vector<TensorPlan> tensors;
  // Of the result, in order: what is coded together and should not be parted by chunks.
  std::vector<ByteRange> whole;
  std::vector<Twin> twins;  // what is made by the chunks of other bytes
};

struct PlanOptions {
  // Tensors that hardly resemble their old version are predicted from it all the same
  // (Predictor::distant).
  bool uses_distant = false;
  // Tensors may be predicted by those whose axes stand in another order, or have other
  // indices (Predictor::permuted).
  bool uses_permuted = true;
};

// Pure: depends on the two models and the options alone. Time near-linear in their size,
// memory bounded by the number of ranges, byte indices of at most 80 MiB, anchors and marks
// of at most 28 MiB, what is kept of each index of an axis, and of tensors that were
// rearranged 2^23 picks and 2^18 steps.
Plan make_plan(const Model& base, const Model& result, const PlanOptions& options = {});

// Has the plan make the other of those twins by the first that would cost much by itself.
// Of a result that could not be parsed, they are looked for here.
void keep_twins(std::vector<Twin> twins, const Model& result, Plan* plan);

// Has long runs of elements that are equal to those that predict them copied.
std::vector<Step> copy_equal_runs(std::vector<Step> steps, const Model& base,
                                  const Model& result);

// Lets copies take over the equal bytes beside them, and joins copies that then meet.
std::vector<Step> grow_copies(std::vector<Step> steps, ByteView base, ByteView result);

enum class Chunks : uint8_t {
  even,  // a small model makes an even number of about the same size, for two processors
  few,   // for the smallest patch: what is learned in a chunk is lost at its end
};

// Cuts the steps into chunks within the limits of the patch format, in order; ranges that
// are to stay `whole` only if they are longer than a chunk, or do not begin with a step. Of
// `twins`, where steps can be cut, the other has the very chunks of the first, in place of
// its own steps. Each chunk is gone when it has been visited: all of them may take many
// times what the steps do.
// Throws Error(internal) if a byte-wise prediction is longer than a chunk: nothing can cut
// that.
using ChunkVisitor = std::function<void(const std::vector<Step>& chunk)>;
void for_each_chunk(std::vector<Step> steps, const std::vector<ByteRange>& whole,
                    Chunks chunks, std::vector<Twin> twins, const ChunkVisitor& visit);

}  // namespace mallorn::delta
