// Writes the JSON form of a manifest (docs/format/stream.md); manifest.cpp reads it.
//
// The text is assembled as the manifest is walked: a document of a million ranges would
// cost ten times its text. Fields come in a fixed order and empty ones are left out, so
// that equal manifests give equal bytes.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "libcommon/manifest.hpp"
#include "libcommon/utf8.hpp"

namespace mallorn {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

void append_code(std::string* out, uint8_t c) {
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

// As it is shown: \xNN, so that names which differ stay different.
void append_ill_formed(std::string* out, uint8_t c) {
  *out += "\\\\x";
  *out += kDigits[c >> 4];
  *out += kDigits[c & 15];
}

void append_string(std::string* out, std::string_view value) {
  *out += '"';
  while (!value.empty()) {
    const CodePoint point = first_code_point(value);
    if (point.length == 0) {
      append_ill_formed(out, static_cast<uint8_t>(value[0]));
    } else if (point.length == 1) {
      append_escaped(out, value[0]);
    } else if (point.value < 0xA0) {
      append_code(out, static_cast<uint8_t>(point.value));  // C1: terminals obey these, too
    } else {
      out->append(value.substr(0, point.length));
    }
    value.remove_prefix(std::max<size_t>(point.length, 1));
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
  if (!manifest.state.empty()) {
    out += ",\"state\":";
    append_string(&out, manifest.state);
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
