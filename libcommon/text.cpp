#include "libcommon/text.hpp"

#include "libcommon/error.hpp"

namespace mallorn {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) text += {kDigits[byte >> 4], kDigits[byte & 15]};
  return text;
}

bool from_hex(std::string_view text, ByteSpan to) {
  if (text.size() != 2 * to.size()) return false;
  for (size_t i = 0; i < to.size(); ++i) {
    const int high = digit_value(text[2 * i]);
    const int low = digit_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    to[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

std::string encode_path(std::string_view path) {
  std::string text;
  for (const char c : path) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte <= 0x7E && c != '%') {
      text += c;
    } else {
      text += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return text;
}

std::string decode_path(std::string_view text, const std::string& context) {
  std::string path;
  for (size_t at = 0; at < text.size(); ++at) {
    uint8_t byte = static_cast<uint8_t>(text[at]);
    if (text[at] == '%') {
      if (!from_hex(text.substr(at + 1, 2), ByteSpan(&byte, 1))) {
        throw Error(Status::malformed, context + ": path has a '%' without two hex digits");
      }
      at += 2;
    }
    if (byte == 0) throw Error(Status::malformed, context + ": path holds a NUL");
    path += static_cast<char>(byte);
  }
  return path;
}

}  // namespace mallorn
