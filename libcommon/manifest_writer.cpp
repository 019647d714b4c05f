// Writes the JSON form of a manifest (docs/format/stream.md); manifest.cpp reads it.
//
// The text is assembled as the manifest is walked: a document of a million ranges would
// cost ten times its text. Fields come in a fixed order and empty ones are left out, so
// that equal manifests give equal bytes.
#include <charconv>
#include <cmath>

#include "libcommon/manifest.hpp"

namespace mallorn {
namespace {

// Length of the well-formed UTF-8 sequence that `text` starts with, or 0; then *bad is the
// number of bytes to replace by one U+FFFD (the longest start of a sequence, as Unicode
// recommends).
size_t utf8_length(std::string_view text, size_t* bad) {
  const auto byte_at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte_at(0);
  *bad = 1;
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  // The second byte rules out overlong forms, surrogates, and what lies above U+10FFFF.
  const uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < length; ++i) {
    *bad = i;
    if (i >= text.size()) return 0;
    if (byte_at(i) < (i == 1 ? low : 0x80) || byte_at(i) > (i == 1 ? high : 0xBF)) return 0;
  }
  return length;
}

void append_code(std::string* out, uint8_t c) {
  constexpr char kDigits[] = "0123456789abcdef";
  *out += "\\u00";
  *out += kDigits[c >> 4];
  *out += kDigits[c & 15];
}

void append_escaped(std::string* out, char c) {
  if (c == '"' || c == '\\') {
    *out += '\\';
    *out += c;
  } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
    append_code(out, static_cast<uint8_t>(c));
  } else {
    *out += c;
  }
}

void append_string(std::string* out, std::string_view value) {
  *out += '"';
  while (!value.empty()) {
    size_t bad = 0;
    const size_t length = utf8_length(value, &bad);
    if (length == 0) {
      *out += "\xEF\xBF\xBD";
    } else if (length == 1) {
      append_escaped(out, value[0]);
    } else if (value[0] == '\xC2' && static_cast<uint8_t>(value[1]) < 0xA0) {
      append_code(out, static_cast<uint8_t>(value[1]));  // C1: terminals obey these, too
    } else {
      out->append(value.substr(0, length));
    }
    value.remove_prefix(length == 0 ? bad : length);
  }
  *out += '"';
}

void append_number(std::string* out, uint64_t value) { *out += std::to_string(value); }
void append_number(std::string* out, int64_t value) { *out += std::to_string(value); }

// The shortest text that reads back as the same float; null for what JSON cannot hold.
void append_number(std::string* out, float value) {
  if (!std::isfinite(value)) {
    *out += "null";
    return;
  }
  char text[32];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), value);
  out->append(text, end.ptr);
  // "-0" would be read as an integer and lose its sign.
  if (value == 0 && std::signbit(value)) *out += ".0";
}

template <typename Number>
void append_numbers(std::string* out, const char* key, const std::vector<Number>& values) {
  *out += key;
  char separator = '[';
  for (const Number value : values) {
    *out += separator;
    append_number(out, value);
    separator = ',';
  }
  *out += ']';
}

void append_strings(std::string* out, const char* key,
                    const std::vector<std::string>& values) {
  *out += key;
  char separator = '[';
  for (const std::string& value : values) {
    *out += separator;
    append_string(out, value);
    separator = ',';
  }
  *out += ']';
}

void append_quantization(std::string* out, const Quantization& quantization) {
  *out += ",\"quantization\":{";
  if (!quantization.scales.empty()) {
    append_numbers(out, "\"scales\":", quantization.scales);
    *out += ',';
  }
  if (!quantization.zero_points.empty()) {
    append_numbers(out, "\"zero_points\":", quantization.zero_points);
    *out += ',';
  }
  *out += "\"axis\":";
  append_number(out, int64_t{quantization.axis});
  *out += '}';
}

bool is_block_dtype(const DtypeLayout& layout) {
  return layout.block_elements > 1 && layout.block_bytes > 1;
}

void append_range(std::string* out, const Range& range) {
  const bool is_tensor = range.kind == RangeKind::tensor;
  *out += is_tensor ? "{\"kind\":\"tensor\",\"offset\":" : "{\"kind\":\"gap\",\"offset\":";
  append_number(out, range.offset_bytes);
  *out += ",\"length\":";
  append_number(out, range.length_bytes);
  const DtypeLayout& layout = dtype_layout(range.dtype);
  if (is_tensor || range.dtype != Dtype::opaque) {
    *out += ",\"dtype\":";
    append_string(out, layout.name);
  }
  if (!range.role.empty()) {
    *out += ",\"role\":";
    append_string(out, range.role);
  }
  if (!range.names.empty()) append_strings(out, ",\"names\":", range.names);
  if (!range.shape.empty()) append_numbers(out, ",\"shape\":", range.shape);
  if (range.quantization != Quantization{}) append_quantization(out, range.quantization);
  if (is_block_dtype(layout)) {
    *out += ",\"block\":{\"elements\":";
    append_number(out, uint64_t{layout.block_elements});
    *out += ",\"bytes\":";
    append_number(out, uint64_t{layout.block_bytes});
    *out += '}';
  }
  if (range.digest != Digest{}) {
    *out += ",\"digest\":\"";
    *out += to_hex(range.digest);
    *out += '"';
  }
  *out += '}';
}

}  // namespace

std::string manifest_to_json(const Manifest& manifest) {
  std::string out = "{\"format\":";
  append_string(&out, manifest.format);
  out += manifest.is_big_endian ? ",\"byte_order\":\"big\"" : ",\"byte_order\":\"little\"";
  if (!manifest.path.empty()) {
    out += ",\"path\":";
    append_string(&out, manifest.path);
  }
  out += ",\"length\":";
  append_number(&out, manifest.length_bytes);
  if (!manifest.external_files.empty()) {
    append_strings(&out, ",\"external_files\":", manifest.external_files);
  }
  out += ",\"ranges\":";
  char separator = '[';
  for (const Range& range : manifest.ranges) {
    out += separator;
    append_range(&out, range);
    separator = ',';
  }
  if (manifest.ranges.empty()) out += '[';
  out += "]}";
  return out;
}

}  // namespace mallorn
