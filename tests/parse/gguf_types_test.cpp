// The type table against the sizes that the reference implementation states.
#include "mallorn-parse/gguf_types.hpp"

#include <doctest/doctest.h>

#include <iterator>
#include <string>

using namespace mallorn;
using namespace mallorn::parse;

namespace {

struct Expected {
  uint32_t id;
  const char* name;
  uint32_t block_elements;
  uint32_t block_bytes;
};

constexpr Expected kExpected[] = {
    {0, "f32", 1, 4},         {1, "f16", 1, 2},         {2, "q4_0", 32, 18},
    {3, "q4_1", 32, 20},      {6, "q5_0", 32, 22},      {7, "q5_1", 32, 24},
    {8, "q8_0", 32, 34},      {9, "q8_1", 32, 36},      {10, "q2_k", 256, 84},
    {11, "q3_k", 256, 110},   {12, "q4_k", 256, 144},   {13, "q5_k", 256, 176},
    {14, "q6_k", 256, 210},   {15, "q8_k", 256, 292},   {16, "iq2_xxs", 256, 66},
    {17, "iq2_xs", 256, 74},  {18, "iq3_xxs", 256, 98}, {19, "iq1_s", 256, 50},
    {20, "iq4_nl", 32, 18},   {21, "iq3_s", 256, 110},  {22, "iq2_s", 256, 82},
    {23, "iq4_xs", 256, 136}, {24, "i8", 1, 1},         {25, "i16", 1, 2},
    {26, "i32", 1, 4},        {27, "i64", 1, 8},        {28, "f64", 1, 8},
    {29, "iq1_m", 256, 56},   {30, "bf16", 1, 2},       {34, "tq1_0", 256, 54},
    {35, "tq2_0", 256, 66},   {39, "mxfp4", 32, 17},    {40, "nvfp4", 64, 36},
    {41, "q1_0", 128, 18},    {42, "q2_0", 64, 18},
};

}  // namespace

TEST_CASE("gguf_types: every known id has its name and block layout") {
  for (const Expected& expected : kExpected) {
    CAPTURE(expected.id);
    const auto dtype = gguf_dtype(expected.id);
    REQUIRE(dtype.has_value());
    const DtypeLayout& layout = dtype_layout(*dtype);
    CHECK(std::string(layout.name) == expected.name);
    CHECK(layout.block_elements == expected.block_elements);
    CHECK(layout.block_bytes == expected.block_bytes);
  }
}

TEST_CASE("gguf_types: all other ids are unknown") {
  uint32_t known = 0;
  for (uint32_t id = 0; id < 1000; ++id) known += gguf_dtype(id).has_value() ? 1 : 0;
  CHECK(known == std::size(kExpected));
  for (const uint32_t id :
       {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 0x80000000u, 0xFFFFFFFFu}) {
    CAPTURE(id);
    CHECK_FALSE(gguf_dtype(id).has_value());
  }
}

TEST_CASE("gguf_types: metadata values of fixed size") {
  constexpr uint32_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  for (uint32_t type = 0; type < std::size(kBytes); ++type) {
    CAPTURE(type);
    const auto dtype = gguf_scalar_dtype(static_cast<GgufValueType>(type));
    CHECK((dtype ? dtype_layout(*dtype).block_bytes : 0) == kBytes[type]);
  }
  CHECK_FALSE(gguf_scalar_dtype(static_cast<GgufValueType>(13)).has_value());
}
