// GgufReader: the values of a GGUF file, whatever its version and byte order.
//
// Versions differ in the width of counts (v1: 32 bits), byte orders in everything but the
// magic. Every read is bounded by the file and throws Error at the byte where it fails, so
// that what it returns can be used at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-parse/gguf_types.hpp"

namespace mallorn::parse {

inline constexpr uint32_t kGgufMaxArrayDepth = 64;

// One metadata value; nothing is copied.
struct GgufValue {
  GgufValueType type{};
  GgufValueType element_type{};  // of an array
  uint64_t count = 0;            // elements of an array
  uint64_t offset = 0;           // of `bytes` in the file
  ByteView bytes;  // the scalar; the string or the array without type and count
};

class GgufReader {
 public:
  // Reads magic and version. Throws Error for what is not GGUF v1, v2 or v3.
  explicit GgufReader(ByteView file);

  // True if `file` starts with one of the two magics of GGUF.
  static bool has_magic(ByteView file);

  uint32_t version() const { return version_; }
  bool is_big_endian() const { return is_big_endian_; }
  uint64_t offset() const { return reader_.offset(); }

  uint32_t u32();
  uint64_t u64();
  uint64_t count();              // of tensors, keys and elements
  ByteView dims(uint32_t rank);  // the extents of a tensor, fastest first
  ByteView string();             // length, then that many bytes
  GgufValue value();             // type, then the value

  // A count of things that take at least `least_bytes` each; throws if they cannot all
  // follow.
  uint64_t count_of(uint64_t least_bytes, const char* what);
  // Bytes that a count takes, and the length of a string.
  uint64_t count_bytes() const { return version_ == 1 ? 4 : 8; }

  uint32_t load_u32(ByteView bytes) const;  // Precondition: four bytes at least.
  // What dims() returned, as a shape: slowest dimension first.
  std::vector<uint64_t> load_shape(ByteView dims) const;

  [[noreturn]] void fail(Status status, const std::string& reason) const;
  [[noreturn]] static void fail_at(uint64_t offset, Status status,
                                   const std::string& reason);

 private:
  ByteView take(uint64_t length);
  uint64_t load_u64(ByteView bytes) const;
  void check_fits(uint64_t count, uint64_t least_bytes, const char* what) const;
  void skip_value(GgufValue* value, uint32_t depth);
  void skip_array(GgufValue* array, uint32_t depth);

  ByteReader reader_;
  uint32_t version_ = 0;
  bool is_big_endian_ = false;
};

}  // namespace mallorn::parse
