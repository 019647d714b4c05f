#include "firmware/src/ed25519.hpp"

#include <doctest/doctest.h>
#include <openssl/bn.h>
#include <openssl/evp.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "firmware/include/mallorn.h"
#include "tests/support/random.hpp"

namespace mallorn::firmware {
namespace {

using test::Bytes;
using test::Random;

Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

struct Signed {
  Bytes key;
  Bytes message;
  Bytes signature;
};

bool is_valid(const Signed& s) {
  // Where the heap ends behind each, ASan sees a read too far.
  const auto v = std::make_unique<Ed25519>();
  const Bytes key = s.key;
  const Bytes signature = s.signature;
  const Bytes message = s.message;
  mallorn_check check = {key.data(),
                         signature.data(),
                         message.data(),
                         uint32_t(message.size()),
                         v.get(),
                         sizeof(Ed25519),
                         0};
  int status = MALLORN_MORE;
  for (size_t steps = 0; status == MALLORN_MORE; ++steps) {
    REQUIRE(steps < 280 + message.size() / 128);
    status = mallorn_verify_ed25519(nullptr, &check);
    check.is_begun = 1;
  }
  CHECK((status == MALLORN_DONE || status == MALLORN_E_SIGNATURE));
  return status == MALLORN_DONE;
}

using KeyPointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using ContextPointer = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

bool openssl_is_valid(const Signed& s) {
  const KeyPointer key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, s.key.data(), 32),
      EVP_PKEY_free);
  const ContextPointer context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return key != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), s.signature.data(), 64, s.message.data(),
                          s.message.size()) == 1;
}

Signed openssl_signed(const Bytes& seed, const Bytes& message) {
  const KeyPointer key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()),
      EVP_PKEY_free);
  Signed s{Bytes(32), message, Bytes(64)};
  size_t length = 32;
  REQUIRE(EVP_PKEY_get_raw_public_key(key.get(), s.key.data(), &length) == 1);
  const ContextPointer context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  length = 64;
  REQUIRE(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  REQUIRE(EVP_DigestSign(context.get(), s.signature.data(), &length, message.data(),
                         message.size()) == 1);
  return s;
}

// A number of OpenSSL; from and to little-endian bytes.
class Number {
 public:
  explicit Number(const Bytes& bytes)
      : n_(BN_lebin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr), BN_free) {}

  // (this * factor + term) modulo the order of the group
  Number times_plus(const Number& factor, const Number& term) const {
    const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> context(BN_CTX_new(),
                                                                  BN_CTX_free);
    Number made((Bytes()));
    const Number order = group_order();
    REQUIRE(BN_mod_mul(made.n_.get(), n_.get(), factor.n_.get(), order.n_.get(),
                       context.get()) == 1);
    REQUIRE(BN_mod_add(made.n_.get(), made.n_.get(), term.n_.get(), order.n_.get(),
                       context.get()) == 1);
    return made;
  }
  Number plus(const Number& term) const {
    Number made((Bytes()));
    REQUIRE(BN_add(made.n_.get(), n_.get(), term.n_.get()) == 1);
    return made;
  }
  Bytes bytes() const {
    Bytes made(32);
    REQUIRE(BN_bn2lebinpad(n_.get(), made.data(), 32) == 32);
    return made;
  }
  static Number group_order() {
    return Number(
        from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"));
  }

 private:
  std::unique_ptr<BIGNUM, decltype(&BN_free)> n_;
};

Bytes sha512(const Bytes& message) {
  Bytes digest(64);
  REQUIRE(EVP_Digest(message.data(), message.size(), digest.data(), nullptr, EVP_sha512(),
                     nullptr) == 1);
  return digest;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Number secret_of(const Bytes& seed) {
  Bytes secret = sha512(seed);
  secret.resize(32);
  secret[0] &= 0xF8;
  secret[31] = static_cast<uint8_t>((secret[31] & 0x7F) | 0x40);
  return Number(secret);
}

Bytes small_number(uint8_t value) {
  Bytes bytes(32);
  bytes[0] = value;
  return bytes;
}

// Points of small order: y, of which x has either sign.
const char* const kSmallOrder[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
};

TEST_CASE("firmware ed25519: works in 544 bytes") { CHECK(sizeof(Ed25519) <= 544); }

TEST_CASE("firmware ed25519: takes the signatures of RFC 8032") {
  struct Vector {
    const char *key, *message, *signature;
  };
  const Vector vectors[] = {
      {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61"
       "e"
       "39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
      {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458"
       "f"
       "3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae6"
       "7"
       "f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
      {"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
       "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836b"
       "a"
       "3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
       "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdf"
       "b"
       "c7c66431e0303dca179c138ac17ad9bef1177331a704"},
  };
  for (const Vector& each : vectors) {
    CAPTURE(each.key);
    CHECK(is_valid({from_hex(each.key), from_hex(each.message), from_hex(each.signature)}));
  }
}

TEST_CASE("firmware ed25519: takes what OpenSSL signs, and nothing else") {
  Random random = test::seeded("Ed25519");
  for (int i = 0; i < 300; ++i) {
    const Signed s = openssl_signed(random.bytes(32), random.bytes(random.length(400)));
    CAPTURE(i);
    CHECK(is_valid(s));
    for (Bytes Signed::*part : {&Signed::key, &Signed::message, &Signed::signature}) {
      Signed damaged = s;
      Bytes& bytes = damaged.*part;
      if (bytes.empty()) continue;
      bytes[random.below(bytes.size())] ^= static_cast<uint8_t>(1u << random.below(8));
      CHECK_FALSE(is_valid(damaged));
    }
  }
}

TEST_CASE("firmware ed25519: refuses S that is not below the order") {
  Random random = test::seeded("Ed25519");
  const Bytes message = random.bytes(50);
  Signed s = openssl_signed(random.bytes(32), message);
  const Number scalar(Bytes(s.signature.begin() + 32, s.signature.end()));
  const Bytes larger = scalar.plus(Number::group_order()).bytes();
  std::copy(larger.begin(), larger.end(), s.signature.begin() + 32);
  CHECK_FALSE(is_valid(s));
  std::fill(s.signature.begin() + 32, s.signature.end(), uint8_t{0xFF});
  CHECK_FALSE(is_valid(s));
}

// With A the identity, S B = R holds for any message: a lax verifier is satisfied.
TEST_CASE("firmware ed25519: refuses keys of small order, even if the equation holds") {
  Random random = test::seeded("Ed25519");
  const Bytes seed = random.bytes(32);
  const Bytes point = openssl_signed(seed, {}).key;  // s B
  const Bytes scalar =
      secret_of(seed).times_plus(Number(small_number(1)), Number(small_number(0))).bytes();
  const Signed s{from_hex(kSmallOrder[0]), random.bytes(20), joined({point, scalar})};
  CHECK(openssl_is_valid(s));
  CHECK_FALSE(is_valid(s));
  for (const char* const y : kSmallOrder) {
    for (const uint8_t sign : {uint8_t{0}, uint8_t{0x80}}) {
      Signed other = s;
      other.key = from_hex(y);
      other.key[31] |= sign;
      for (int i = 0; i < 20; ++i) {  // whatever k is modulo 8
        other.message = random.bytes(20);
        CHECK_FALSE(is_valid(other));
      }
    }
  }
}

// With R the identity and S = k a, the equation holds: only who has the key can make it so.
TEST_CASE("firmware ed25519: takes R of small order, as the equation holds") {
  Random random = test::seeded("Ed25519");
  const Bytes seed = random.bytes(32);
  const Bytes message = random.bytes(20);
  const Bytes key = openssl_signed(seed, {}).key;
  const Bytes identity = from_hex(kSmallOrder[0]);
  const Number k(sha512(joined({identity, key, message})));
  const Bytes scalar = k.times_plus(secret_of(seed), Number(small_number(0))).bytes();
  const Signed s{key, message, joined({identity, scalar})};
  CHECK(openssl_is_valid(s));
  CHECK(is_valid(s));
}

// y + p, where that has 255 bits: of 19 values, and p itself stands for 0.
TEST_CASE("firmware ed25519: refuses points that are not in their only encoding") {
  Random random = test::seeded("Ed25519");
  Signed s = openssl_signed(random.bytes(32), random.bytes(20));
  for (unsigned y = 0; y < 19; ++y) {
    for (const uint8_t sign : {uint8_t{0}, uint8_t{0x80}}) {
      Bytes point(32, 0xFF);
      point[0] = static_cast<uint8_t>(0xED + y);
      point[31] = static_cast<uint8_t>(0x7F | sign);
      Signed as_key = s;
      as_key.key = point;
      CHECK_FALSE(is_valid(as_key));
      Signed as_r = s;
      std::copy(point.begin(), point.end(), as_r.signature.begin());
      CHECK_FALSE(is_valid(as_r));
    }
  }
}

TEST_CASE("firmware ed25519: refuses keys that are no points") {
  Random random = test::seeded("Ed25519");
  Signed s = openssl_signed(random.bytes(32), random.bytes(20));
  int refused = 0;
  for (uint8_t y = 2; y < 60; ++y) {
    s.key = small_number(y);
    CHECK_FALSE(is_valid(s));
    ++refused;
  }
  CHECK(refused == 58);
}

TEST_CASE("firmware ed25519: its verdicts are those of the shared vectors") {
  std::ifstream file(MALLORN_SIGN_VECTORS);
  std::string line;
  std::getline(file, line);  // names of columns
  int count = 0;
  while (std::getline(file, line)) {
    std::istringstream columns(line);
    std::string name;
    std::string hex[3];
    std::string verdict;
    std::getline(columns, name, '\t');
    for (std::string& column : hex) std::getline(columns, column, '\t');
    std::getline(columns, verdict, '\t');
    CAPTURE(name);
    REQUIRE((verdict == "good" || verdict == "bad"));
    const Signed s{from_hex(hex[0]), from_hex(hex[1]), from_hex(hex[2])};
    CHECK(is_valid(s) == (verdict == "good"));
    ++count;
  }
  CHECK(count > 20);
}

}  // namespace
}  // namespace mallorn::firmware
