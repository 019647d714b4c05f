// Manifest: what is known of a model file, as a list of byte ranges that tile it exactly.
//
// It is the first thing in a model stream (docs/format/stream.md) and the value that a
// model format's parser returns. It describes; it never holds tensor bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/text.hpp"

namespace mallorn {

enum class RangeKind : uint8_t {
  tensor,  // elements of one dtype
  gap,     // anything between tensors: headers, metadata, padding, tails
};

// Quantization parameters as the model states them; a hint to the predictor, not checked
// against the tensor. Empty vectors mean "none given". TFLite, ONNX; GGUF keeps scales in
// blocks.
struct Quantization {
  std::vector<float> scales;         // 1 (per tensor) or one per index of `axis`
  std::vector<int64_t> zero_points;  // as many as scales, or 1, or none
  int32_t axis = 0;                  // dimension that scales run along

  bool operator==(const Quantization&) const = default;
};

struct Range {
  RangeKind kind = RangeKind::gap;
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  Dtype dtype = Dtype::opaque;
  // What the range is, one word. Tensors: empty, or what sets it apart ("indices",
  // "values"). Gaps: head, meta, pad, tail, opaque, or a typed vector: "scale",
  // "zero_point", "min", "max".
  std::string role;
  // Every name the range is known by (shared buffers have several); may be empty. Bytes as
  // in the model; written to JSON as UTF-8, with ill-formed bytes as \xNN.
  std::vector<std::string> names;
  std::vector<uint64_t>
      shape;  // slowest dimension first, elements; empty: scalar or unknown
  Quantization quantization;

  bool operator==(const Range&) const = default;
};

// Vectors between tensors that have a number for each channel: scales, minima and maxima of
// quantized tensors. Shorter ones cost more in bookkeeping than prediction saves.
bool is_channel_vector(const Range& range);

struct Manifest {
  std::string format;  // "tflite", "gguf", "onnx", "raw"
  bool is_big_endian = false;
  std::string path;   // encode_path() of the file, when carried by reference; else empty
  std::string state;  // of that file, when its bytes were those of the stream; or empty
  uint64_t length_bytes = 0;  // of the whole file
  std::vector<Range> ranges;  // sorted, tile [0, length_bytes) exactly, none of length 0
  std::vector<std::string>
      external_files;  // other files the model refers to (ONNX, TFLite)

  bool operator==(const Manifest&) const = default;
};

// JSON text, UTF-8, deterministic: the same manifest gives the same bytes.
std::string manifest_to_json(const Manifest& manifest);

// Throws Error(malformed) for anything that is not a manifest, and where ranges do not
// tile.
Manifest manifest_from_json(std::string_view text, const std::string& context);

}  // namespace mallorn
