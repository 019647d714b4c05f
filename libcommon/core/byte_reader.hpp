// ByteReader: the bounded cursor through which all hostile bytes are read.
//
// It fails stickily: after the first bad read every read yields zero (or an empty view),
// and status() and failed_at() remember the first fault. A structure is read as plain
// assignments followed by one test. Test before acting: before any value read is used as a
// length, count, index or allocation size.
#pragma once

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn {

class ByteReader {
 public:
  explicit ByteReader(ByteView bytes, uint64_t start_offset = 0)
      : bytes_(bytes), start_offset_(start_offset) {}

  uint8_t u8() { return fixed<uint8_t>(); }
  uint16_t u16() { return fixed<uint16_t>(); }
  uint32_t u32() { return fixed<uint32_t>(); }
  uint64_t u64() { return fixed<uint64_t>(); }

  // LEB128, at most ten bytes, minimal or not; `malformed` above 64 bits.
  uint64_t varint();

  // The next `length` bytes, or an empty view and `truncated` if fewer remain.
  ByteView bytes(uint64_t length);
  // Fills `to` with the next bytes, or leaves it as it is if fewer remain.
  void copy_to(ByteSpan to);
  void skip(uint64_t length) { (void)bytes(length); }

  // Records a fault found by the caller at the current position; the first one is kept.
  void fail(Status status);

  bool ok() const { return status_ == Status::ok; }
  Status status() const { return status_; }
  uint64_t remaining() const { return bytes_.size() - position_; }
  bool at_end() const { return remaining() == 0; }
  // Offset of the cursor, and of the first fault, counted from start_offset.
  uint64_t offset() const { return start_offset_ + position_; }
  uint64_t failed_at() const { return start_offset_ + failed_at_; }

 private:
  template <typename T>
  T fixed() {
    const ByteView view = bytes(sizeof(T));
    return view.empty() ? T{0} : load_le<T>(view.data());
  }

  ByteView bytes_;
  size_t position_ = 0;
  uint64_t start_offset_ = 0;
  size_t failed_at_ = 0;
  Status status_ = Status::ok;
};

}  // namespace mallorn
