#include "mallorn-parse/gguf_reader.hpp"

#include <algorithm>

#include "libcommon/error.hpp"

namespace mallorn::parse {
namespace {

constexpr uint8_t kMagic[4] = {'G', 'G', 'U', 'F'};
constexpr uint8_t kSwappedMagic[4] = {'F', 'U', 'G', 'G'};  // proposed for big-endian files

bool starts_with(ByteView file, const uint8_t (&magic)[4]) {
  return file.size() >= 4 && std::equal(magic, magic + 4, file.begin());
}

}  // namespace

bool GgufReader::has_magic(ByteView file) {
  return starts_with(file, kMagic) || starts_with(file, kSwappedMagic);
}

GgufReader::GgufReader(ByteView file) : reader_(file) {
  if (!has_magic(file)) fail(Status::bad_magic, "not a GGUF file");
  (void)take(4);
  const ByteView bytes = take(4);
  version_ = load_le<uint32_t>(bytes.data());
  // Versions are small: a low half of zero means that the file is of the other byte order.
  is_big_endian_ = starts_with(file, kSwappedMagic) || (version_ & 0xFFFFu) == 0;
  if (is_big_endian_) version_ = load_be<uint32_t>(bytes.data());
  if (version_ < 1 || version_ > 3) {
    fail_at(4, Status::unsupported_version, "GGUF version " + std::to_string(version_));
  }
}

void GgufReader::fail_at(uint64_t offset, Status status, const std::string& reason) {
  throw Error(status, "byte " + std::to_string(offset) + ": " + reason);
}

void GgufReader::fail(Status status, const std::string& reason) const {
  fail_at(offset(), status, reason);
}

ByteView GgufReader::take(uint64_t length) {
  const ByteView bytes = reader_.bytes(length);
  if (!reader_.ok()) {
    fail_at(reader_.failed_at(), reader_.status(), "header runs past end of file");
  }
  return bytes;
}

uint32_t GgufReader::load_u32(ByteView bytes) const {
  return is_big_endian_ ? load_be<uint32_t>(bytes.data()) : load_le<uint32_t>(bytes.data());
}

uint32_t GgufReader::u32() { return load_u32(take(4)); }

uint64_t GgufReader::load_u64(ByteView bytes) const {
  return is_big_endian_ ? load_be<uint64_t>(bytes.data()) : load_le<uint64_t>(bytes.data());
}

uint64_t GgufReader::u64() { return load_u64(take(8)); }

uint64_t GgufReader::count() { return version_ == 1 ? u32() : u64(); }

ByteView GgufReader::dims(uint32_t rank) { return take(rank * count_bytes()); }

std::vector<uint64_t> GgufReader::load_shape(ByteView dims) const {
  std::vector<uint64_t> shape;
  while (!dims.empty()) {
    const ByteView last = dims.last(count_bytes());
    shape.push_back(version_ == 1 ? load_u32(last) : load_u64(last));
    dims = dims.first(dims.size() - last.size());
  }
  return shape;
}

ByteView GgufReader::string() {
  const uint64_t length = count();
  return take(length);
}

void GgufReader::check_fits(uint64_t count, uint64_t least_bytes, const char* what) const {
  if (count > reader_.remaining() / least_bytes) {
    fail(Status::truncated,
         std::to_string(count) + " " + what + " declared, more than the file can hold");
  }
}

uint64_t GgufReader::count_of(uint64_t least_bytes, const char* what) {
  const uint64_t value = count();
  check_fits(value, least_bytes, what);
  return value;
}

GgufValue GgufReader::value() {
  GgufValue value;
  value.type = static_cast<GgufValueType>(u32());
  skip_value(&value, 0);
  return value;
}

// Precondition: value->type is set. Sets the rest.
void GgufReader::skip_value(GgufValue* value, uint32_t depth) {
  if (value->type == GgufValueType::array) {
    skip_array(value, depth + 1);
  } else if (value->type == GgufValueType::string) {
    value->bytes = string();
    value->offset = offset() - value->bytes.size();
  } else if (const auto dtype = gguf_scalar_dtype(value->type)) {
    value->offset = offset();
    value->bytes = take(dtype_layout(*dtype).block_bytes);
  } else {
    fail(Status::malformed, "metadata value of unknown type " +
                                std::to_string(static_cast<uint32_t>(value->type)));
  }
}

void GgufReader::skip_array(GgufValue* array, uint32_t depth) {
  if (depth > kGgufMaxArrayDepth) fail(Status::limit_exceeded, "arrays nested too deep");
  array->element_type = static_cast<GgufValueType>(u32());
  array->count = count();
  array->offset = offset();
  const ByteReader start = reader_;
  if (const auto dtype = gguf_scalar_dtype(array->element_type)) {
    const uint64_t element_bytes = dtype_layout(*dtype).block_bytes;
    check_fits(array->count, element_bytes, "array elements");
    (void)take(array->count * element_bytes);
  } else {
    // A string takes its length at least, an array its element type and its count.
    const bool is_array = array->element_type == GgufValueType::array;
    check_fits(array->count, count_bytes() + (is_array ? 4 : 0), "array elements");
    GgufValue element;
    element.type = array->element_type;
    if (!is_array && element.type != GgufValueType::string) skip_value(&element, depth);
    for (uint64_t i = 0; i < array->count; ++i) skip_value(&element, depth);
  }
  ByteReader whole = start;
  array->bytes = whole.bytes(offset() - array->offset);
}

}  // namespace mallorn::parse
