// The digest of a whole message, by the firmware's own hash.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "firmware/src/sha256.hpp"

namespace mallorn::firmware::sim {

inline void put_sha256(const uint8_t* message, size_t length, uint8_t* digest) {
  Sha256 hash;
  sha256_start(hash);
  bool is_last = false;
  for (size_t at = 0; !is_last; at += kSha256Block) {
    const auto left = static_cast<int32_t>(length) - static_cast<int32_t>(at);
    if (left > 0) std::memcpy(hash.block(), message + at, std::min(left, kSha256Block));
    sha256_block(hash, left);
    is_last = is_last_sha256(left);
  }
  std::memcpy(digest, sha256_digest(hash), 32);
}

}  // namespace mallorn::firmware::sim
