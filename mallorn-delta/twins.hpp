// Ranges of the result that have the bytes of one before: weights that two graphs share, an
// embedding that is the head as well.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/model_source.hpp"
#include "mallorn-delta/byte_index.hpp"

namespace mallorn::delta {

struct Twin {
  uint64_t first = 0;   // where in the result the first of both begins
  uint64_t offset = 0;  // and the other, which is wholly behind it
  uint64_t length = 0;  // of either, in bytes

  bool operator==(const Twin&) const = default;
};

// Whole tensors, and what is between them, in order; apart, and none of them is the first
// of others. Short ones are not worth a chunk of their own, and not among them.
// `contents` are those of Contents (equal_tensors.hpp).
std::vector<Twin> find_twins(const Model& result, const std::vector<size_t>& contents);

// The same where nothing is known of tensors, byte by byte: what is equal for some
// kilobytes, and begins in the ranges, which are in order. Memory is bounded (16 MiB).
std::vector<Twin> find_byte_twins(const Model& result,
                                  const std::vector<ByteRange>& searched);

// Those of the twins, in order, that would be worth it if they took as many bytes of the
// patch, roughly, as `costs` has for each range of the result.
std::vector<Twin> costly_twins(std::vector<Twin> twins, const Manifest& result,
                               const std::vector<uint64_t>& costs);

// Whether what begins at an offset of the result is within the other of a twin.
bool is_other(const std::vector<Twin>& twins, uint64_t offset);

}  // namespace mallorn::delta
