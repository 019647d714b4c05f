// What the parser finds in a TFLite model: tensors, their facts, and labelled gaps.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "mallorn-parse/tflite_types.hpp"
#include "tests/parse/tflite_ranges.hpp"
#include "tests/support/tflite_draft.hpp"

using namespace mallorn;
using namespace mallorn::parse;
using namespace mallorn::parse::tflite_test;
using mallorn::test::TfliteDraft;
namespace schema = mallorn::tflite;

TEST_CASE("tflite: the identifier is asked for by probe, not by read") {
  TfliteDraft draft;
  draft.tensor("a", {4}, kUint8, draft.buffer(4, 1));
  const std::vector<uint8_t> file = draft.bytes(true);
  CHECK(tflite_format().probe(file));
  TfliteDraft bare;
  bare.tensor("a", {4}, kUint8, bare.buffer(4, 1));
  const std::vector<uint8_t> without = bare.bytes(false);
  CHECK_FALSE(tflite_format().probe(without));
  CHECK(tensor_of(parse_and_tile(without), "a").length_bytes == 4);
}

TEST_CASE("tflite: every element type, with its length") {
  struct Type {
    int id;
    const char* dtype;
    size_t bytes;  // of 3 x 5 elements
  };
  constexpr Type kTypes[] = {
      {0, "f32", 60},  {1, "f16", 30},   {2, "i32", 60},        {3, "u8", 15},
      {4, "i64", 120}, {6, "bool", 15},  {7, "i16", 30},        {8, "c64", 120},
      {9, "i8", 15},   {10, "f64", 120}, {11, "c128", 240},     {12, "u64", 120},
      {15, "u32", 60}, {16, "u16", 30},  {17, "i4", 8},         {18, "bf16", 30},
      {19, "i2", 4},   {20, "u4", 8},    {21, "f8_e4m3fn", 15}, {22, "f8_e5m2", 15},
  };
  for (const Type& type : kTypes) {
    TfliteDraft draft;
    draft.tensor("t", {3, 5}, type.id, draft.buffer(type.bytes, 7));
    const std::vector<uint8_t> file = draft.bytes();
    const Range range = tensor_of(parse_and_tile(file), "t");
    CHECK(std::string(dtype_layout(range.dtype).name) == type.dtype);
    CHECK(range.length_bytes == type.bytes);
    CHECK(range.shape == std::vector<uint64_t>{3, 5});
    CHECK(is_filled(file, range, 7));
  }
  for (const int id : {5, 13, 14, 23, 127, -1, -128}) {
    CHECK(tflite_dtype(static_cast<int8_t>(id)) == Dtype::opaque);
  }
}

TEST_CASE("tflite: a length that does not fit the shape costs the shape, then the dtype") {
  TfliteDraft draft;
  draft.tensor("short", {5}, kFloat32, draft.buffer(16, 1));
  draft.tensor("odd", {5}, kFloat32, draft.buffer(18, 1));
  draft.tensor("negative", {-1, 4}, kFloat32, draft.buffer(16, 1));
  draft.tensor("huge", {0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF}, kFloat32, draft.buffer(16, 1));
  draft.tensor("deep", std::vector<int32_t>(100000, 1), kFloat32, draft.buffer(4, 1));
  draft.tensor("scalar", {}, kFloat32, draft.buffer(4, 1));
  draft.tensor("no scalar", {}, kFloat32, draft.buffer(8, 1));
  draft.tensor("none", {0}, kFloat32, draft.buffer(4, 1));
  draft.tensor("text", {12}, kString, draft.buffer(12, 1));
  draft.tensor("odd int4", {3}, kInt4, draft.buffer(2, 1));
  draft.tensor("long int4", {3}, kInt4, draft.buffer(3, 1));
  const std::vector<uint8_t> file = draft.bytes();
  const std::vector<Range> ranges = parse_and_tile(file);
  const auto facts = [&](const std::string& name) {
    const Range range = tensor_of(ranges, name);
    std::string text = dtype_layout(range.dtype).name;
    for (const uint64_t dim : range.shape) text += " " + std::to_string(dim);
    return text;
  };
  CHECK(facts("short") == "f32");
  CHECK(facts("odd") == "opaque");
  CHECK(facts("negative") == "f32");
  CHECK(facts("huge") == "f32");
  CHECK(facts("deep") == "f32");
  CHECK(facts("scalar") == "f32");
  CHECK(facts("no scalar") == "f32");
  CHECK(facts("none") == "f32");
  CHECK(facts("text") == "opaque");
  CHECK(facts("odd int4") == "i4 3");
  CHECK(facts("long int4") == "i4");
}

TEST_CASE("tflite: a shared buffer is one range with all names and the best facts") {
  TfliteDraft draft;
  const uint32_t shared = draft.buffer(24, 9);
  draft.tensor("wrong length", {5}, kFloat32, shared);
  draft.tensor("first right", {2, 3}, kFloat32, shared);
  draft.tensor("second right", {24}, kUint8, shared);
  draft.tensor("first right", {2, 3}, kFloat32, shared);
  draft.tensor("", {6}, kInt32, shared);
  const std::vector<uint8_t> file = draft.bytes();
  const Range range = tensor_of(parse_and_tile(file), "first right");
  CHECK(range.dtype == Dtype::f32);
  CHECK(range.shape == std::vector<uint64_t>{2, 3});
  CHECK(range.names ==
        std::vector<std::string>{"first right", "second right", "wrong length"});
}

TEST_CASE("tflite: buffers without tensors, and tensors without buffers") {
  TfliteDraft draft;
  const uint32_t info = draft.buffer(20, 1);
  const uint32_t old_info = draft.buffer(21, 2);
  const uint32_t orphan = draft.buffer(22, 3);
  draft.tensor("past the end", {4}, kUint8, orphan + 1);
  draft.tensor("far past the end", {4}, kUint8, UINT32_MAX);
  draft.tensor("activation", {4}, kUint8, 0);
  draft.metadata.push_back(schema::CreateMetadataDirect(draft.builder, "info", info));
  draft.metadata.push_back(schema::CreateMetadataDirect(draft.builder, "lost", UINT32_MAX));
  draft.metadata_buffers = {static_cast<int32_t>(old_info), -1, 99};
  const std::vector<uint8_t> file = draft.bytes();
  const std::vector<Range> ranges = parse_and_tile(file);
  const std::vector<Range> named = select(ranges, "meta", "info");
  REQUIRE(named.size() == 1);
  CHECK(is_filled(file, named[0], 1));
  CHECK(named[0].length_bytes == 20);
  const std::vector<Range> opaque = select(ranges, "opaque");
  REQUIRE(opaque.size() == 1);
  CHECK(is_filled(file, opaque[0], 3));
  for (const Range& range : ranges) CHECK(range.kind == RangeKind::gap);
  CHECK(std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
    return range.role == "meta" && range.length_bytes == 21 && is_filled(file, range, 2);
  }));
}

TEST_CASE(
    "tflite: quantization goes to the tensor, its vectors are labelled from four "
    "elements") {
  TfliteDraft draft;
  const std::vector<float> four = {0.5F, 0.25F, NAN, INFINITY};
  draft.tensor("per channel", {4, 2}, kInt8, draft.buffer(8, 1),
               draft.quantization(four, {1, -2, INT64_MIN, INT64_MAX}, 3));
  draft.tensor("three", {3}, kInt8, draft.buffer(3, 1),
               draft.quantization({1, 2, 3}, {0}, 0));
  draft.tensor("no scale", {3}, kInt8, draft.buffer(3, 2), draft.quantization({}, {7}, 1));
  draft.tensor("activation", {9}, kInt8, 0,
               schema::CreateQuantizationParametersDirect(draft.builder, &four, &four));
  const std::vector<uint8_t> file = draft.bytes();
  const std::vector<Range> ranges = parse_and_tile(file);

  const Quantization quantization = tensor_of(ranges, "per channel").quantization;
  REQUIRE(quantization.scales.size() == 4);
  CHECK(quantization.scales[1] == 0.25F);
  CHECK(std::isnan(quantization.scales[2]));
  CHECK(quantization.zero_points == std::vector<int64_t>{1, -2, INT64_MIN, INT64_MAX});
  CHECK(quantization.axis == 3);
  CHECK(tensor_of(ranges, "three").quantization == Quantization{{1, 2, 3}, {0}, 0});
  CHECK(tensor_of(ranges, "no scale").quantization == Quantization{});

  const std::vector<Range> scales = select(ranges, "scale");
  REQUIRE(scales.size() == 1);
  CHECK(scales[0].names == std::vector<std::string>{"per channel"});
  CHECK(scales[0].kind == RangeKind::gap);
  CHECK(scales[0].dtype == Dtype::f32);
  CHECK(scales[0].length_bytes == 16);
  for (size_t i = 0; i < four.size(); ++i) {
    CHECK(load_le<uint32_t>(file.data() + scales[0].offset_bytes + 4 * i) ==
          std::bit_cast<uint32_t>(four[i]));
  }
  const std::vector<Range> zero_points = select(ranges, "zero_point");
  REQUIRE(zero_points.size() == 1);
  CHECK(zero_points[0].dtype == Dtype::i64);
  CHECK(zero_points[0].length_bytes == 32);
  CHECK(select(ranges, "min", "activation").size() == 1);
  CHECK(select(ranges, "max", "activation").size() == 1);
}

TEST_CASE("tflite: one vector of scales for two tensors has both names") {
  TfliteDraft draft;
  const auto shared = draft.quantization({1, 2, 3, 4}, {0, 0, 0, 0}, 0);
  draft.tensor("a", {4}, kInt8, draft.buffer(4, 1), shared);
  draft.tensor("b", {4}, kInt8, draft.buffer(4, 2), shared);
  const std::vector<Range> ranges = parse_and_tile(draft.bytes());
  const std::vector<Range> scales = select(ranges, "scale");
  REQUIRE(scales.size() == 1);
  CHECK(scales[0].names == std::vector<std::string>{"a", "b"});
  CHECK(tensor_of(ranges, "a").quantization == tensor_of(ranges, "b").quantization);
}

TEST_CASE("tflite: a sparse tensor has values, segments and indices") {
  TfliteDraft draft;
  const std::vector<int32_t> segments = {0, 2, 5};
  const std::vector<uint16_t> wide = {0, 1, 2, 3, 4};
  const std::vector<uint8_t> narrow = {9, 8, 7};
  const std::vector<flatbuffers::Offset<schema::DimensionMetadata>> dims = {
      schema::CreateDimensionMetadata(draft.builder),
      schema::CreateDimensionMetadata(
          draft.builder, schema::SparseIndexVector::Int32Vector,
          schema::CreateInt32VectorDirect(draft.builder, &segments).Union(),
          schema::SparseIndexVector::Uint16Vector,
          schema::CreateUint16VectorDirect(draft.builder, &wide).Union()),
      schema::CreateDimensionMetadata(
          draft.builder, schema::SparseIndexVector::Uint8Vector,
          schema::CreateUint8VectorDirect(draft.builder, &narrow).Union(),
          static_cast<schema::SparseIndexVector>(4), 0),
  };
  const auto sparsity = schema::CreateSparsityParametersDirect(draft.builder, &dims);
  draft.tensor("s", {2, 5}, kFloat32, draft.buffer(40, 1), 0, sparsity);
  const std::vector<Range> ranges = parse_and_tile(draft.bytes());
  const Range values = tensor_of(ranges, "s", "values");
  CHECK(values.dtype == Dtype::f32);
  CHECK(values.shape.empty());
  const std::vector<Range> found = select(ranges, "segments", "s");
  REQUIRE(found.size() == 2);
  for (const Range& range : found) {
    CHECK(range.kind == RangeKind::tensor);
    CHECK(range.dtype == (range.length_bytes == 12 ? Dtype::i32 : Dtype::u8));
  }
  const Range indices = tensor_of(ranges, "s", "indices");
  CHECK(indices.dtype == Dtype::u16);
  CHECK(indices.length_bytes == 10);
}

TEST_CASE("tflite: options of custom operators") {
  TfliteDraft draft;
  draft.codes.push_back(schema::CreateOperatorCodeDirect(draft.builder, "Custom"));
  const std::vector<uint8_t> small(63, 1);
  const std::vector<uint8_t> large(64, 2);
  const std::vector<uint8_t> lost(70, 3);
  for (const auto& [options, code] : {std::pair{&small, 0U}, {&large, 0U}, {&lost, 9U}}) {
    draft.operators.push_back(
        schema::CreateOperatorDirect(draft.builder, code, nullptr, nullptr, 0, options));
  }
  const std::vector<uint8_t> file = draft.bytes();
  const std::vector<Range> ranges = parse_and_tile(file);
  const std::vector<Range> opaque = select(ranges, "opaque");
  REQUIRE(opaque.size() == 2);
  for (const Range& range : opaque) {
    const bool is_named = range.names == std::vector<std::string>{"Custom"};
    CHECK(is_filled(file, range, is_named ? 2 : 3));
    CHECK(range.length_bytes == (is_named ? 64 : 70));
  }
}

TEST_CASE("tflite: a model at an odd address reads the same") {
  TfliteDraft draft;
  draft.tensor("a", {4}, kInt8, draft.buffer(4, 1),
               draft.quantization({1, 2, 3, 4}, {5}, 0));
  const std::vector<uint8_t> file = draft.bytes();
  const std::vector<Range> expected = parse_and_tile(file);
  for (size_t shift = 1; shift < 8; ++shift) {
    std::vector<uint8_t> shifted(shift, 0);
    shifted.insert(shifted.end(), file.begin(), file.end());
    CHECK(parse_and_tile(ByteView(shifted).subspan(shift)) == expected);
  }
}
