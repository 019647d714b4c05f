#include "mallorn-parse/model_file.hpp"

#include <optional>
#include <utility>

#include "libcommon/cli.hpp"
#include "libcommon/error.hpp"
#include "mallorn-parse/compression.hpp"
#include "mallorn-parse/registry.hpp"
#include "mallorn-parse/tensor_map.hpp"
#include "mallorn-parse/weights_file.hpp"

namespace mallorn::parse {
namespace {

ModelFormat choose_format(const ParseOptions& options, ByteView bytes) {
  if (options.format.empty()) return probe_format(bytes);
  const std::optional<ModelFormat> format = find_format(options.format);
  if (!format) throw Error(Status::usage, "--format takes tflite, gguf, onnx or raw");
  return *format;
}

bool is_raw(const ModelFormat& format) { return format.name == std::string("raw"); }

// A file of no format is labelled by the model whose weights it has, if there is one.
std::optional<ParsedModel> read_weights(const MappedFile& file,
                                        const ParseOptions& options) {
  auto labelled = label_weights(file.path(), file.bytes().size());
  if (!labelled) return std::nullopt;
  if (options.is_verbose) {
    print_message("note", file.path() + ": labelled by " + labelled->model);
  }
  return std::move(labelled->parsed);
}

void warn_as_plain_bytes(const std::string& reason, Status status) {
  print_message("warning", reason + "; taken as plain bytes [" +
                               std::string(status_name(status)) + "]");
}

// Changes `format` to raw where a file cannot be parsed.
ParsedModel read_model(const MappedFile& file, const ParseOptions& options,
                       ModelFormat* format) {
  try {
    return format->read(file.bytes());
  } catch (const Error& error) {
    const std::string reason = file.path() + ": " + format->name + ": " + error.what();
    if (options.is_strict) throw Error(error.status(), reason);
    if (!options.is_quiet) warn_as_plain_bytes(reason, error.status());
  }
  *format = raw_format();
  return format->read(file.bytes());
}

void warn_of_compression(const MappedFile& file) {
  const char* compression = compression_of(file.bytes());
  if (compression == nullptr) return;
  warn_as_plain_bytes(file.path() + ": is compressed (" + compression +
                          "), which hides what has not changed",
                      Status::unsupported_feature);
}

void warn_of_external_files(const MappedFile& file, const Manifest& manifest) {
  for (const std::string& name : manifest.external_files) {
    print_message("warning",
                  file.path() + ": refers to " + name + ", which takes a patch of its own");
  }
}

}  // namespace

Manifest parse_file(const MappedFile& file, const ParseOptions& options) {
  ModelFormat format = choose_format(options, file.bytes());
  std::optional<ParsedModel> model;
  if (options.format.empty() && is_raw(format)) {
    model = read_weights(file, options);
    if (!model && options.is_strict) {
      throw Error(Status::bad_magic, file.path() + ": not a TFLite, GGUF or ONNX model");
    }
  }
  if (!model) model = read_model(file, options, &format);
  Manifest manifest;
  manifest.format = format.name;
  manifest.is_big_endian = model->is_big_endian;
  manifest.length_bytes = file.bytes().size();
  manifest.ranges = tile_ranges(std::move(model->ranges), manifest.length_bytes);
  manifest.external_files = std::move(model->external_files);
  if (!options.is_quiet) {
    if (is_raw(format)) warn_of_compression(file);
    warn_of_external_files(file, manifest);
  }
  return manifest;
}

}  // namespace mallorn::parse
