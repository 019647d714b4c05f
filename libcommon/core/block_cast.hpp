// Blocks of GGUF from binary32 numbers and back, as the reference code of llama.cpp has it
// (docs/format/conversions.md, "Blocks").
#pragma once

#include <cstdint>

#include "libcommon/core/dtype.hpp"

namespace mallorn {

// True for q4_0, q4_1, q5_0, q5_1 and q8_0: no search finds their scales.
bool can_quantize(Dtype dtype);
// True for these, and for q2_k to q6_k.
bool can_dequantize(Dtype dtype);

// One block from the bits of its 32 numbers. can_quantize(dtype).
void quantize_block(Dtype dtype, const uint32_t* numbers, uint8_t* block);

// The bits of as many numbers as a block has. can_dequantize(dtype).
void dequantize_block(Dtype dtype, const uint8_t* block, uint32_t* numbers);

}  // namespace mallorn
