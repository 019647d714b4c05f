// Finds, for each tensor of the result, the tensor of the base that it continues.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "libcommon/manifest.hpp"
#include "mallorn-delta/equal_tensors.hpp"

namespace mallorn::delta {

enum class MatchKind : uint8_t {
  none,
  equal,    // the same bytes, wherever they are
  name,     // the same name
  content,  // elements that resemble those, under another name
  shape,    // the same dtype and shape, in the same order
  parts,    // it is made of parts of one or several; not found by match_tensors
};

struct TensorMatch {
  MatchKind kind = MatchKind::none;
  size_t base_range = 0;  // index into the base's ranges; meaningless for none
};

// How far two tensors of the same dtype and length, or of dtypes of which one becomes the
// other, are from each other, the less the better; nothing if they have nothing to do with
// each other.
using Distance =
    std::function<std::optional<uint64_t>(const Range& base, const Range& result)>;

// One entry per range of `result`; gaps that are no channel vectors have none: these are
// matched as tensors are, but not for having the same bytes, as `contents` says. In this
// order: the same name and the same bytes; the same bytes; the same name and dtype; the
// same name and another dtype; then, among tensors not yet matched, the least distance of
// those with the same dtype and length; that of those with as many elements of another
// dtype; the same dtype and shape in file order. Those of different dtypes have a distance.
// A tensor of the base may serve several times for equal bytes, once otherwise.
std::vector<TensorMatch> match_tensors(const Manifest& base, const Manifest& result,
                                       const Contents& contents, const Distance& distance);

const char* match_name(MatchKind kind);

}  // namespace mallorn::delta
