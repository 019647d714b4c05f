#include "mallorn-sign/ed25519.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "libcommon/digest.hpp"
#include "libcommon/error.hpp"

namespace mallorn::sign {
namespace {

// PBKDF2 with HMAC-SHA-256: what every version of OpenSSL reads, and as many rounds as
// OWASP asks for.
constexpr int kKeyRounds = 600'000;

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using Pkey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Pkcs8 = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free<PKCS8_PRIV_KEY_INFO_free>>;
using EncryptedPkcs8 = std::unique_ptr<X509_SIG, Free<X509_SIG_free>>;

// Throws unless OpenSSL has done what it cannot fail at but for want of memory.
void require_done(bool is_done) {
  if (!is_done) throw Error(Status::internal, "OpenSSL failed");
}

Pkey key_from_raw(const PublicKey& key) {
  return Pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
}

PublicKey raw_public_key(const EVP_PKEY* pkey) {
  PublicKey key{};
  size_t length = key.size();
  require_done(EVP_PKEY_get_raw_public_key(pkey, key.data(), &length) == 1 &&
               length == key.size());
  return key;
}

Bio reader_of(ByteView text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  require_done(bio != nullptr);
  return bio;
}

void require_ed25519(const Pkey& pkey, const std::string& name) {
  if (EVP_PKEY_base_id(pkey.get()) == EVP_PKEY_ED25519) return;
  throw Error(Status::unsupported_feature, name + ": is a key, but not of Ed25519");
}

// What OpenSSL's callback for passphrases is given: exceptions may not cross it.
struct Asking {
  const std::function<Secret()>& ask;
  bool has_asked = false;
  std::exception_ptr failure;
};

int give_passphrase(char* to, int size, int, void* data) {
  auto& asking = *static_cast<Asking*>(data);
  asking.has_asked = true;
  try {
    const Secret passphrase = asking.ask();
    const ByteView bytes = passphrase.bytes();
    if (bytes.size() > static_cast<size_t>(size)) return -1;
    std::copy(bytes.begin(), bytes.end(), to);
    return static_cast<int>(bytes.size());
  } catch (...) {
    asking.failure = std::current_exception();
    return -1;
  }
}

void write_encrypted(BIO* to, EVP_PKEY* pkey, ByteView passphrase) {
  const Pkcs8 plain(EVP_PKEY2PKCS8(pkey));
  X509_ALGOR* method = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), kKeyRounds, nullptr, 0, nullptr,
                                         NID_hmacWithSHA256);
  require_done(plain != nullptr && method != nullptr);
  const EncryptedPkcs8 encrypted(
      PKCS8_set0_pbe(reinterpret_cast<const char*>(passphrase.data()),
                     static_cast<int>(passphrase.size()), plain.get(), method));
  require_done(encrypted != nullptr && PEM_write_bio_PKCS8(to, encrypted.get()) == 1);
}

ByteView written(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return {reinterpret_cast<const uint8_t*>(data), static_cast<size_t>(length)};
}

}  // namespace

KeyId key_id_of(const PublicKey& key) {
  const Digest digest = sha256(key);
  KeyId id{};
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

bool verify(const PublicKey& key, ByteView message, const Signature& signature) {
  Scalar scalar{};
  std::copy_n(signature.end() - scalar.size(), scalar.size(), scalar.begin());
  if (!is_safe_key(key) || !is_reduced(scalar)) return false;
  const Pkey pkey = key_from_raw(key);
  const DigestContext context(EVP_MD_CTX_new());
  require_done(pkey != nullptr && context != nullptr &&
               EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) ==
                   1);
  const bool is_good = EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                        message.data(), message.size()) == 1;
  ERR_clear_error();
  return is_good;
}

struct SecretKey::State {
  explicit State(Pkey key) : pkey(std::move(key)) {}
  Pkey pkey;
};

SecretKey::SecretKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
SecretKey::SecretKey(SecretKey&&) noexcept = default;
SecretKey::~SecretKey() = default;

SecretKey SecretKey::generate() {
  const PkeyContext context(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
  EVP_PKEY* pkey = nullptr;
  require_done(context != nullptr && EVP_PKEY_keygen_init(context.get()) == 1 &&
               EVP_PKEY_keygen(context.get(), &pkey) == 1);
  return SecretKey(std::make_unique<State>(Pkey(pkey)));
}

SecretKey SecretKey::from_pem(ByteView pem, const std::string& name,
                              const std::function<Secret()>& ask) {
  Asking asking{ask, false, nullptr};
  Pkey pkey(
      PEM_read_bio_PrivateKey(reader_of(pem).get(), nullptr, give_passphrase, &asking));
  ERR_clear_error();
  if (asking.failure) std::rethrow_exception(asking.failure);
  if (pkey == nullptr && asking.has_asked) {
    throw Error(Status::cannot_open, name + ": the passphrase does not open it");
  }
  if (pkey == nullptr) throw Error(Status::malformed, name + ": not a secret key in PEM");
  require_ed25519(pkey, name);
  return SecretKey(std::make_unique<State>(std::move(pkey)));
}

PublicKey SecretKey::public_key() const { return raw_public_key(state_->pkey.get()); }

Signature SecretKey::sign(ByteView message) const {
  const DigestContext context(EVP_MD_CTX_new());
  Signature signature{};
  size_t length = signature.size();
  require_done(context != nullptr &&
               EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr,
                                  state_->pkey.get()) == 1 &&
               EVP_DigestSign(context.get(), signature.data(), &length, message.data(),
                              message.size()) == 1 &&
               length == signature.size());
  return signature;
}

Secret SecretKey::to_pem(const std::optional<Secret>& passphrase) const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  require_done(bio != nullptr);
  EVP_PKEY* pkey = state_->pkey.get();
  if (passphrase) {
    write_encrypted(bio.get(), pkey, passphrase->bytes());
  } else {
    require_done(PEM_write_bio_PKCS8PrivateKey(bio.get(), pkey, nullptr, nullptr, 0,
                                               nullptr, nullptr) == 1);
  }
  const ByteView text = written(bio.get());
  Secret pem(text.size());
  std::copy(text.begin(), text.end(), pem.bytes().begin());
  return pem;
}

std::string public_key_to_pem(const PublicKey& key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  const Pkey pkey = key_from_raw(key);
  require_done(bio != nullptr && pkey != nullptr &&
               PEM_write_bio_PUBKEY(bio.get(), pkey.get()) == 1);
  const ByteView text = written(bio.get());
  return {text.begin(), text.end()};
}

PublicKey public_key_from_pem(ByteView pem, const std::string& name) {
  const Pkey pkey(PEM_read_bio_PUBKEY(reader_of(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (pkey == nullptr) throw Error(Status::malformed, name + ": not a public key in PEM");
  require_ed25519(pkey, name);
  const PublicKey key = raw_public_key(pkey.get());
  if (!is_safe_key(key)) {
    throw Error(Status::malformed, name + ": a public key that is not safe to trust");
  }
  return key;
}

}  // namespace mallorn::sign
