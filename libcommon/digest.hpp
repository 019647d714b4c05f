// SHA-256, by OpenSSL: gigabytes are hashed, and it uses the processor's instructions for
// it.
#pragma once

#include <array>
#include <memory>

#include "libcommon/core/bytes.hpp"
#include "libcommon/file.hpp"

namespace mallorn {

using Digest = std::array<uint8_t, 32>;  // SHA-256

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(ByteView bytes);
  // The digest of all bytes so far; the object is spent afterwards.
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(ByteView bytes);

// Of `length` bytes of a file from `offset` on, which are within it, or of all. Gives the
// pages of a large file back as it goes on, so that memory does not grow with it.
Digest sha256(const MappedFile& file, uint64_t offset, uint64_t length);
Digest sha256(const MappedFile& file);

}  // namespace mallorn
