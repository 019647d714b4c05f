// Bytes that are wiped from memory when they are done with: passphrases, secret keys as
// text.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "libcommon/core/bytes.hpp"

namespace mallorn::sign {

class Secret {
 public:
  // So many zeros. The size can only shrink: growing would leave a copy behind.
  explicit Secret(size_t length) : bytes_(length), length_(length) {}
  ~Secret() {
    if (!bytes_.empty()) ::explicit_bzero(bytes_.data(), bytes_.size());
  }
  Secret(Secret&&) noexcept = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  ByteSpan bytes() { return ByteSpan(bytes_).first(length_); }
  ByteView bytes() const { return ByteView(bytes_).first(length_); }
  void shrink(size_t length) { length_ = std::min(length, length_); }

 private:
  std::vector<uint8_t> bytes_;
  size_t length_;
};

}  // namespace mallorn::sign
