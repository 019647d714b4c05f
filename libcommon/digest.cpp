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

}  // namespace mallorn
