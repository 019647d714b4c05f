// What the plan wants to know of one range of a model.
#pragma once

#include <vector>

#include "libcommon/delta_stream.hpp"
#include "libcommon/model_source.hpp"
#include "mallorn-delta/byte_index.hpp"

namespace mallorn::delta {

// Tensors shorter than this are coded with the bytes around them: on their own they would
// cost more in bookkeeping than prediction saves.
inline constexpr uint64_t kMinTensorBytes = 64;

// An array that says where the elements of a sparse tensor belong. Two of them, indices and
// segments, tell more together than each alone.
bool is_sparsity(const Range& range);

// True for ranges that are coded element by element; all others are bytes.
bool is_elements(const Range& range);

// Whether there is a model that no parser understood, so that its tensors are guesses.
bool is_guessed(const Model& base, const Model& result);

ByteView bytes_of(const Model& model, const Range& range);

// The one zero point of a tensor, or 0: those of channels are 0 in all formats we know.
int32_t zero_point_of(const Range& range);

// Where the element at byte `at` of a tensor lies.
TensorPlace place_of(const Range& range, uint64_t at);

// The index of the range that has the byte at `offset`, which is within the model.
size_t range_at(const Model& model, uint64_t offset);

// Indices and segments that are neighbours, but for a gap between them: each pair from its
// beginning to its end, in order.
std::vector<ByteRange> sparsity_pairs(const Manifest& manifest);

}  // namespace mallorn::delta
