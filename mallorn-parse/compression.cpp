#include "mallorn-parse/compression.hpp"

#include <algorithm>
#include <string_view>

#include "libcommon/core/byte_reader.hpp"

namespace mallorn::parse {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  const char* name;
};

// RFC 1952, RFC 8878, the .xz format 1.2, bzip2, LZ4 frames.
constexpr Magic kMagics[] = {
    {"\x1f\x8b\x08"sv, "gzip"}, {"\x28\xb5\x2f\xfd"sv, "zstd"}, {"\xfd\x37zXZ\0"sv, "xz"},
    {"BZh"sv, "bzip2"},         {"\x04\x22\x4d\x18"sv, "lz4"},
};

constexpr uint32_t kZipMember = 0x04034B50;

// Whether `file` is an archive whose first member with anything in it is compressed
// (PKWARE APPNOTE 4.3.7). PyTorch and NumPy store theirs as they are.
bool is_compressed_zip(ByteView file) {
  ByteReader reader(file);
  while (reader.u32() == kZipMember) {
    reader.skip(4);  // version, flags
    const uint16_t method = reader.u16();
    reader.skip(8);  // time, CRC
    const uint32_t bytes = reader.u32();
    reader.skip(4);  // length before
    const uint64_t name_bytes = reader.u16();
    const uint64_t extra_bytes = reader.u16();
    if (!reader.ok()) return false;
    if (method != 0 || bytes != 0) return method != 0;
    reader.skip(name_bytes + extra_bytes);
  }
  return false;
}

}  // namespace

const char* compression_of(ByteView file) {
  for (const Magic& magic : kMagics) {
    if (file.size() > magic.bytes.size() &&
        std::equal(magic.bytes.begin(), magic.bytes.end(), file.begin(),
                   [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; })) {
      return magic.name;
    }
  }
  return is_compressed_zip(file) ? "zip" : nullptr;
}

}  // namespace mallorn::parse
