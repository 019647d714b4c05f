// Any bytes as a patch in front of a key that has signed one patch: Error(bad_signature),
// or it is what was signed. The signed one is also tried with the input in place of its
// first bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "libcommon/digest.hpp"
#include "libcommon/error.hpp"
#include "mallorn-sign/signing.hpp"
#include "mallorn-sign/verify.hpp"
#include "tests/fuzz/inputs.hpp"

namespace {

using namespace mallorn;
using namespace mallorn::sign;

struct Signed {
  Requirements requirements;
  std::vector<uint8_t> message;
  std::vector<uint8_t> patch;
};

// That of RFC 8032, section 7.1, test 1.
SecretKey known_key() {
  const std::string pem =
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
      "-----END PRIVATE KEY-----\n";
  return SecretKey::from_pem({reinterpret_cast<const uint8_t*>(pem.data()), pem.size()},
                             "key", [] { return Secret(0); });
}

Signed make_signed() {
  const SecretKey key = known_key();
  PatchFront front;
  front.header.body_bytes = 1;
  front.header.body_digest = sha256(std::vector<uint8_t>{0});
  front.header.model_id_bytes = 4;
  front.header_bytes.resize(kMaxPatchHeaderBytes);
  front.header.signature_count = 1;
  front.header_bytes.resize(write_patch_header(front.header, front.header_bytes));
  Signed made;
  made.requirements.keys = {{key.public_key(), key_id_of(key.public_key())}};
  made.message = message_of(front);
  made.patch = front.header_bytes;
  made.patch.resize(front.header_bytes.size() + kPatchSignatureBytes);
  ByteWriter writer(ByteSpan(made.patch).subspan(front.header_bytes.size()));
  write_patch_signature({key_id_of(key.public_key()), key.sign(made.message)}, writer);
  made.patch.push_back(0);
  return made;
}

// Whether it is let through.
bool passes(ByteView patch, const Signed& known) {
  const Fd file = fuzz::file_of(patch);
  try {
    const PatchFront front =
        read_trusted_patch(file.get(), "input", known.requirements, nullptr);
    if (message_of(front) != known.message) std::abort();
    return true;
  } catch (const Error& error) {
    if (error.status() != Status::bad_signature) std::abort();
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Signed known = make_signed();
  (void)passes({data, size}, known);
  std::vector<uint8_t> altered = known.patch;
  std::copy_n(data, std::min(size, altered.size()), altered.begin());
  (void)passes(altered, known);
  if (!passes(known.patch, known)) std::abort();
  return 0;
}
