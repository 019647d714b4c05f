#include "libcommon/utf8.hpp"

namespace mallorn {

CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  uint32_t value = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  constexpr uint32_t kLeast[] = {0x80, 0x800, 0x10000};  // of two bytes, three, four
  const bool is_surrogate = value >= 0xD800 && value < 0xE000;
  if (value < kLeast[length - 2] || value > 0x10FFFF || is_surrogate) return {};
  return {value, length};
}

}  // namespace mallorn
