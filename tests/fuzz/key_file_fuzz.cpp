// Any bytes as a key file, public and secret, with the passphrase "x": an Error, or a key
// that is written and read again as what it is.
#include <cstdint>
#include <cstdlib>

#include "libcommon/error.hpp"
#include "mallorn-sign/ed25519.hpp"

namespace {

using namespace mallorn;
using namespace mallorn::sign;

Secret passphrase() {
  Secret secret(1);
  secret.bytes()[0] = 'x';
  return secret;
}

ByteView bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

void require_same(const PublicKey& key) {
  if (public_key_from_pem(bytes_of(public_key_to_pem(key)), "again") != key) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView pem(data, size);
  try {
    require_same(public_key_from_pem(pem, "input"));
  } catch (const Error& error) {
    if (error.status() == Status::internal) std::abort();
  }
  try {
    require_same(SecretKey::from_pem(pem, "input", passphrase).public_key());
  } catch (const Error& error) {
    if (error.status() == Status::internal) std::abort();
  }
  return 0;
}
