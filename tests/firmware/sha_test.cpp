#include <doctest/doctest.h>
#include <openssl/evp.h>

#include "firmware/sim/message_digest.hpp"
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

Bytes our_sha256(const Bytes& message) {
  Bytes digest(32);
  sim::put_sha256(message.data(), message.size(), digest.data());
  return digest;
}

// With what FIPS 180-4, 5.1.2 puts behind the message.
Bytes our_sha512(Bytes message) {
  const uint64_t bits = message.size() * 8;
  message.push_back(0x80);
  while (message.size() % kSha512Block != kSha512Block - 8) message.push_back(0);
  // The length has 16 bytes: of a message that leaves less, it is in the next block.
  if (bits / 8 % kSha512Block >= kSha512Block - 16 &&
      bits / 8 % kSha512Block < kSha512Block - 8) {
    message.resize(message.size() + kSha512Block);
  }
  for (int shift = 56; shift >= 0; shift -= 8) message.push_back(uint8_t(bits >> shift));
  Sha512 hash;
  sha512_start(hash);
  for (size_t at = 0; at < message.size(); at += 4) {
    const size_t half = at / 4 % (kSha512Block / 4);
    hash.block()[half ^ 1] = __builtin_bswap32(load_word(message.data() + at));
    if (half == kSha512Block / 4 - 1) sha512_block(hash);
  }
  Bytes digest;
  for (unsigned i = 0; i < 64; ++i) {
    digest.push_back(reinterpret_cast<const uint8_t*>(hash.state)[63 - i]);
  }
  return digest;
}

TEST_CASE("firmware sha: constants of rounds are those of the table") {
  ShaConstants made;
  uint32_t prime = 1;
  for (const sim::ShaRound& round : sim::kShaRounds) {
    CAPTURE(round.prime);
    CHECK(next_constant(made, prime, 32) == round.prime);
    CHECK(load_word(made.root_less_one()) + 1 == round.constant >> 32);
    prime = next_constant(made, prime, 64);
    CHECK(prime == round.prime);
    CHECK(load_word(made.root_less_one()) + 1 == uint32_t(round.constant));
    CHECK(load_word(made.root_less_one() + 2) == round.constant >> 32);
  }
}

TEST_CASE("firmware sha: digests are those of OpenSSL at every length around blocks") {
  Random random = test::seeded("digests");
  for (size_t length = 0; length <= 300; ++length) {
    const Bytes message = random.bytes(length);
    CAPTURE(length);
    CHECK(our_sha256(message) == digest_of(EVP_sha256(), message));
    CHECK(our_sha512(message) == digest_of(EVP_sha512(), message));
  }
}

TEST_CASE("firmware sha: digests of long messages are those of OpenSSL") {
  Random random = test::seeded("digests");
  const Bytes message = random.bytes(200'000);
  CHECK(our_sha256(message) == digest_of(EVP_sha256(), message));
  CHECK(our_sha512(message) == digest_of(EVP_sha512(), message));
}

}  // namespace
}  // namespace mallorn::firmware
