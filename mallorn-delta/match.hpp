// Finds, for each tensor of the result, the tensor of the base that it continues.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "libcommon/manifest.hpp"

namespace mallorn::delta {

enum class MatchKind : uint8_t {
  none,
  digest,  // the same bytes, wherever they are
  name,    // the same name and dtype
  shape,   // the same dtype and shape, in the same order
};

struct TensorMatch {
  MatchKind kind = MatchKind::none;
  size_t base_range = 0;  // index into the base's ranges; meaningless for none
};

// One entry per range of `result`; gaps have none. In this order: the same name and the
// same bytes; the same bytes; the same name and dtype; the same dtype and shape in file
// order, among tensors not yet matched. A tensor of the base may serve several times for
// equal bytes, once otherwise.
std::vector<TensorMatch> match_tensors(const Manifest& base, const Manifest& result);

const char* match_name(MatchKind kind);

}  // namespace mallorn::delta
