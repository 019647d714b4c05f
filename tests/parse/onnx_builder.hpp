// Writes ONNX models byte by byte for the tests of the ONNX parser, and reads them back.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "libcommon/error.hpp"
#include "mallorn-parse/registry.hpp"

namespace mallorn::parse::onnx_test {

inline constexpr uint64_t kFloat = 1, kInt8 = 3, kInt32 = 6, kString = 8;

// Protobuf as text: each function returns the bytes of one field.
inline std::string varint(uint64_t value) {
  std::string bytes;
  for (; value > 0x7F; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
  return bytes + static_cast<char>(value);
}
inline std::string field(uint32_t number, uint64_t value) {
  return varint(uint64_t{number} << 3) + varint(value);
}
inline std::string field(uint32_t number, const std::string& bytes) {
  return varint(uint64_t{number} << 3 | 2) + varint(bytes.size()) + bytes;
}
inline std::string fixed32(uint32_t number, const std::string& bytes) {
  return varint(uint64_t{number} << 3 | 5) + bytes;
}

inline std::string tensor(const std::string& name, uint64_t data_type,
                          std::vector<uint64_t> dims, const std::string& data) {
  std::string bytes;
  for (const uint64_t dim : dims) bytes += field(1, dim);
  return bytes + field(2, data_type) + data + field(8, name);
}
inline std::string raw(size_t length, char fill = 'r') {
  return field(9, std::string(length, fill));
}
inline std::string floats(const std::string& name) {
  return tensor(name, kFloat, {4}, raw(16));
}

inline std::string node(const std::string& op_type, const std::vector<std::string>& inputs,
                        const std::string& output, const std::string& attributes = {}) {
  std::string bytes;
  for (const std::string& input : inputs) bytes += field(1, input);
  return bytes + field(2, output) + field(4, op_type) + attributes;
}
inline std::string attribute(uint32_t number, const std::string& content) {
  return field(5, field(1, std::string("a")) + field(number, content));
}
inline std::string model(const std::string& graph) { return field(1, 8) + field(7, graph); }
inline std::string with_initializer(const std::string& content) {
  return model(field(5, content));
}
inline std::string external_entry(const std::string& key, const std::string& value) {
  return field(13, field(1, key) + field(2, value));
}
inline std::string external(const std::string& location, const std::string& entries = {}) {
  return tensor("e", kFloat, {4},
                external_entry("location", location) + entries + field(14, 1));
}

inline std::vector<uint8_t> to_bytes(const std::string& text) {
  return {text.begin(), text.end()};
}

inline ParsedModel read_all(const std::string& text) {
  const std::vector<uint8_t> file = to_bytes(text);
  CHECK(onnx_format().probe(file));
  return onnx_format().read(file);
}

inline Status status_of(const std::string& text) {
  const std::vector<uint8_t> file = to_bytes(text);
  (void)onnx_format().probe(file);
  try {
    for (const Range& range : onnx_format().read(file).ranges) {
      CHECK(range_fits(range.offset_bytes, range.length_bytes, file.size()));
    }
  } catch (const Error& error) {
    return error.status();
  }
  return Status::ok;
}

// The only range of a model; its bytes must be `expected`.
inline Range only_range(const std::string& text, const std::string& expected) {
  const ParsedModel found = read_all(text);
  REQUIRE(found.ranges.size() == 1);
  const Range& range = found.ranges[0];
  CHECK(text.substr(range.offset_bytes, range.length_bytes) == expected);
  return range;
}

inline std::vector<std::string> names_of(const ParsedModel& found) {
  std::vector<std::string> names;
  for (const Range& range : found.ranges) {
    std::string all = range.role;
    for (const std::string& name : range.names) all += "/" + name;
    names.push_back(all);
  }
  return names;
}

using Names = std::vector<std::string>;

}  // namespace mallorn::parse::onnx_test
