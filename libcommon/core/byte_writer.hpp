// ByteWriter: ByteReader's mirror over a caller's buffer. Sticky as well: once something
// does not fit, nothing more is written and ok() is false.
#pragma once

#include "libcommon/core/bytes.hpp"

namespace mallorn {

class ByteWriter {
 public:
  explicit ByteWriter(ByteSpan to) : to_(to) {}

  void u8(uint8_t value) { fixed(value); }
  void u16(uint16_t value) { fixed(value); }
  void u32(uint32_t value) { fixed(value); }
  void u64(uint64_t value) { fixed(value); }
  // LEB128, minimal.
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) u8(static_cast<uint8_t>(value | 0x80));
    u8(static_cast<uint8_t>(value));
  }
  void bytes(ByteView view) {
    if (!claim(view.size())) return;
    if (!view.empty()) memcpy(to_.data() + size_ - view.size(), view.data(), view.size());
  }

  bool ok() const { return ok_; }
  size_t size() const { return size_; }
  ByteView written() const { return to_.first(size_); }

 private:
  template <typename T>
  void fixed(T value) {
    if (claim(sizeof(T))) store_le(to_.data() + size_ - sizeof(T), value);
  }
  bool claim(size_t length) {
    ok_ = ok_ && length <= to_.size() - size_;
    if (ok_) size_ += length;
    return ok_;
  }

  ByteSpan to_;
  size_t size_ = 0;
  bool ok_ = true;
};

constexpr size_t kMaxVarintBytes = 10;

}  // namespace mallorn
