// Key files: where they are read, and what is refused before anyone looks for a key in
// them.
#pragma once

#include <string>

#include "mallorn-sign/ed25519.hpp"

namespace mallorn::sign {

struct KeyOptions {
  int passphrase_fd = -1;  // below 0: passphrases are asked for at the terminal
  bool is_quiet = false;   // does not warn of a secret key that others can read
};

// Throws as SecretKey::from_pem() does, and Error(cannot_open).
SecretKey read_secret_key(const std::string& path, const KeyOptions& options);
PublicKey read_public_key(const std::string& path);

}  // namespace mallorn::sign
