// ProtobufReader: walks the fields of one protobuf message, without a schema and without a
// copy.
//
// Only what byte ranges need: keys, lengths, offsets in the file. Legal oddities are
// accepted (any field order, unknown fields, varints longer than necessary, groups);
// lengths are 32 bits.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/byte_reader.hpp"

namespace mallorn::parse {

inline constexpr uint32_t kProtobufMaxGroupDepth = 64;

enum class WireType : uint8_t {
  varint = 0,
  fixed64 = 1,
  bytes = 2,
  group = 3,
  group_end = 4,
  fixed32 = 5,
};

// Part of a file, and where it starts there: a message or another payload.
struct ProtobufBytes {
  ByteView bytes;
  uint64_t offset = 0;
};

struct ProtobufField {
  uint32_t number = 0;
  WireType type = WireType::varint;
  uint64_t offset = 0;    // of the key, in the file
  uint64_t end = 0;       // past the payload, in the file
  uint64_t value = 0;     // varint, fixed32, fixed64
  ProtobufBytes payload;  // bytes

  // True for field `wanted` holding bytes; one of another wire type counts as unknown.
  bool is_bytes(uint32_t wanted) const {
    return number == wanted && type == WireType::bytes;
  }
  bool is_varint(uint32_t wanted) const {
    return number == wanted && type == WireType::varint;
  }
};

class ProtobufReader {
 public:
  explicit ProtobufReader(ProtobufBytes message) : reader_(message.bytes, message.offset) {}

  // Reads one field; a group is skipped and reported as one field without a value. False at
  // the end of the message and at a fault: tell them apart by ok() or finish().
  bool next(ProtobufField* field);

  bool ok() const { return reader_.ok(); }
  Status status() const { return reader_.status(); }

  // Throws Error if the walk stopped at a fault.
  void finish() const;

 private:
  bool read_key(ProtobufField* field);
  void read_payload(ProtobufField* field);
  void skip_group(uint32_t number);

  ByteReader reader_;
};

// Reads the varints of a packed field, at most `limit` of them. Throws Error at a fault.
std::vector<uint64_t> read_packed_varints(ProtobufBytes payload, size_t limit);

}  // namespace mallorn::parse
