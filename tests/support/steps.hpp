// Steps of delta streams, in one line each.
#pragma once

#include "libcommon/delta_stream.hpp"

namespace mallorn::test {

inline Step step(StepKind kind, uint64_t result_bytes, uint64_t base_offset = 0,
                 Dtype dtype = Dtype::opaque, Predictor predictor = Predictor::same_value) {
  Step made;
  made.kind = kind;
  made.dtype = dtype;
  made.predictor = predictor;
  made.result_bytes = result_bytes;
  made.base_offset = base_offset;
  return made;
}

}  // namespace mallorn::test
