#include "mallorn-parse/protobuf_reader.hpp"

#include <array>
#include <string>

#include "libcommon/error.hpp"

namespace mallorn::parse {
namespace {

constexpr uint64_t kMaxFieldNumber = (uint64_t{1} << 29) - 1;

[[noreturn]] void throw_fault(const ByteReader& reader) {
  const char* reason = reader.status() == Status::truncated ? "field runs past its message"
                                                            : "ill-formed protobuf field";
  throw Error(reader.status(),
              "byte " + std::to_string(reader.failed_at()) + ": " + reason);
}

}  // namespace

bool ProtobufReader::next(ProtobufField* field) {
  if (!reader_.ok() || reader_.at_end()) return false;
  if (!read_key(field)) return false;
  if (field->type == WireType::group_end) {
    reader_.fail(Status::malformed);
  } else if (field->type == WireType::group) {
    skip_group(field->number);
  } else {
    read_payload(field);
  }
  field->end = reader_.offset();
  return reader_.ok();
}

bool ProtobufReader::read_key(ProtobufField* field) {
  field->offset = reader_.offset();
  const uint64_t key = reader_.varint();
  const uint64_t number = key >> 3;
  const uint64_t type = key & 7u;
  if (number == 0 || number > kMaxFieldNumber || type > 5) reader_.fail(Status::malformed);
  if (!reader_.ok()) return false;
  field->number = static_cast<uint32_t>(number);
  field->type = static_cast<WireType>(type);
  field->value = 0;
  field->payload = {};
  return true;
}

void ProtobufReader::read_payload(ProtobufField* field) {
  switch (field->type) {
    case WireType::varint:
      field->value = reader_.varint();
      break;
    case WireType::fixed64:
      field->value = reader_.u64();
      break;
    case WireType::fixed32:
      field->value = reader_.u32();
      break;
    case WireType::bytes: {
      const uint64_t length = reader_.varint();
      // Some readers cut such a length to 32 bits and read on.
      if (length > UINT32_MAX) reader_.fail(Status::malformed);
      if (!reader_.ok()) return;
      field->payload.offset = reader_.offset();
      field->payload.bytes = reader_.bytes(length);
      break;
    }
    case WireType::group:
    case WireType::group_end:
      break;
  }
}

void ProtobufReader::skip_group(uint32_t number) {
  std::array<uint32_t, kProtobufMaxGroupDepth> open{};
  open[0] = number;
  size_t depth = 1;
  ProtobufField field;
  while (depth > 0) {
    if (!read_key(&field)) return;
    if (field.type == WireType::group) {
      if (depth == open.size()) return reader_.fail(Status::limit_exceeded);
      open[depth++] = field.number;
    } else if (field.type == WireType::group_end) {
      if (open[--depth] != field.number) return reader_.fail(Status::malformed);
    } else {
      read_payload(&field);
    }
  }
}

void ProtobufReader::finish() const {
  if (!reader_.ok()) throw_fault(reader_);
}

std::vector<uint64_t> read_packed_varints(ProtobufBytes payload, size_t limit) {
  ByteReader reader(payload.bytes, payload.offset);
  std::vector<uint64_t> values;
  while (!reader.at_end() && values.size() < limit) {
    const uint64_t value = reader.varint();
    if (!reader.ok()) throw_fault(reader);
    values.push_back(value);
  }
  return values;
}

}  // namespace mallorn::parse
