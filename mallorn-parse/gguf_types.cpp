#include "mallorn-parse/gguf_types.hpp"

namespace mallorn::parse {
namespace {

struct GgufType {
  uint32_t id;
  Dtype dtype;
};

// Absent on purpose, because no current source states their size: 4 and 5 (Q4_2, Q4_3,
// removed before GGUF), 31-33 (Q4_0 repacked over rows) and 36-38 (IQ4_NL repacked over
// rows).
constexpr GgufType kTensorTypes[] = {
    {0, Dtype::f32},      {1, Dtype::f16},     {2, Dtype::q4_0},     {3, Dtype::q4_1},
    {6, Dtype::q5_0},     {7, Dtype::q5_1},    {8, Dtype::q8_0},     {9, Dtype::q8_1},
    {10, Dtype::q2_k},    {11, Dtype::q3_k},   {12, Dtype::q4_k},    {13, Dtype::q5_k},
    {14, Dtype::q6_k},    {15, Dtype::q8_k},   {16, Dtype::iq2_xxs}, {17, Dtype::iq2_xs},
    {18, Dtype::iq3_xxs}, {19, Dtype::iq1_s},  {20, Dtype::iq4_nl},  {21, Dtype::iq3_s},
    {22, Dtype::iq2_s},   {23, Dtype::iq4_xs}, {24, Dtype::i8},      {25, Dtype::i16},
    {26, Dtype::i32},     {27, Dtype::i64},    {28, Dtype::f64},     {29, Dtype::iq1_m},
    {30, Dtype::bf16},    {34, Dtype::tq1_0},  {35, Dtype::tq2_0},   {39, Dtype::mxfp4},
    {40, Dtype::nvfp4},   {41, Dtype::q1_0},   {42, Dtype::q2_0},
};

}  // namespace

std::optional<Dtype> gguf_dtype(uint32_t id) {
  for (const GgufType& type : kTensorTypes) {
    if (type.id == id) return type.dtype;
  }
  return std::nullopt;
}

std::optional<Dtype> gguf_scalar_dtype(GgufValueType type) {
  switch (type) {
    case GgufValueType::u8:
      return Dtype::u8;
    case GgufValueType::i8:
      return Dtype::i8;
    case GgufValueType::u16:
      return Dtype::u16;
    case GgufValueType::i16:
      return Dtype::i16;
    case GgufValueType::u32:
      return Dtype::u32;
    case GgufValueType::i32:
      return Dtype::i32;
    case GgufValueType::f32:
      return Dtype::f32;
    case GgufValueType::boolean:
      return Dtype::boolean;
    case GgufValueType::u64:
      return Dtype::u64;
    case GgufValueType::i64:
      return Dtype::i64;
    case GgufValueType::f64:
      return Dtype::f64;
    case GgufValueType::string:
    case GgufValueType::array:
      break;
  }
  return std::nullopt;
}

}  // namespace mallorn::parse
