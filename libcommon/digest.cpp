// The low-level calls are deprecated in OpenSSL 3 in favour of EVP, which fetches
// algorithms at run time: that costs a millisecond of start-up in every program of a
// pipeline and buys nothing here, where the algorithm is fixed by the format.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "libcommon/digest.hpp"

#include <openssl/sha.h>

namespace mallorn {

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::~Sha256() = default;

void Sha256::update(ByteView bytes) {
  SHA256_Update(&state_->context, bytes.data(), bytes.size());
}

Digest Sha256::finish() {
  Digest digest{};
  SHA256_Final(digest.data(), &state_->context);
  return digest;
}

Digest sha256(ByteView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Digest sha256(const MappedFile& file, uint64_t offset, uint64_t length) {
  constexpr uint64_t kWindow = 4u << 20;
  Sha256 hash;
  for (uint64_t at = 0; at < length; at += kWindow) {
    const uint64_t part = std::min(kWindow, length - at);
    hash.update(
        file.bytes().subspan(static_cast<size_t>(offset + at), static_cast<size_t>(part)));
    if (file.bytes().size() > 16 * kWindow) file.release(offset + at, part);
  }
  return hash.finish();
}

Digest sha256(const MappedFile& file) { return sha256(file, 0, file.bytes().size()); }

}  // namespace mallorn
