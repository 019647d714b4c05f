// For processors that have no vector instructions which help.
#include "mallorn-apply/fast_tokens.hpp"

namespace mallorn::apply {

const TokenKernels& fast_kernels() { return portable_kernels(); }

}  // namespace mallorn::apply
