#include "mallorn-parse/onnx_external.hpp"

#include <utility>

#include "libcommon/text.hpp"

namespace mallorn::parse {
namespace {

bool has_drive_letter(std::string_view path) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  return path.size() >= 2 && path[1] == ':' && is_letter(path[0]);
}

}  // namespace

void OnnxExternalData::add_entry(ProtobufBytes entry) {
  std::string_view key;
  std::string_view value;
  ProtobufReader reader(entry);
  ProtobufField field;
  while (reader.next(&field)) {
    if (field.is_bytes(1)) key = text_of(field.payload.bytes);
    if (field.is_bytes(2)) value = text_of(field.payload.bytes);
  }
  reader.finish();
  if (key == "location") location = value;
  if (key == "offset") offset = value;
  if (key == "length") length = value;
}

std::optional<std::string> safe_location(std::string_view location) {
  if (location.empty() || location.size() > kOnnxMaxLocationBytes) return std::nullopt;
  if (location.front() == '/' || location.back() == '/') return std::nullopt;
  if (has_drive_letter(location)) return std::nullopt;
  for (const char c : location) {
    if (c == '\0' || c == '\\') return std::nullopt;
  }
  std::string path;
  while (!location.empty()) {
    const std::string_view component = location.substr(0, location.find('/'));
    location.remove_prefix(component.size());
    if (!location.empty()) location.remove_prefix(1);
    if (component == "..") return std::nullopt;
    if (component.empty() || component == ".") continue;
    if (!path.empty()) path += '/';
    path += component;
  }
  // Once more: "./C:x" has no drive letter until the "." is gone.
  if (path.empty() || has_drive_letter(path)) return std::nullopt;
  return path;
}

std::optional<uint64_t> strict_decimal(std::string_view text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    if (!checked_mul(value, 10, &value)) return std::nullopt;
    if (!checked_add(value, static_cast<uint64_t>(c - '0'), &value)) return std::nullopt;
  }
  return value;
}

std::optional<OnnxPlace> external_place(const OnnxExternalData& data) {
  OnnxPlace place;
  uint64_t end = 0;
  if (data.offset) {
    const auto offset = strict_decimal(*data.offset);
    if (!offset) return std::nullopt;
    place.offset = end = *offset;
  }
  if (data.length) {
    place.length = strict_decimal(*data.length);
    if (!place.length || !checked_add(end, *place.length, &end)) return std::nullopt;
  }
  auto file = safe_location(data.location);
  if (!file) return std::nullopt;
  place.file = std::move(*file);
  return place;
}

}  // namespace mallorn::parse
