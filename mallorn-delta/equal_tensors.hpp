// Finds out which tensors of two models have the same bytes, wherever they are.
#pragma once

#include <cstddef>
#include <vector>

#include "libcommon/model_source.hpp"

namespace mallorn::delta {

// A number for each range of both models. Tensors, of either model, share one if and only
// if they have the same bytes; what other ranges have means nothing.
struct Contents {
  std::vector<size_t> base;
  std::vector<size_t> result;
};

// Reads little of tensors that have nothing in common; the time is linear in the bytes of
// the others, whatever they have in common.
Contents find_equal_tensors(const Model& base, const Model& result);

}  // namespace mallorn::delta
