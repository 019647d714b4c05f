// Ed25519 keys and signatures; the only file of the programs' that signs or verifies, by
// OpenSSL. Keys as text are PEM: PKCS #8 and SubjectPublicKeyInfo, what `openssl pkey`
// reads and makes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "libcommon/core/patch_signature.hpp"
#include "mallorn-sign/ed25519_rules.hpp"
#include "mallorn-sign/secret.hpp"

namespace mallorn::sign {

KeyId key_id_of(const PublicKey& key);

// Whether `signature` is good by docs/format/sign.md, section 5.
bool verify(const PublicKey& key, ByteView message, const Signature& signature);

class SecretKey {
 public:
  static SecretKey generate();
  // `name` is for messages; `ask` is called if the key is encrypted. Throws
  // Error(malformed) for what is no secret key, Error(unsupported_feature) for a key of
  // another kind, Error(cannot_open) for a wrong passphrase.
  static SecretKey from_pem(ByteView pem, const std::string& name,
                            const std::function<Secret()>& ask);
  SecretKey(SecretKey&&) noexcept;
  ~SecretKey();

  PublicKey public_key() const;
  Signature sign(ByteView message) const;
  // Encrypted, if there is a passphrase.
  Secret to_pem(const std::optional<Secret>& passphrase) const;

 private:
  struct State;
  explicit SecretKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

std::string public_key_to_pem(const PublicKey& key);
// Throws as SecretKey::from_pem() does, and Error(malformed) for a key that no verifier
// takes.
PublicKey public_key_from_pem(ByteView pem, const std::string& name);

}  // namespace mallorn::sign
