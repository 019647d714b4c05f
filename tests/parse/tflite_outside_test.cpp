// TFLite models with bytes behind the FlatBuffer or in other files.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/parse/tflite_ranges.hpp"
#include "tests/support/files.hpp"
#include "tests/support/tflite_draft.hpp"

using namespace mallorn;
using namespace mallorn::parse;
using namespace mallorn::parse::tflite_test;
using mallorn::test::status_of;
using mallorn::test::TfliteDraft;
namespace schema = mallorn::tflite;

namespace {

// A model with one buffer and one operator's options at the given places, then `behind`
// bytes.
std::vector<uint8_t> outside_model(uint64_t offset, uint64_t size, uint64_t options_offset,
                                   uint64_t options_size, size_t behind) {
  TfliteDraft draft;
  draft.codes.push_back(schema::CreateOperatorCodeDirect(draft.builder, "Custom"));
  draft.operators.push_back(schema::CreateOperatorDirect(
      draft.builder, 0, nullptr, nullptr, 0, nullptr, options_offset, options_size));
  draft.tensor("far", {5}, kFloat32, draft.outside_buffer(offset, size));
  draft.tensor("near", {4}, kUint8, draft.buffer(4, 1));
  std::vector<uint8_t> file = draft.bytes();
  file.resize(file.size() + behind, 0xEE);
  return file;
}

}  // namespace

TEST_CASE("tflite: buffers and options behind the FlatBuffer") {
  const uint64_t end = outside_model(1, 1, 1, 1, 0).size();
  const uint64_t first = (end + 15) / 16 * 16 + 16;
  const std::vector<uint8_t> file =
      outside_model(first, 20, first + 32, 9, first + 50 - end);
  const std::vector<Range> ranges = parse_and_tile(file);
  const Range far = tensor_of(ranges, "far");
  CHECK(far.offset_bytes == first);
  CHECK(far.shape == std::vector<uint64_t>{5});
  const std::vector<Range> options = select(ranges, "opaque", "Custom");
  REQUIRE(options.size() == 1);
  CHECK(options[0].offset_bytes == first + 32);
  CHECK(options[0].length_bytes == 9);
  CHECK(select(ranges, "pad").size() == 2);
  const std::vector<Range> tail = select(ranges, "tail");
  REQUIRE(tail.size() == 1);
  CHECK(tail[0].length_bytes == 9);
}

TEST_CASE("tflite: places outside the file cost the label alone") {
  const uint64_t end = outside_model(1, 1, 1, 1, 0).size();
  const uint64_t length = end + 64;
  const std::pair<uint64_t, uint64_t> wrong[] = {
      {0, 20},
      {1, 20},
      {length, 1},
      {length - 1, 2},
      {length, 0},
      {length - 20, 21},
      {uint64_t{1} << 63, 20},
      {UINT64_MAX, 20},
      {UINT64_MAX - 9, 20},
      {end, UINT64_MAX},
      {end, UINT64_MAX - end + 1},
  };
  for (const auto& [offset, size] : wrong) {
    for (const bool is_options : {false, true}) {
      // Absent fields make the model shorter: pad it to the same length.
      std::vector<uint8_t> file = is_options ? outside_model(1, 1, offset, size, 0)
                                             : outside_model(offset, size, 1, 1, 0);
      file.resize(static_cast<size_t>(length), 0xEE);
      const std::vector<Range> ranges = parse_and_tile(file);
      CHECK(select(ranges, "", "far").empty());
      CHECK(select(ranges, "opaque").empty());
      CHECK(tensor_of(ranges, "near").length_bytes == 4);
    }
  }
}

TEST_CASE("tflite: data that claims the FlatBuffer's own bytes is refused") {
  const uint64_t end = outside_model(1, 1, 1, 1, 0).size();
  for (const uint64_t offset : {uint64_t{2}, uint64_t{8}, end / 2, end - 1}) {
    CHECK(status_of([&] {
            (void)tflite_format().read(outside_model(offset, 1, 1, 1, 0));
          }) == Status::malformed);
    CHECK(status_of([&] {
            (void)tflite_format().read(outside_model(1, 1, offset, 1, 0));
          }) == Status::malformed);
  }
  CHECK(status_of([&] { (void)tflite_format().read(outside_model(end, 1, 1, 1, 1)); }) ==
        Status::ok);
}

TEST_CASE("tflite: other files are reported, tensors in them get no label") {
  TfliteDraft draft;
  const uint32_t buffer = draft.buffer(4, 1);
  draft.tensor("elsewhere", {4}, kUint8, buffer, 0, 0, 1);
  for (const char* name : {"../../etc/passwd", "", "weights.bin"}) {
    draft.groups.push_back(schema::CreateExternalBufferGroupDirect(draft.builder, name));
  }
  const std::vector<uint8_t> file = draft.bytes();
  CHECK(tflite_format().read(file).external_files ==
        std::vector<std::string>{"../../etc/passwd", "weights.bin"});
  CHECK(select(parse_and_tile(file), "", "elsewhere").empty());
}

TEST_CASE("tflite: what follows is a tail, a ZIP archive is labelled by entry") {
  TfliteDraft draft;
  draft.tensor("a", {4}, kUint8, draft.buffer(4, 1));
  const std::vector<uint8_t> model = draft.bytes();
  CHECK(select(parse_and_tile(model), "tail").empty());
  std::vector<uint8_t> file = model;
  file.resize(file.size() + 3, 0);
  std::vector<Range> tail = select(parse_and_tile(file), "tail");
  REQUIRE(tail.size() == 1);
  CHECK(tail[0].offset_bytes == model.size());

  // One entry "x" without data, its directory record, the end record.
  file = model;
  const auto put = [&file](uint64_t value, int width) {
    for (int i = 0; i < width; ++i) file.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  put(0x04034b50, 4), put(0, 8), put(0, 8), put(0, 6), put(1, 4), put('x', 1);
  put(0x02014b50, 4), put(0, 8), put(0, 8), put(0, 8), put(1, 6), put(0, 8),
      put(model.size(), 4);
  put('x', 1);
  put(0x06054b50, 4), put(0, 4), put(0x00010001, 4), put(47, 4), put(model.size() + 31, 4);
  put(0, 2);
  tail = select(parse_and_tile(file), "tail");
  REQUIRE(tail.size() == 2);
  CHECK(tail[0].names == std::vector<std::string>{"x"});
  CHECK(tail[0].offset_bytes == model.size());
  CHECK(tail[0].length_bytes == 31);
}
