#include "libcommon/core/byte_reader.hpp"

namespace mallorn {

void ByteReader::fail(Status status) {
  if (!ok()) return;
  status_ = status;
  failed_at_ = position_;
  position_ = bytes_.size();  // whatever is read next is past the end: zero, for good
}

ByteView ByteReader::bytes(uint64_t length) {
  if (length > remaining()) {
    fail(Status::truncated);
    return {};
  }
  const ByteView view = bytes_.subspan(position_, static_cast<size_t>(length));
  position_ += static_cast<size_t>(length);
  return view;
}

void ByteReader::copy_to(ByteSpan to) {
  const ByteView view = bytes(to.size());
  if (!view.empty()) memcpy(to.data(), view.data(), view.size());
}

uint64_t ByteReader::varint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const uint8_t byte = u8();
    if (!ok()) return 0;
    const uint64_t bits = byte & 0x7Fu;
    if (shift == 63 && bits > 1) break;
    value |= bits << shift;
    if ((byte & 0x80u) == 0) return value;
  }
  fail(Status::malformed);
  return 0;
}

}  // namespace mallorn
