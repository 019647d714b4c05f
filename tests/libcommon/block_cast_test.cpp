// Blocks against the reference code of llama.cpp, in floats, as it is there.
#include "libcommon/core/block_cast.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "libcommon/core/float_cast.hpp"
#include "tests/support/quant_blocks.hpp"

using namespace mallorn;

namespace {

using Numbers = std::array<uint32_t, kMaxBlockCodes>;

constexpr Dtype kTypes[] = {Dtype::q4_0, Dtype::q4_1, Dtype::q5_0, Dtype::q5_1,
                            Dtype::q8_0};

float as_float(uint32_t bits) { return std::bit_cast<float>(bits); }

uint16_t half_of(float number) {
  return static_cast<uint16_t>(
      narrowed<kF32, kF16>(std::bit_cast<uint32_t>(number), Rounding::nearest));
}

// Keeps products from being fused with sums, which rounds once instead of twice.
float apart(float number) {
  volatile float kept = number;
  return kept;
}

QuantBlock q8_0(const float* x) {
  QuantBlock block;
  float amax = 0;
  for (int i = 0; i < 32; ++i) amax = std::max(amax, std::fabs(x[i]));
  const float d = amax / 127;
  const float id = d != 0 ? 1.0f / d : 0.0f;
  block.scale = half_of(d);
  for (size_t i = 0; i < 32; ++i) {
    block.code[i] = static_cast<int16_t>(std::round(apart(x[i] * id)));
  }
  return block;
}

QuantBlock from_extreme(const float* x, int low) {
  QuantBlock block;
  float amax = 0;
  float max = 0;
  for (int i = 0; i < 32; ++i) {
    if (amax >= std::fabs(x[i])) continue;
    amax = std::fabs(x[i]);
    max = x[i];
  }
  const float d = max / static_cast<float>(low);
  const float id = d != 0 ? 1.0f / d : 0.0f;
  block.scale = half_of(d);
  for (size_t i = 0; i < 32; ++i) {
    const float sum = apart(x[i] * id) + (static_cast<float>(-low) + 0.5f);
    const int code = std::min(-2 * low - 1, static_cast<int>(sum));
    block.code[i] = static_cast<int16_t>(code + low);
  }
  return block;
}

QuantBlock from_least(const float* x, int high) {
  QuantBlock block;
  const auto [min, max] = std::minmax_element(x, x + 32);
  const float d = apart(*max - *min) / static_cast<float>(high);
  const float id = d != 0 ? 1.0f / d : 0.0f;
  block.scale = half_of(d);
  block.minimum = half_of(*min);
  for (size_t i = 0; i < 32; ++i) {
    const float above = apart(apart(x[i] - *min) * id);
    block.code[i] = static_cast<int16_t>(std::min(high, static_cast<int>(above + 0.5f)));
  }
  return block;
}

QuantBlock reference(Dtype dtype, const Numbers& numbers) {
  float x[32];
  std::transform(numbers.begin(), numbers.begin() + 32, x, as_float);
  switch (dtype) {
    case Dtype::q4_0:
      return from_extreme(x, -8);
    case Dtype::q5_0:
      return from_extreme(x, -16);
    case Dtype::q4_1:
      return from_least(x, 15);
    case Dtype::q5_1:
      return from_least(x, 31);
    default:
      return q8_0(x);
  }
}

void check_quantized(Dtype dtype, const Numbers& numbers) {
  const size_t size = dtype_layout(dtype).block_bytes;
  test::Bytes expected(size);
  test::Bytes made(size);
  write_quant_block(dtype, reference(dtype, numbers), expected.data());
  quantize_block(dtype, numbers.data(), made.data());
  CAPTURE(dtype_layout(dtype).name);
  REQUIRE(made == expected);
}

// Weights of about one exponent; some are halves or zero, so that there are ties.
Numbers random_weights(test::Random& random) {
  Numbers numbers{};
  const auto exponent = static_cast<uint32_t>(90 + random.below(60));
  const bool is_rough = random.chance(2);
  for (size_t i = 0; i < 32; ++i) {
    const auto bits = static_cast<uint32_t>(random());
    const uint32_t below = static_cast<uint32_t>(std::countl_zero(bits | 1));
    numbers[i] = (bits & 0x807FFFFF) | (exponent - below) << 23;
    if (is_rough) numbers[i] &= 0xFFFF0000;
    if (random.chance(20)) numbers[i] = 0;
  }
  return numbers;
}

}  // namespace

TEST_CASE("block cast: blocks are those of the reference code, bit for bit") {
  test::Random random = test::seeded("block cast");
  for (int i = 0; i < 20000; ++i) {
    const Numbers numbers = random_weights(random);
    for (const Dtype dtype : kTypes) check_quantized(dtype, numbers);
  }
}

TEST_CASE("block cast: blocks of zeros, of one number, of few") {
  Numbers numbers{};
  for (const Dtype dtype : kTypes) check_quantized(dtype, numbers);
  numbers.fill(0xBF800000);
  for (const Dtype dtype : kTypes) check_quantized(dtype, numbers);
  for (size_t i = 0; i < 32; ++i) {  // -1, -15/16, …: all ties of some type are among them
    numbers[i] = std::bit_cast<uint32_t>(static_cast<float>(i) / 16.0f - 1.0f);
  }
  for (const Dtype dtype : kTypes) check_quantized(dtype, numbers);
}

TEST_CASE("block cast: infinities, NaN and numbers too small for a scale have no codes") {
  for (const uint32_t odd : {0x7F800000u, 0xFF800000u, 0x7FC00000u, 0xFFFFFFFFu, 1u}) {
    Numbers numbers{};
    numbers[3] = 0x3F000000;
    if (odd == 1) numbers[3] = 0;
    numbers[7] = odd;
    for (const Dtype dtype : kTypes) {
      test::Bytes made(dtype_layout(dtype).block_bytes);
      quantize_block(dtype, numbers.data(), made.data());
      QuantBlock block;
      read_quant_block(dtype, made.data(), &block);
      CAPTURE(dtype_layout(dtype).name);
      for (size_t i = 0; i < 32; ++i) REQUIRE(block.code[i] == 0);
    }
  }
}

TEST_CASE("block cast: weights are the step times the code, and the start") {
  test::Random random = test::seeded("block cast, back");
  for (const Dtype dtype : test::kGridDtypes) {
    const QuantGrid& grid = *quant_grid(dtype);
    CHECK(can_dequantize(dtype) == (grid.table == nullptr));
    if (!can_dequantize(dtype)) continue;
    CAPTURE(dtype_layout(dtype).name);
    for (int i = 0; i < 200; ++i) {
      const QuantBlock block = test::random_block(random, grid);
      test::Bytes bytes(dtype_layout(dtype).block_bytes);
      write_quant_block(dtype, block, bytes.data());
      Numbers numbers;
      dequantize_block(dtype, bytes.data(), numbers.data());
      const float scale = as_float(static_cast<uint32_t>(widened<kF16, kF32>(block.scale)));
      const float minimum =
          as_float(static_cast<uint32_t>(widened<kF16, kF32>(block.minimum)));
      for (size_t code = 0; code < test::code_count(grid); ++code) {
        const size_t group = code / grid.group_codes;
        // Products have few enough bits to be exact.
        float weight = scale * block.code[code];
        if (grid.group_scales.high != 0) weight *= block.group_scale[group];
        if (grid.start == Start::added) weight += minimum;
        if (grid.start == Start::taken) weight -= minimum * block.group_minimum[group];
        if (weight == 0) {
          REQUIRE(as_float(numbers[code]) == 0);
        } else {
          REQUIRE(as_float(numbers[code]) == weight);
        }
      }
    }
  }
}

TEST_CASE("block cast: zeros have the sign of their product") {
  QuantBlock block;
  block.scale = 0xBC00;  // -1
  block.code[0] = 0;
  block.code[1] = 3;
  test::Bytes bytes(dtype_layout(Dtype::q4_0).block_bytes);
  write_quant_block(Dtype::q4_0, block, bytes.data());
  Numbers numbers;
  dequantize_block(Dtype::q4_0, bytes.data(), numbers.data());
  CHECK(numbers[0] == 0x80000000);
  CHECK(numbers[1] == 0xC0400000);
  block.scale = 0;
  block.code[1] = -3;
  write_quant_block(Dtype::q4_0, block, bytes.data());
  dequantize_block(Dtype::q4_0, bytes.data(), numbers.data());
  CHECK(numbers[0] == 0);
  CHECK(numbers[1] == 0x80000000);
}
