#include <doctest/doctest.h>
#include <openssl/evp.h>

#include "firmware/sim/sha_rounds.hpp"
#include "firmware/src/little_endian.hpp"
#include "firmware/src/sha256.hpp"
#include "firmware/src/sha512.hpp"
#include "tests/support/random.hpp"

namespace mallorn::firmware {
namespace {

using test::Bytes;
using test::Random;

// By OpenSSL.
Bytes digest_of(const EVP_MD* kind, const Bytes& message) {
  Bytes digest(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  REQUIRE(EVP_Digest(message.data(), message.size(), digest.data(), &length, kind,
                     nullptr) == 1);
  digest.resize(length);
  return digest;
}

// Passes `message` on in pieces of random lengths.
template <typename Update>
void in_pieces(Random& random, const Bytes& message, Update update) {
  for (size_t at = 0; at < message.size();) {
    const size_t length = 1 + random.below(message.size() - at);
    update(message.data() + at, length);
    at += length;
  }
}

Bytes our_sha256(Random& random, const Bytes& message) {
  Sha256 hash;
  sha256_start(hash);
  in_pieces(random, message, [&hash](const uint8_t* bytes, size_t length) {
    sha256_update(hash, bytes, length);
  });
  Bytes digest(32);
  sha256_finish(hash, digest.data());
  return digest;
}

Bytes our_sha512(Random& random, const Bytes& message) {
  Sha512 hash;
  sha512_start(hash);
  in_pieces(random, message, [&hash](const uint8_t* bytes, size_t length) {
    sha512_update(hash, bytes, length);
  });
  sha512_finish(hash);
  Bytes digest;
  for (unsigned i = 0; i < 64; ++i) {
    digest.push_back(uint8_t(hash.state[(14 - i / 8 * 2) + i / 4 % 2] >> (24 - i % 4 * 8)));
  }
  return digest;
}

TEST_CASE("firmware sha: constants of rounds are those of the table") {
  ShaConstants made;
  uint32_t prime = 1;
  for (const sim::ShaRound& round : sim::kShaRounds) {
    CAPTURE(round.prime);
    CHECK(next_constant(made, prime, 32) == round.prime);
    CHECK(load_word(made.root()) == round.constant >> 32);
    prime = next_constant(made, prime, 64);
    CHECK(prime == round.prime);
    CHECK(load_word(made.root()) == uint32_t(round.constant));
    CHECK(load_word(made.root() + 2) == round.constant >> 32);
  }
}

TEST_CASE("firmware sha: digests are those of OpenSSL at every length around blocks") {
  Random random = test::seeded("digests");
  for (size_t length = 0; length <= 300; ++length) {
    const Bytes message = random.bytes(length);
    CAPTURE(length);
    CHECK(our_sha256(random, message) == digest_of(EVP_sha256(), message));
    CHECK(our_sha512(random, message) == digest_of(EVP_sha512(), message));
  }
}

TEST_CASE("firmware sha: digests of long messages are those of OpenSSL") {
  Random random = test::seeded("digests");
  const Bytes message = random.bytes(200'000);
  CHECK(our_sha256(random, message) == digest_of(EVP_sha256(), message));
  CHECK(our_sha512(random, message) == digest_of(EVP_sha512(), message));
}

}  // namespace
}  // namespace mallorn::firmware
