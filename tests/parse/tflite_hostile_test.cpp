// TFLite models made to exhaust the parser, and damaged ones.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "mallorn-parse/tflite_labels.hpp"
#include "tests/parse/tflite_ranges.hpp"
#include "tests/support/files.hpp"
#include "tests/support/tflite_draft.hpp"

using namespace mallorn;
using namespace mallorn::parse;
using namespace mallorn::parse::tflite_test;
using mallorn::test::status_of;
using mallorn::test::TfliteDraft;
namespace schema = mallorn::tflite;

TEST_CASE("tflite: tables shared by everything stay cheap, or are refused") {
  const auto read_square = [](size_t side) {
    TfliteDraft draft;
    draft.tensor("only", {4}, kUint8, draft.buffer(4, 1),
                 draft.quantization({1, 2, 3, 4}, {}, 0));
    const std::vector<flatbuffers::Offset<schema::Tensor>> tensors(side, draft.tensors[0]);
    draft.subgraphs.assign(side, schema::CreateSubGraphDirect(draft.builder, &tensors));
    const std::vector<uint8_t> file = draft.bytes();
    return tflite_format().read(file).ranges;
  };
  // Two tables for each mention of the tensor: just under a million in all.
  const std::vector<Range> ranges = read_square(700);
  CHECK(select(ranges, "", "only").size() == 1);
  CHECK(select(ranges, "scale", "only").size() == 1);
  CHECK(status_of([&] { (void)read_square(10000); }) == Status::malformed);
}

TEST_CASE(
    "tflite: one long name, one long shape and one vector of scales for many tensors") {
  TfliteDraft draft;
  const auto name = draft.builder.CreateString(std::string(100000, 'n'));
  const auto shape = draft.builder.CreateVector(std::vector<int32_t>(100000, 1));
  const auto quantization = draft.quantization(std::vector<float>(100000, 0.5F), {}, 0);
  constexpr size_t kCount = 2000;
  for (size_t i = 0; i < kCount; ++i) {
    draft.tensors.push_back(schema::CreateTensor(draft.builder, shape, kUint8,
                                                 draft.buffer(1, 1), name, quantization));
  }
  const std::vector<Range> ranges = tflite_format().read(draft.bytes()).ranges;
  size_t scales = 0;
  size_t names = 0;
  size_t dims = 0;
  for (const Range& range : ranges) {
    scales += range.quantization.scales.size();
    dims += range.shape.size();
    for (const std::string& text : range.names) names += text.size();
  }
  CHECK(ranges.size() > kCount);
  CHECK(scales > 0);
  CHECK(scales <= size_t{1} << 22);
  CHECK(names > 0);
  CHECK(names <= (size_t{1} << 20) + 2000000);
  CHECK(dims == 0);
}

TEST_CASE("tflite: labels are counted up to a limit") {
  TfliteLabels labels;
  for (size_t i = 0; i < TfliteLabels::kMaxLabels; ++i) {
    labels.add({.offset_bytes = i, .length_bytes = 1});
    labels.add({.offset_bytes = i, .length_bytes = 0});
  }
  CHECK(status_of([&] { labels.add({.offset_bytes = 0, .length_bytes = 0}); }) ==
        Status::ok);
  CHECK(status_of([&] { labels.add({.offset_bytes = 0, .length_bytes = 1}); }) ==
        Status::limit_exceeded);
  CHECK(labels.merge(0).ranges.size() == TfliteLabels::kMaxLabels);
}

TEST_CASE("tflite: every cut and every flipped bit gives an Error or ranges that tile") {
  TfliteDraft draft;
  draft.codes.push_back(schema::CreateOperatorCodeDirect(draft.builder, "Custom"));
  draft.tensor("a", {4}, kInt8, draft.buffer(4, 1),
               draft.quantization({1, 2, 3, 4}, {5, 6, 7, 8}, 0));
  draft.metadata.push_back(schema::CreateMetadataDirect(draft.builder, "info", 1));
  const std::vector<uint8_t> options(70, 3);
  draft.operators.push_back(
      schema::CreateOperatorDirect(draft.builder, 0, nullptr, nullptr, 0, &options));
  const std::vector<uint8_t> whole = draft.bytes();
  size_t refused = 0;
  const auto read = [&](const std::vector<uint8_t>& file) {
    refused += status_of([&] { (void)parse_and_tile(file); }) == Status::ok ? 0 : 1;
  };
  for (size_t length = 0; length < whole.size(); ++length) {
    read(std::vector<uint8_t>(whole.begin(),
                              whole.begin() + static_cast<ptrdiff_t>(length)));
  }
  // The FlatBuffer ends with what it needs: no cut goes unseen.
  CHECK(refused == whole.size());
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::vector<uint8_t> file = whole;
    file[bit / 8] = static_cast<uint8_t>(file[bit / 8] ^ (1U << (bit % 8)));
    read(file);
  }
}
