// Bytes as text, and text as bytes: as they are, as hex digits, as file names that survive
// JSON.
#pragma once

#include <string>
#include <string_view>

#include "libcommon/core/bytes.hpp"

namespace mallorn {

inline ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Lower-case hex digits.
std::string to_hex(ByteView bytes);

// Reads exactly 2 * to.size() lower-case hex digits; false for anything else.
[[nodiscard]] bool from_hex(std::string_view text, ByteSpan to);

// A file name as printable ASCII: '%' and bytes outside 0x20..0x7E as %XX. Names of files
// are bytes, JSON texts are UTF-8: this keeps every name exact.
std::string encode_path(std::string_view path);
// The inverse. Throws Error(malformed) with `context`.
std::string decode_path(std::string_view text, const std::string& context);

}  // namespace mallorn
