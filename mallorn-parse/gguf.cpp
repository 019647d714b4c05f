// GGUF: labels the tensors and the large metadata values of llama.cpp's model files.
//
//   magic, version, counts | key, type, value ... | tensor info ... | pad | data ...
//
// Readers of this format disagree in many points; this one accepts the union of what they
// do, since it only needs to know where bytes are. Offsets in tensor infos count from the
// start of the data section.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "mallorn-parse/gguf_reader.hpp"
#include "mallorn-parse/registry.hpp"

namespace mallorn::parse {
namespace {

constexpr uint64_t kMaxLabels = uint64_t{1} << 17;  // tensors plus labelled metadata
constexpr uint64_t kMaxNameBytes = uint64_t{1} << 16;
constexpr uint32_t kMaxRank = 16;
constexpr uint32_t kDefaultAlignment = 32;
constexpr uint32_t kMaxAlignment = uint32_t{1} << 20;

// Metadata is labelled from these sizes on; smaller values are not worth a range of their
// own.
constexpr uint64_t kMinLabelElements = 16;
constexpr uint64_t kMinLabelTextBytes = 4096;

// Views into the file: there may be many, and most of a hostile file's end up on the same
// bytes.
struct TensorInfo {
  uint64_t info_offset = 0;  // of the info itself, for messages
  ByteView name;
  ByteView dims;
  uint64_t data_offset = 0;        // from the start of the file, once that is known
  std::optional<uint64_t> length;  // unknown: runs to the next tensor
  Dtype dtype = Dtype::opaque;
};

std::string to_string(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

// A tensor's name for a message: control bytes replaced, cut where it gets long.
std::string quoted(ByteView name) {
  constexpr size_t kShown = 64;
  std::string text = "\"";
  for (const uint8_t byte : name.first(std::min(name.size(), kShown))) {
    text += byte >= 0x20 && byte < 0x7F ? static_cast<char>(byte) : '?';
  }
  return text + (name.size() > kShown ? "...\"" : "\"");
}

// The label of a large metadata value, if it deserves one.
std::optional<Range> metadata_label(ByteView key, const GgufValue& value) {
  Range range;
  if (value.type == GgufValueType::array) {
    const auto dtype = gguf_scalar_dtype(value.element_type);
    if (dtype) {
      if (value.count < kMinLabelElements) return std::nullopt;
      range.dtype = *dtype;
    } else if (value.bytes.size() < kMinLabelTextBytes) {
      return std::nullopt;
    }
  } else if (value.type != GgufValueType::string ||
             value.bytes.size() < kMinLabelTextBytes) {
    return std::nullopt;
  }
  range.offset_bytes = value.offset;
  range.length_bytes = value.bytes.size();
  range.role = "meta";
  if (key.size() <= kMaxNameBytes) range.names.push_back(to_string(key));
  return range;
}

uint32_t alignment_of(const GgufReader& reader, const GgufValue& value) {
  if (value.type != GgufValueType::u32) {
    GgufReader::fail_at(value.offset, Status::malformed, "general.alignment is not a u32");
  }
  const uint32_t alignment = reader.load_u32(value.bytes);
  if (alignment == 0 || alignment > kMaxAlignment || (alignment & (alignment - 1)) != 0) {
    GgufReader::fail_at(value.offset, Status::malformed,
                        "alignment " + std::to_string(alignment) +
                            " is not a power of two up to " +
                            std::to_string(kMaxAlignment));
  }
  return alignment;
}

// Reads all key-value pairs, labels the large ones, and returns the alignment of the data.
uint32_t read_metadata(GgufReader* reader, uint64_t count, std::vector<Range>* ranges) {
  std::optional<uint32_t> alignment;
  const std::string alignment_key = "general.alignment";
  for (uint64_t i = 0; i < count; ++i) {
    const ByteView key = reader->string();
    const GgufValue value = reader->value();
    if (std::equal(key.begin(), key.end(), alignment_key.begin(), alignment_key.end())) {
      const uint32_t found = alignment_of(*reader, value);
      if (alignment && *alignment != found) {
        GgufReader::fail_at(value.offset, Status::malformed,
                            "general.alignment given twice with different values");
      }
      alignment = found;
    }
    if (auto label = metadata_label(key, value)) {
      if (ranges->size() == kMaxLabels) {
        reader->fail(Status::limit_exceeded, "too many large metadata values");
      }
      ranges->push_back(std::move(*label));
    }
  }
  return alignment.value_or(kDefaultAlignment);
}

// The product of the dims; nothing if that does not fit, or a dim is negative read as
// signed.
std::optional<uint64_t> element_count(const std::vector<uint64_t>& shape) {
  uint64_t elements = 1;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) elements = 0;
  for (const uint64_t dim : shape) {
    if (dim > INT64_MAX || !checked_mul(elements, dim, &elements)) return std::nullopt;
  }
  return elements;
}

// Sets dtype and length; both stay unknown for a type we do not know and for rows that are
// not whole blocks.
void set_layout(const std::vector<uint64_t>& shape, uint32_t type_id, TensorInfo* tensor) {
  const auto elements = element_count(shape);
  const auto dtype = gguf_dtype(type_id);
  const uint64_t row = shape.empty() ? 1 : shape.back();
  uint64_t length = 0;
  if (elements == uint64_t{0}) {
    tensor->length = 0;
  } else if (elements && (!dtype || row % dtype_layout(*dtype).block_elements != 0)) {
    return;
  } else if (elements && dtype_bytes(*dtype, *elements, &length)) {
    tensor->dtype = *dtype;
    tensor->length = length;
  } else {
    GgufReader::fail_at(tensor->info_offset, Status::malformed,
                        "tensor " + quoted(tensor->name) + ": dims overflow");
  }
}

TensorInfo read_tensor_info(GgufReader* reader) {
  TensorInfo tensor;
  tensor.info_offset = reader->offset();
  tensor.name = reader->string();
  if (tensor.name.size() > kMaxNameBytes) {
    reader->fail(Status::limit_exceeded,
                 "tensor name longer than " + std::to_string(kMaxNameBytes) + " bytes");
  }
  const uint32_t rank = reader->u32();
  if (rank > kMaxRank) {
    reader->fail(Status::limit_exceeded,
                 "tensor " + quoted(tensor.name) + ": rank " + std::to_string(rank));
  }
  tensor.dims = reader->dims(rank);
  const uint32_t type_id = reader->u32();
  tensor.data_offset = reader->u64();
  set_layout(reader->load_shape(tensor.dims), type_id, &tensor);
  return tensor;
}

// Turns offsets into offsets from the start of the file, and gives tensors of unknown
// length the bytes up to the next tensor's start, or to the end of the file.
void place_tensors(std::vector<TensorInfo>* tensors, uint64_t data_start,
                   uint64_t length_bytes) {
  std::vector<uint64_t> starts;
  starts.reserve(tensors->size());
  for (TensorInfo& tensor : *tensors) {
    uint64_t start = 0;
    const bool fits = checked_add(data_start, tensor.data_offset, &start) &&
                      range_fits(start, tensor.length.value_or(0), length_bytes);
    if (!fits && tensor.length != uint64_t{0}) {
      GgufReader::fail_at(tensor.info_offset, Status::truncated,
                          "tensor " + quoted(tensor.name) + ": data ends past end of file");
    }
    tensor.data_offset = start;
    if (fits) starts.push_back(start);
  }
  std::sort(starts.begin(), starts.end());
  for (TensorInfo& tensor : *tensors) {
    if (tensor.length) continue;
    const auto next = std::upper_bound(starts.begin(), starts.end(), tensor.data_offset);
    tensor.length = (next == starts.end() ? length_bytes : *next) - tensor.data_offset;
  }
}

Range tensor_label(const GgufReader& reader, const TensorInfo& tensor) {
  Range range;
  range.kind = RangeKind::tensor;
  range.offset_bytes = tensor.data_offset;
  range.length_bytes = *tensor.length;
  range.dtype = tensor.dtype;
  range.names.push_back(to_string(tensor.name));
  if (tensor.dtype != Dtype::opaque) range.shape = reader.load_shape(tensor.dims);
  return range;
}

bool probe_gguf(ByteView file) { return GgufReader::has_magic(file); }

ParsedModel read_gguf(ByteView file) {
  GgufReader reader(file);
  ParsedModel model;
  model.is_big_endian = reader.is_big_endian();

  // An info takes a name's length, rank, type and offset; a pair a key's length, type and
  // value.
  const uint64_t tensor_count = reader.count_of(reader.count_bytes() + 16, "tensors");
  const uint64_t pair_count = reader.count_of(reader.count_bytes() + 5, "metadata pairs");
  const uint32_t alignment = read_metadata(&reader, pair_count, &model.ranges);
  if (tensor_count > kMaxLabels - model.ranges.size()) {
    reader.fail(Status::limit_exceeded, std::to_string(tensor_count) + " tensors");
  }
  std::vector<TensorInfo> tensors;
  tensors.reserve(tensor_count);
  for (uint64_t i = 0; i < tensor_count; ++i) tensors.push_back(read_tensor_info(&reader));

  // The end of the header is inside the file, so rounding it up cannot wrap.
  const uint64_t data_start = (reader.offset() + alignment - 1) / alignment * alignment;
  place_tensors(&tensors, data_start, file.size());
  model.ranges.reserve(model.ranges.size() + tensors.size());
  for (const TensorInfo& tensor : tensors) {
    if (*tensor.length != 0) model.ranges.push_back(tensor_label(reader, tensor));
  }
  return model;
}

}  // namespace

ModelFormat gguf_format() { return {"gguf", probe_gguf, read_gguf}; }

}  // namespace mallorn::parse
