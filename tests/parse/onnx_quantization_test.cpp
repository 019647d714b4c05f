// Scales and zero points: found through the nodes that use them, or passed over.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/parse/onnx_builder.hpp"

using namespace mallorn;
using namespace mallorn::parse;
using namespace mallorn::parse::onnx_test;

TEST_CASE("onnx_quantization: quantization comes from the inputs of DequantizeLinear") {
  const std::string scales("\x00\x00\x80\x3f\x00\x00\x00\x40", 8);  // 1, 2
  const std::string weight = field(5, tensor("w", kInt8, {2, 8}, raw(16)));
  const std::string scale = field(5, tensor("s", kFloat, {2}, field(9, scales)));
  const std::string zero =
      field(5, tensor("z", kInt8, {2}, field(9, std::string("\xff\x05"))));
  const std::string axis = field(5, field(1, std::string("axis")) + field(3, uint64_t{0}));
  const std::string use = field(1, node("DequantizeLinear", {"w", "s", "z"}, "o", axis));
  const auto quantization = [](const std::string& graph) {
    return read_all(model(graph)).ranges.at(0).quantization;
  };
  const Quantization expected{{1.0f, 2.0f}, {-1, 5}, 0};
  CHECK(quantization(weight + scale + zero + use) == expected);
  CHECK(quantization(use + zero + scale + weight) == expected);
  CHECK(quantization(weight + scale + use) == Quantization{{1.0f, 2.0f}, {}, 0});

  const std::string typed =
      field(5, tensor("s", kFloat, {2}, field(4, scales))) +
      field(5, tensor("z", kInt8, {2}, field(5, varint(UINT64_MAX) + varint(5))));
  CHECK(quantization(weight + typed + use) == expected);
  const std::string constant = field(
      1,
      node("Constant", {}, "s", attribute(5, tensor("", kFloat, {2}, field(9, scales)))));
  CHECK(quantization(weight + constant + zero + use) == expected);
  const std::string last =
      field(5, field(1, std::string("axis")) + field(3, UINT64_MAX - 1));
  CHECK(quantization(weight + scale + zero +
                     field(1, node("DequantizeLinear", {"w", "s", "z"}, "o", last))) ==
        expected);
  CHECK(quantization(weight + scale + zero +
                     field(1, node("QLinearConv", {"x", "s", "z", "w", "s", "z"}, "o"))) ==
        expected);

  const std::string one = field(5, tensor("s", kFloat, {}, field(9, scales.substr(0, 4))));
  const std::string no_axis = field(1, node("DequantizeLinear", {"w", "s"}, "o"));
  CHECK(quantization(weight + one + no_axis) == Quantization{{1.0f}, {}, 0});
}

TEST_CASE("onnx_quantization: quantization that does not fit is passed over") {
  const std::string weight = field(5, tensor("w", kInt8, {2, 8}, raw(16)));
  const auto quantization = [&](uint64_t data_type, const std::string& data,
                                const std::string& attributes) {
    return read_all(model(weight + field(5, tensor("s", data_type, {2}, data)) +
                          field(1, node("DequantizeLinear", {"w", "s"}, "o", attributes))))
        .ranges.at(0)
        .quantization;
  };
  const auto axis = [](uint64_t value) {
    return field(5, field(1, std::string("axis")) + field(3, value));
  };
  CHECK(quantization(kFloat, raw(8, 1), axis(0)).scales.size() == 2);
  CHECK(quantization(kFloat, raw(8, 1), axis(1)) == Quantization{});
  CHECK(quantization(kFloat, raw(8, 1), axis(2)) == Quantization{});
  CHECK(quantization(kFloat, raw(8, 1), axis(uint64_t{1} << 63)) == Quantization{});
  CHECK(quantization(kFloat, raw(12, 1), axis(0)) == Quantization{});
  CHECK(quantization(10, raw(8, 1), axis(0)) == Quantization{});
  CHECK(quantization(kFloat, raw(8, '\xff'), axis(0)) == Quantization{});  // not numbers
}
