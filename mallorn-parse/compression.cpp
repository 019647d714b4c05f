#include "mallorn-parse/compression.hpp"

#include <algorithm>
#include <string_view>

namespace mallorn::parse {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  const char* name;
};

// RFC 1952, RFC 8878, the .xz format 1.2, bzip2, LZ4 frames, PKWARE APPNOTE 4.3.7.
constexpr Magic kMagics[] = {
    {"\x1f\x8b\x08"sv, "gzip"}, {"\x28\xb5\x2f\xfd"sv, "zstd"}, {"\xfd\x37zXZ\0"sv, "xz"},
    {"BZh"sv, "bzip2"},         {"\x04\x22\x4d\x18"sv, "lz4"},  {"PK\x03\x04"sv, "zip"},
};

}  // namespace

const char* compression_of(ByteView file) {
  for (const Magic& magic : kMagics) {
    if (file.size() > magic.bytes.size() &&
        std::equal(magic.bytes.begin(), magic.bytes.end(), file.begin(),
                   [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; })) {
      return magic.name;
    }
  }
  return nullptr;
}

}  // namespace mallorn::parse
