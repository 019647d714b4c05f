// Putting a signature on a patch: by a secret key, or one that was made elsewhere.
#pragma once

#include <functional>
#include <string>

#include "libcommon/patch_front.hpp"
#include "mallorn-sign/key_file.hpp"

namespace mallorn::sign {

struct Signer {
  PublicKey key;
  std::function<Signature(ByteView message)> sign;
};

Signer signer_with_secret_key(const std::string& key_path, const KeyOptions& options);
// The file holds the 64 bytes of a signature by the secret half of a key, from wherever
// that one is kept. Throws Error(malformed) for a file of another length.
Signer signer_with_signature(const std::string& key_path,
                             const std::string& signature_path);

// What is signed for this patch.
std::vector<uint8_t> message_of(const PatchFront& front);

// Adds a signature, or replaces the one that is there by the same key. Throws
// Error(bad_signature) if it is not good, Error(limit_exceeded) if there is no room.
void add_signature(const Signer& signer, const std::string& name, PatchFront* front);

}  // namespace mallorn::sign
