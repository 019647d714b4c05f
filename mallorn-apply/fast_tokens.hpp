// Decodes tokens with the processor's vector instructions where it has them; with the same
// results as portable_kernels().
#pragma once

#include "mallorn-apply/core/token_kernels.hpp"

namespace mallorn::apply {

// The fastest that this processor can run; chosen once, at the first call.
const TokenKernels& fast_kernels();

}  // namespace mallorn::apply
