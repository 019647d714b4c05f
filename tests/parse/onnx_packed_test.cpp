// Weights in tensors of bytes: known by the node that uses them, or left as they are.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/parse/onnx_builder.hpp"

using namespace mallorn;
using namespace mallorn::parse;
using namespace mallorn::parse::onnx_test;

namespace {

constexpr uint64_t kUint8 = 2;

std::string number(const std::string& name, uint64_t value) {
  return field(5, field(1, name) + field(3, value));
}

std::string matmul(uint64_t n, uint64_t k, uint64_t bits, uint64_t block_size) {
  return number("N", n) + number("K", k) + number("bits", bits) +
         number("block_size", block_size);
}

std::string bytes(const std::string& name, const std::vector<uint64_t>& dims) {
  uint64_t length = 1;
  for (const uint64_t dim : dims) length *= dim;
  return field(5, tensor(name, kUint8, dims, raw(length)));
}

std::string use(const std::string& op_type, const std::vector<std::string>& inputs,
                const std::string& attributes) {
  return field(1, node(op_type, inputs, "o", attributes));
}

using Shape = std::vector<uint64_t>;
using Zeros = std::vector<int64_t>;

}  // namespace

TEST_CASE("onnx_packed: weights of MatMulNBits are rows of blocks, two in a byte") {
  const std::string weights = bytes("w", {6, 2, 8});
  const std::string used = use("MatMulNBits", {"x", "w", "s"}, matmul(6, 20, 4, 16));
  for (const std::string& graph : {weights + used, used + weights}) {
    const Range range = read_all(model(graph)).ranges.at(0);
    CHECK(range.dtype == Dtype::u4);
    CHECK(range.shape == Shape{6, 2, 16});
    CHECK(range.quantization == Quantization{{}, {8}, 0});
  }
  // However its dims are written.
  const Range flat = read_all(model(bytes("w", {96}) + used)).ranges.at(0);
  CHECK(flat.shape == Shape{6, 2, 16});
}

TEST_CASE("onnx_packed: of 8 bits, shape and zero are all there is to tell") {
  const Range range =
      read_all(model(bytes("w", {6, 2, 16}) +
                     use("MatMulNBits", {"x", "w", "s"}, matmul(6, 32, 8, 16))))
          .ranges.at(0);
  CHECK(range.dtype == Dtype::u8);
  CHECK(range.shape == Shape{6, 2, 16});
  CHECK(range.quantization.zero_points == Zeros{128});
}

TEST_CASE("onnx_packed: zero points are packed row by row") {
  const std::string graph = bytes("w", {16, 3, 8}) + bytes("z", {16, 2});
  const auto ranges = read_all(model(graph + use("MatMulNBits", {"x", "w", "s", "z"},
                                                 matmul(16, 48, 4, 16))))
                          .ranges;
  CHECK(ranges.at(0).quantization.zero_points.empty());
  CHECK(ranges.at(1).dtype == Dtype::u4);
  CHECK(ranges.at(1).shape == Shape{16, 4});

  // An empty name is an input that is not there.
  const auto without = read_all(model(graph + use("MatMulNBits", {"x", "w", "s", "", "g"},
                                                  matmul(16, 48, 4, 16))))
                           .ranges;
  CHECK(without.at(0).quantization.zero_points == Zeros{8});
  CHECK(without.at(1).dtype == Dtype::u8);
}

TEST_CASE("onnx_packed: tables of GatherBlockQuantized") {
  const std::string table = bytes("t", {5, 32});
  const auto shape = [&](const std::string& attributes) {
    return read_all(model(table + use("GatherBlockQuantized", {"t", "i", "s"}, attributes)))
        .ranges.at(0)
        .shape;
  };
  CHECK(shape(number("block_size", 32)) == Shape{5, 2, 32});
  CHECK(shape(number("block_size", 32) + number("bits", 8)) == Shape{5, 1, 32});
  CHECK(shape(number("block_size", 128)) == Shape{5, 32});
  CHECK(shape({}) == Shape{5, 32});
}

TEST_CASE("onnx_packed: weights in another file are labelled as well") {
  const std::string place = external_entry("location", "w.bin") + field(14, 1);
  const ParsedModel found =
      read_all(model(field(5, tensor("w", kUint8, {6, 2, 8}, place)) +
                     use("MatMulNBits", {"x", "w", "s"}, matmul(6, 32, 4, 16))));
  REQUIRE(found.external_tensors.size() == 1);
  CHECK(found.external_tensors[0].range.dtype == Dtype::u4);
  CHECK(found.external_tensors[0].range.shape == Shape{6, 2, 16});
}

TEST_CASE("onnx_packed: what does not fit stays as it is") {
  const std::string weights = bytes("w", {6, 2, 8});
  const auto is_left = [&](const std::string& graph) {
    const Range range = read_all(model(weights + graph)).ranges.at(0);
    return range.dtype == Dtype::u8 && range.shape == Shape{6, 2, 8} &&
           range.quantization == Quantization{};
  };
  const auto matmul_of = [](const std::string& attributes) {
    return use("MatMulNBits", {"x", "w", "s"}, attributes);
  };
  CHECK_FALSE(is_left(matmul_of(matmul(6, 32, 4, 16))));
  CHECK(is_left(matmul_of(matmul(5, 32, 4, 16))));
  CHECK(is_left(matmul_of(matmul(6, 33, 4, 16))));
  CHECK(is_left(matmul_of(matmul(6, 32, 2, 16))));
  CHECK(is_left(matmul_of(matmul(6, 32, 8, 16))));
  CHECK(is_left(matmul_of(matmul(12, 12, 4, 12))));  // no block of ONNX Runtime
  CHECK(is_left(matmul_of(matmul(24, 8, 4, 8))));
  CHECK(is_left(matmul_of({})));
  for (const uint64_t huge :
       {uint64_t{0}, UINT64_MAX, uint64_t{1} << 63, uint64_t{1} << 41}) {
    CHECK(is_left(matmul_of(matmul(huge, 32, 4, 16))));
    CHECK(is_left(matmul_of(matmul(6, huge, 4, 16))));
    CHECK(is_left(matmul_of(matmul(6, 32, huge, 16))));
    CHECK(is_left(matmul_of(matmul(6, 32, 4, huge))));
  }
  CHECK(is_left(matmul_of(matmul(uint64_t{1} << 40, uint64_t{1} << 40, 4, 16))));
  CHECK(is_left(use("MatMulNBits", {"x"}, matmul(6, 32, 4, 16))));
  CHECK(is_left(use("MatMulBnb4", {"x", "w", "s"}, matmul(6, 32, 4, 16))));
  CHECK(is_left(use("GatherBlockQuantized", {"w", "i", "s"}, number("block_size", 16))));
}
