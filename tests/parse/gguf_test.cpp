// GGUF files written byte by byte: what is labelled, what is refused, and where limits lie.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "libcommon/error.hpp"
#include "mallorn-parse/registry.hpp"

using namespace mallorn;
using namespace mallorn::parse;

namespace {

constexpr uint32_t kF32 = 0, kQ4K = 12, kUnknownType = 4;
constexpr uint32_t kTypeU8 = 0, kTypeU32 = 4, kTypeI32 = 5, kTypeFloat = 6, kTypeString = 8,
                   kTypeArray = 9;

// Writes the fields of a GGUF file, in the width and byte order of its version.
class Builder {
 public:
  explicit Builder(uint32_t version = 3, bool is_big_endian = false)
      : version_(version), is_big_endian_(is_big_endian) {}

  Builder& header(uint64_t tensors, uint64_t pairs, const std::string& magic = "GGUF") {
    return raw(magic).u32(version_).count(tensors).count(pairs);
  }
  Builder& raw(const std::string& text) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    return *this;
  }
  Builder& u32(uint32_t value) { return number(value, 4); }
  Builder& u64(uint64_t value) { return number(value, 8); }
  Builder& count(uint64_t value) { return number(value, version_ == 1 ? 4 : 8); }
  Builder& string(const std::string& text) { return count(text.size()).raw(text); }
  Builder& array(uint32_t type, uint64_t elements) {
    return u32(kTypeArray).u32(type).count(elements);
  }
  Builder& alignment(uint32_t value) {
    return string("general.alignment").u32(kTypeU32).u32(value);
  }
  Builder& tensor(const std::string& name, const std::vector<uint64_t>& dims, uint32_t type,
                  uint64_t offset) {
    string(name).u32(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) count(dim);
    return u32(type).u64(offset);
  }
  Builder& pad_to(size_t multiple) {
    while (bytes.size() % multiple != 0) bytes.push_back(0);
    return *this;
  }
  Builder& data(size_t length) {
    bytes.insert(bytes.end(), length, 0x55);
    return *this;
  }

  std::vector<uint8_t> bytes;

 private:
  Builder& number(uint64_t value, size_t width) {
    for (size_t i = 0; i < width; ++i) {
      const size_t shift = 8 * (is_big_endian_ ? width - 1 - i : i);
      bytes.push_back(static_cast<uint8_t>(value >> shift));
    }
    return *this;
  }

  uint32_t version_;
  bool is_big_endian_;
};

ParsedModel read_all(const Builder& file) {
  const std::vector<uint8_t> exact(file.bytes);  // no spare capacity: overreads show
  return gguf_format().read(exact);
}

Status status_of(const Builder& file) {
  try {
    for (const Range& range : read_all(file).ranges) {
      CHECK(range_fits(range.offset_bytes, range.length_bytes, file.bytes.size()));
    }
  } catch (const Error& error) {
    return error.status();
  }
  return Status::ok;
}

// One f32 tensor [2, 3], after alignment to 32.
Builder plain(uint32_t version, bool is_big_endian, const std::string& magic = "GGUF") {
  Builder file(version, is_big_endian);
  file.header(1, 0, magic).tensor("w", {3, 2}, kF32, 0).pad_to(32).data(24);
  return file;
}

// One tensor of the given dims and type over 288 bytes of data.
Builder with_tensor(const std::vector<uint64_t>& dims, uint32_t type, uint64_t offset) {
  Builder file;
  file.header(1, 0).tensor("w", dims, type, offset).pad_to(32).data(288);
  return file;
}

}  // namespace

TEST_CASE("gguf: reads all versions in both byte orders") {
  for (const uint32_t version : {1u, 2u, 3u}) {
    for (const bool is_big_endian : {false, true}) {
      CAPTURE(version);
      CAPTURE(is_big_endian);
      const Builder file = plain(version, is_big_endian);
      CHECK(gguf_format().probe(file.bytes));
      const ParsedModel model = read_all(file);
      CHECK(model.is_big_endian == is_big_endian);
      REQUIRE(model.ranges.size() == 1);
      const Range& range = model.ranges[0];
      CHECK(range.kind == RangeKind::tensor);
      CHECK(range.offset_bytes == file.bytes.size() - 24);
      CHECK(range.length_bytes == 24);
      CHECK(range.dtype == Dtype::f32);
      CHECK(range.shape == std::vector<uint64_t>{2, 3});
      CHECK(range.names == std::vector<std::string>{"w"});
    }
  }
}

TEST_CASE("gguf: the swapped magic means big-endian") {
  const ParsedModel model = read_all(plain(3, true, "FUGG"));
  CHECK(model.is_big_endian);
  CHECK(model.ranges.size() == 1);
  CHECK(status_of(plain(3, false, "FUGG")) == Status::unsupported_version);
}

TEST_CASE("gguf: refuses versions 0 and 4 and other magics") {
  CHECK(status_of(plain(0, false)) == Status::unsupported_version);
  CHECK(status_of(plain(4, false)) == Status::unsupported_version);
  CHECK(status_of(plain(4, true)) == Status::unsupported_version);
  const Builder other = plain(3, false, "GGML");
  CHECK(status_of(other) == Status::bad_magic);
  CHECK_FALSE(gguf_format().probe(other.bytes));
  CHECK_FALSE(gguf_format().probe({}));
}

TEST_CASE("gguf: labels large metadata and passes over small") {
  Builder file;
  file.header(0, 6);
  file.string("few").array(kTypeFloat, 15).data(60);
  const size_t scores = file.string("scores").array(kTypeFloat, 16).bytes.size();
  const size_t types = file.data(64).string("types").array(kTypeI32, 16).bytes.size();
  file.data(64);
  const size_t tokens = file.string("tokens").array(kTypeString, 512).bytes.size();
  for (int i = 0; i < 512; ++i) file.string("");
  file.string("merges").array(kTypeString, 1).string("small");
  const size_t text = file.string("template").u32(kTypeString).count(4096).bytes.size();
  file.data(4096);
  const ParsedModel model = read_all(file);
  REQUIRE(model.ranges.size() == 4);
  const struct {
    size_t offset, length;
    Dtype dtype;
    const char* name;
  } expected[] = {{scores, 64, Dtype::f32, "scores"},
                  {types, 64, Dtype::i32, "types"},
                  {tokens, 4096, Dtype::opaque, "tokens"},
                  {text, 4096, Dtype::opaque, "template"}};
  for (size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK(model.ranges[i].kind == RangeKind::gap);
    CHECK(model.ranges[i].role == "meta");
    CHECK(model.ranges[i].offset_bytes == expected[i].offset);
    CHECK(model.ranges[i].length_bytes == expected[i].length);
    CHECK(model.ranges[i].dtype == expected[i].dtype);
    CHECK(model.ranges[i].names == std::vector<std::string>{expected[i].name});
  }
}

TEST_CASE("gguf: alignment is any power of two up to 2^20") {
  for (const uint32_t alignment : {1u, 2u, 8u, 64u, 4096u, 1u << 20}) {
    CAPTURE(alignment);
    Builder file;
    file.header(1, 1).alignment(alignment).tensor("w", {6}, kF32, 0).pad_to(alignment);
    file.data(24);
    const ParsedModel model = read_all(file);
    REQUIRE(model.ranges.size() == 1);
    CHECK(model.ranges[0].offset_bytes == file.bytes.size() - 24);
  }
  for (const uint32_t alignment : {0u, 3u, 1u << 21, 1u << 31, 0xFFFFFFFFu}) {
    CAPTURE(alignment);
    Builder file;
    CHECK(status_of(file.header(0, 1).alignment(alignment)) == Status::malformed);
  }
}

TEST_CASE("gguf: alignment must be a u32 and agree with itself") {
  Builder as_i32, as_string, twice, differing;
  as_i32.header(0, 1).string("general.alignment").u32(kTypeI32).u32(32);
  CHECK(status_of(as_i32) == Status::malformed);
  as_string.header(0, 1).string("general.alignment").u32(kTypeString).string("32");
  CHECK(status_of(as_string) == Status::malformed);
  CHECK(status_of(twice.header(0, 2).alignment(64).alignment(64)) == Status::ok);
  CHECK(status_of(differing.header(0, 2).alignment(64).alignment(32)) == Status::malformed);
}

TEST_CASE("gguf: duplicate, empty and overlapping tensors are all kept") {
  Builder file;
  file.header(4, 0).tensor("w", {8}, kF32, 0).tensor("w", {8}, kF32, 16);
  file.tensor("", {8}, kF32, 0).tensor("none", {0, uint64_t{1} << 62, 8}, kF32, 1000);
  file.pad_to(32).data(48);
  const ParsedModel model = read_all(file);
  REQUIRE(model.ranges.size() == 3);
  CHECK(model.ranges[0].names == model.ranges[1].names);
  CHECK(model.ranges[2].offset_bytes == model.ranges[0].offset_bytes);
  CHECK(model.ranges[2].names == std::vector<std::string>{""});
}

TEST_CASE("gguf: a tensor of unknown size runs to the next one") {
  Builder file;
  file.header(3, 0).tensor("a", {7}, kUnknownType, 32).tensor("b", {2}, kF32, 64);
  file.tensor("c", {100}, kQ4K, 128).pad_to(32).data(200);  // c: not whole blocks
  const uint64_t start = file.bytes.size() - 200;
  const ParsedModel model = read_all(file);
  REQUIRE(model.ranges.size() == 3);
  CHECK(model.ranges[0].dtype == Dtype::opaque);
  CHECK(model.ranges[0].offset_bytes == start + 32);
  CHECK(model.ranges[0].length_bytes == 32);
  CHECK(model.ranges[0].shape.empty());
  CHECK(model.ranges[2].dtype == Dtype::opaque);
  CHECK(model.ranges[2].offset_bytes == start + 128);
  CHECK(model.ranges[2].length_bytes == 72);
}

TEST_CASE("gguf: block types take whole blocks") {
  const ParsedModel model = read_all(with_tensor({256, 2}, kQ4K, 0));
  REQUIRE(model.ranges.size() == 1);
  CHECK(model.ranges[0].dtype == Dtype::q4_k);
  CHECK(model.ranges[0].length_bytes == 288);
  CHECK(status_of(with_tensor({256, 3}, kQ4K, 0)) == Status::truncated);
}

TEST_CASE("gguf: a tensor must lie inside the file") {
  CHECK(status_of(with_tensor({72}, kF32, 0)) == Status::ok);
  CHECK(status_of(with_tensor({73}, kF32, 0)) == Status::truncated);
  CHECK(status_of(with_tensor({72}, kF32, 1)) == Status::truncated);
  CHECK(status_of(with_tensor({8}, kF32, UINT64_MAX - 31)) == Status::truncated);
  CHECK(status_of(with_tensor({8}, kF32, uint64_t{1} << 40)) == Status::truncated);
  CHECK(status_of(with_tensor({8}, kUnknownType, uint64_t{1} << 40)) == Status::truncated);
  CHECK(status_of(with_tensor({8}, kUnknownType, 288)) == Status::ok);
  CHECK(status_of(with_tensor({8}, kUnknownType, 289)) == Status::truncated);
}

TEST_CASE("gguf: dims that overflow are refused, before anything is multiplied") {
  const uint64_t top = uint64_t{1} << 63;
  CHECK(status_of(with_tensor({top, 2}, kF32, 0)) == Status::malformed);
  CHECK(status_of(with_tensor({UINT64_MAX, 2, 1, 1}, kF32, 0)) == Status::malformed);
  CHECK(status_of(with_tensor({1u << 22, (uint64_t{1} << 42) + 1}, kF32, 0)) ==
        Status::malformed);
  CHECK(status_of(with_tensor({uint64_t{1} << 62}, kF32, 0)) == Status::malformed);
  CHECK(status_of(with_tensor({0, top}, kF32, 0)) == Status::malformed);
  CHECK(status_of(with_tensor({0, top - 1, top - 1}, kF32, 0)) == Status::ok);
  CHECK(status_of(with_tensor({top, 2}, kUnknownType, 0)) == Status::malformed);
}

TEST_CASE("gguf: rank 16 is the highest") {
  CHECK(status_of(with_tensor({}, kF32, 0)) == Status::ok);
  CHECK(status_of(with_tensor(std::vector<uint64_t>(15, 1), kF32, 0)) == Status::ok);
  CHECK(status_of(with_tensor(std::vector<uint64_t>(16, 1), kF32, 0)) == Status::ok);
  CHECK(status_of(with_tensor(std::vector<uint64_t>(17, 1), kF32, 0)) ==
        Status::limit_exceeded);
}

TEST_CASE("gguf: tensor names have at most 64 KiB") {
  for (const size_t length : {size_t{65535}, size_t{65536}, size_t{65537}}) {
    CAPTURE(length);
    Builder file;
    file.header(1, 0).tensor(std::string(length, 'n'), {1}, kF32, 0).pad_to(32).data(4);
    CHECK(status_of(file) == (length > 65536 ? Status::limit_exceeded : Status::ok));
  }
}

TEST_CASE("gguf: counts are compared with the bytes that follow") {
  for (const uint64_t count : {uint64_t{1} << 61, uint64_t{1} << 63, UINT64_MAX}) {
    CAPTURE(count);
    Builder tensors, pairs, numbers, strings, arrays, text;
    CHECK(status_of(tensors.header(count, 0)) == Status::truncated);
    CHECK(status_of(pairs.header(0, count)) == Status::truncated);
    numbers.header(0, 1).string("k").array(kTypeU8, count).data(8);
    CHECK(status_of(numbers) == Status::truncated);
    strings.header(0, 1).string("k").array(kTypeString, count).data(64);
    CHECK(status_of(strings) == Status::truncated);
    arrays.header(0, 1).string("k").array(kTypeArray, count).data(64);
    CHECK(status_of(arrays) == Status::truncated);
    text.header(0, 1).string("k").u32(kTypeString).count(count).data(64);
    CHECK(status_of(text) == Status::truncated);
  }
}

TEST_CASE("gguf: arrays nest 64 deep") {
  for (const int depth : {63, 64, 65, 10000}) {
    CAPTURE(depth);
    Builder file;
    file.header(0, 1).string("k").u32(kTypeArray);
    for (int i = 1; i < depth; ++i) file.u32(kTypeArray).u64(1);
    file.u32(kTypeU8).u64(3).data(3);
    CHECK(status_of(file) == (depth > 64 ? Status::limit_exceeded : Status::ok));
  }
}

TEST_CASE("gguf: refuses unknown value types, also in arrays without elements") {
  Builder value, element;
  CHECK(status_of(value.header(0, 1).string("k").u32(13).data(16)) == Status::malformed);
  CHECK(status_of(element.header(0, 1).string("k").array(13, 0).data(16)) ==
        Status::malformed);
}

TEST_CASE("gguf: at most 131072 tensors and large values") {
  for (const uint64_t count : {131071u, 131072u, 131073u}) {
    CAPTURE(count);
    Builder file;
    file.header(count, 0);
    for (uint64_t i = 0; i < count; ++i) file.tensor("same", {}, kF32, 0);
    file.pad_to(32).data(4);
    CHECK(status_of(file) == (count > 131072 ? Status::limit_exceeded : Status::ok));
  }
}

TEST_CASE("gguf: every prefix of a file is refused or stays inside its bytes") {
  Builder whole;
  whole.header(2, 3).alignment(64).string("s").u32(kTypeString).string("text");
  whole.string("a")
      .array(kTypeArray, 2)
      .u32(kTypeU8)
      .count(3)
      .data(3)
      .u32(kTypeString)
      .count(1);
  whole.string("x").tensor("w", {3, 2}, kF32, 0).tensor("v", {3}, kUnknownType, 64);
  whole.pad_to(64).data(100);
  CHECK(status_of(whole) == Status::ok);
  const size_t needed = whole.bytes.size() - 36;  // "v" starts there and has no known size
  for (size_t length = 0; length < whole.bytes.size(); ++length) {
    CAPTURE(length);
    Builder prefix;
    prefix.bytes.assign(whole.bytes.begin(),
                        whole.bytes.begin() + static_cast<ptrdiff_t>(length));
    const Status status = status_of(prefix);
    CHECK((status == Status::ok) == (length >= needed));
  }
}

TEST_CASE("gguf: a message names place and tensor, without control bytes") {
  Builder file;
  file.header(1, 0).tensor("a\x1b[2J\n", {9}, kF32, 0);
  try {
    (void)read_all(file);
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          "byte 24: tensor \"a?[2J?\": data ends past end of file");
  }
}
