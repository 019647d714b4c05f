// The small JSON texts of streams: the trailer, and the manifest of a delta stream
// (docs/format/stream.md). The manifest of a model stream is in manifest.cpp.
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "libcommon/delta_stream.hpp"
#include "libcommon/error.hpp"
#include "libcommon/file_state.hpp"
#include "libcommon/stream.hpp"
#include "libcommon/text.hpp"

namespace mallorn {
namespace {

using nlohmann::json;

constexpr size_t kMaxTextBytes = 1u << 16;

// Throws Error(malformed) if the text is too long, is no object, or has an object with a
// field given twice: no two readers are to take it differently.
json parse_object(std::string_view text, const std::string& context) {
  std::vector<std::set<std::string>> seen;  // fields of every object that is open
  std::optional<std::string> twice;
  const auto note = [&](int, json::parse_event_t event, const json& value) {
    if (event == json::parse_event_t::object_start) seen.emplace_back();
    if (event == json::parse_event_t::object_end) seen.pop_back();
    if (event == json::parse_event_t::key &&
        !seen.back().insert(value.get<std::string>()).second) {
      twice = value.get<std::string>();
    }
    return true;
  };
  json value = text.size() <= kMaxTextBytes ? json::parse(text, note, false) : json();
  if (!value.is_object()) throw Error(Status::malformed, context + ": not a JSON object");
  if (twice)
    throw Error(Status::malformed, context + ": \"" + *twice + "\" is given twice");
  return value;
}

Digest digest_of(const json& object, const std::string& context) {
  const auto field = object.find("sha256");
  Digest digest{};
  if (field == object.end() || !field->is_string() ||
      !from_hex(field->get_ref<const std::string&>(), digest)) {
    throw Error(Status::malformed, context + ": sha256 takes 64 hex digits");
  }
  return digest;
}

uint64_t length_of(const json& object, const std::string& context) {
  const auto field = object.find("length");
  if (field == object.end() || !field->is_number_unsigned()) {
    throw Error(Status::malformed, context + ": length takes a whole number");
  }
  return field->get<uint64_t>();
}

std::string text_of(const json& object, const char* name, const std::string& context) {
  const auto field = object.find(name);
  if (field == object.end()) return {};
  if (!field->is_string())
    throw Error(Status::malformed, context + ": " + name + " takes a text");
  return field->get<std::string>();
}

json side_to_json(const DeltaSide& side) {
  json object = {{"length", side.length_bytes}, {"sha256", to_hex(side.digest)}};
  if (!side.path.empty()) object["path"] = side.path;
  if (!side.state.empty()) object["state"] = side.state;
  return object;
}

DeltaSide side_from_json(const json& object, const char* name, const std::string& context) {
  const auto field = object.find(name);
  const std::string where = context + ": " + name;
  if (field == object.end() || !field->is_object()) {
    throw Error(Status::malformed, where + " takes an object");
  }
  DeltaSide side{text_of(*field, "path", where), length_of(*field, where),
                 digest_of(*field, where), text_of(*field, "state", where)};
  if (side.state.size() > kMaxStateBytes)
    throw Error(Status::malformed, where + ": state is too long");
  return side;
}

}  // namespace

std::string trailer_to_json(const Trailer& trailer) {
  return json{{"length", trailer.length_bytes}, {"sha256", to_hex(trailer.digest)}}.dump();
}

Trailer trailer_from_json(std::string_view text, const std::string& context) {
  const json object = parse_object(text, context);
  return {length_of(object, context), digest_of(object, context)};
}

std::string delta_manifest_to_json(const DeltaManifest& manifest) {
  return json{{"base", side_to_json(manifest.base)},
              {"result", side_to_json(manifest.result)},
              {"format", manifest.format}}
      .dump();
}

DeltaManifest delta_manifest_from_json(std::string_view text, const std::string& context) {
  const json object = parse_object(text, context);
  DeltaManifest manifest{side_from_json(object, "base", context),
                         side_from_json(object, "result", context),
                         text_of(object, "format", context)};
  if (manifest.base.path.empty() != manifest.result.path.empty()) {
    throw Error(Status::malformed,
                context + ": base and result must both have a path, or none");
  }
  return manifest;
}

}  // namespace mallorn
