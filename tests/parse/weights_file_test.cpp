// Weights in a file of their own, labelled by the ONNX model beside it.
#include "mallorn-parse/weights_file.hpp"

#include <doctest/doctest.h>

#include "tests/parse/onnx_builder.hpp"
#include "tests/support/files.hpp"

using namespace mallorn;
using namespace mallorn::parse;
using namespace mallorn::parse::onnx_test;

namespace {

std::string at(const std::string& location, const std::string& offset) {
  return external(location, external_entry("offset", offset));
}

std::string graph(const std::string& location) {
  return model(field(5, at(location, "8")) + field(5, at(location, "100")) +
               field(5, at("other.data", "0")));
}

void write(const std::string& path, const std::string& text) {
  test::write_file(path, to_bytes(text));
}

}  // namespace

TEST_CASE("weights file: tensors are labelled by the model beside it, as far as they fit") {
  for (const std::string name : {"net.onnx_data", "net.onnx.data", "net.data"}) {
    const test::TemporaryFolder folder;
    write(folder / "net.onnx", graph("./" + name));
    const auto labelled = label_weights(folder / name, 115);
    REQUIRE(labelled.has_value());
    CHECK(labelled->model == folder / "net.onnx");
    REQUIRE(labelled->parsed.ranges.size() == 1);  // the second would end at 116
    const Range& range = labelled->parsed.ranges.front();
    CHECK(range.kind == RangeKind::tensor);
    CHECK(range.dtype == Dtype::f32);
    CHECK(range.offset_bytes == 8);
    CHECK(range.length_bytes == 16);
    CHECK(range.shape == std::vector<uint64_t>{4});
    CHECK(range.names == std::vector<std::string>{"e"});
    CHECK(label_weights(folder / name, 116)->parsed.ranges.size() == 2);
  }
}

TEST_CASE("weights file: nothing is told by models that are not there, broken, or others") {
  const test::TemporaryFolder folder;
  CHECK_FALSE(label_weights(folder / "net.data", 1000).has_value());
  CHECK_FALSE(label_weights("net.data", 1000).has_value());
  CHECK_FALSE(label_weights(folder / "net.bin", 1000).has_value());
  CHECK_FALSE(label_weights(folder / ".data", 1000).has_value());
  CHECK_FALSE(label_weights("", 1000).has_value());
  write(folder / "net.onnx", "not a model");
  CHECK_FALSE(label_weights(folder / "net.data", 1000).has_value());
  write(folder / "net.onnx", graph("another.data"));
  CHECK_FALSE(label_weights(folder / "net.data", 1000).has_value());
  write(folder / "net.onnx", graph("net.data"));
  CHECK_FALSE(label_weights(folder / "net.data", 20).has_value());
  CHECK(label_weights(folder / "net.data", 1000).has_value());
}
