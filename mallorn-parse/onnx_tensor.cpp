#include "mallorn-parse/onnx_tensor.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mallorn::parse {
namespace {

// TensorProto.data_type, by number.
constexpr Dtype kDtypes[] = {
    Dtype::opaque,      Dtype::f32,  Dtype::u8,        Dtype::i8,          Dtype::u16,
    Dtype::i16,         Dtype::i32,  Dtype::i64,       Dtype::opaque,      Dtype::boolean,
    Dtype::f16,         Dtype::f64,  Dtype::u32,       Dtype::u64,         Dtype::c64,
    Dtype::c128,        Dtype::bf16, Dtype::f8_e4m3fn, Dtype::f8_e4m3fnuz, Dtype::f8_e5m2,
    Dtype::f8_e5m2fnuz, Dtype::u4,   Dtype::i4,        Dtype::f4_e2m1,     Dtype::f8_e8m0,
    Dtype::u2,          Dtype::i2,
};

struct DataFieldNumber {
  uint32_t number;
  OnnxDataField field;
};

constexpr DataFieldNumber kDataFields[] = {
    {4, OnnxDataField::float_data},   {5, OnnxDataField::int32_data},
    {6, OnnxDataField::string_data},  {7, OnnxDataField::int64_data},
    {9, OnnxDataField::raw_data},     {10, OnnxDataField::double_data},
    {11, OnnxDataField::uint64_data},
};

}  // namespace

Dtype onnx_dtype(uint64_t id) {
  return id < std::size(kDtypes) ? kDtypes[id] : Dtype::opaque;
}

void OnnxTensor::add(ProtobufBytes message) {
  ProtobufReader reader(message);
  ProtobufField field;
  while (reader.next(&field)) {
    if (field.number == 1) {
      add_dims(field);
    } else if (field.is_varint(2)) {
      data_type = field.value;
    } else if (field.is_bytes(8)) {
      name = field.payload.bytes;
    } else if (field.is_bytes(13)) {
      external.add_entry(field.payload);
    } else if (field.is_varint(14)) {
      is_external = field.value == 1;
    } else {
      add_data(field);
    }
  }
  reader.finish();
}

void OnnxTensor::add_dims(const ProtobufField& field) {
  std::vector<uint64_t> dims;
  if (field.type == WireType::varint) dims.push_back(field.value);
  if (field.type == WireType::bytes) {
    dims = read_packed_varints(field.payload, kOnnxMaxRank + 1);
  }
  if (dims.size() > kOnnxMaxRank - dims_.size()) {
    has_all_dims_ = false;
  } else {
    dims_.insert(dims_.end(), dims.begin(), dims.end());
  }
}

void OnnxTensor::add_data(const ProtobufField& field) {
  for (const DataFieldNumber& known : kDataFields) {
    if (known.number != field.number || field.type == WireType::group) continue;
    OnnxData& data = data_[static_cast<size_t>(known.field)];
    if (data.pieces == 0) {
      data.offset = field.offset;
    } else if (data.end != field.offset) {
      data.is_contiguous = false;
    }
    data.pieces += 1;
    data.is_bytes = field.type == WireType::bytes;
    data.end = field.end;
    data.last = field.payload;
  }
}

std::optional<uint64_t> OnnxTensor::elements() const {
  if (!has_all_dims_) return std::nullopt;
  uint64_t product = 1;
  for (const uint64_t dim : dims_) {
    if (dim > INT64_MAX || !checked_mul(product, dim, &product)) return std::nullopt;
  }
  return product;
}

std::optional<Range> OnnxTensor::external_label(const OnnxPlace& place) const {
  Range range;
  range.kind = RangeKind::tensor;
  range.dtype = onnx_dtype(data_type);
  const auto count = elements();
  uint64_t length = 0;
  if (range.dtype == Dtype::opaque || !count || *count == 0 ||
      !dtype_bytes(range.dtype, *count, &length) ||
      place.length.value_or(length) != length) {
    return std::nullopt;
  }
  range.offset_bytes = place.offset;
  range.length_bytes = length;
  range.shape = dims_;
  return range;
}

std::vector<Range> OnnxTensor::labels() const {
  const auto used = std::count_if(data_.begin(), data_.end(),
                                  [](const OnnxData& data) { return data.pieces > 0; });
  std::vector<Range> labels;
  for (const DataFieldNumber& known : kDataFields) {
    auto range = label(known.field, used == 1 && !is_external);
    if (range) labels.push_back(std::move(*range));
  }
  return labels;
}

std::optional<Range> OnnxTensor::label(OnnxDataField field, bool may_have_shape) const {
  const OnnxData& found = data(field);
  if (found.pieces == 0) return std::nullopt;
  Range range;
  range.kind = RangeKind::tensor;
  if (found.is_bytes && (found.pieces == 1 || field == OnnxDataField::raw_data)) {
    range.offset_bytes = found.last.offset;
    range.length_bytes = found.last.bytes.size();
    if (field == OnnxDataField::raw_data) range.dtype = onnx_dtype(data_type);
    const Dtype stated = onnx_dtype(data_type);
    if (field == OnnxDataField::float_data) {
      range.dtype = stated == Dtype::c64 ? Dtype::c64 : Dtype::f32;
    }
    if (field == OnnxDataField::double_data) {
      range.dtype = stated == Dtype::c128 ? Dtype::c128 : Dtype::f64;
    }
  } else if (found.is_contiguous) {
    range.offset_bytes = found.offset;
    range.length_bytes = found.end - found.offset;
  }
  if (range.length_bytes < kOnnxMinLabelBytes) return std::nullopt;
  if (range.length_bytes % dtype_layout(range.dtype).block_bytes != 0) {
    range.dtype = Dtype::opaque;
  }
  const auto count = elements();
  uint64_t expected = 0;
  if (may_have_shape && range.dtype != Dtype::opaque && count &&
      dtype_bytes(range.dtype, *count, &expected) && expected == range.length_bytes) {
    range.shape = dims_;
  }
  return range;
}

}  // namespace mallorn::parse
