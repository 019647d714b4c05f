#include "mallorn-sign/ed25519.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "libcommon/digest.hpp"
#include "libcommon/text.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using namespace mallorn::sign;
using test::Bytes;

namespace {

struct Row {
  std::string name;
  Bytes key, message, signature;
  bool is_good = false;
};

Bytes bytes_from_hex(const std::string& text) {
  Bytes bytes(text.size() / 2);
  REQUIRE(from_hex(text, bytes));
  return bytes;
}

std::vector<Row> rows() {
  const char* folder = std::getenv("MALLORN_VECTORS");
  REQUIRE(folder != nullptr);
  std::ifstream file(std::string(folder) + "/sign/ed25519.tsv");
  std::string line;
  REQUIRE(std::getline(file, line));
  std::vector<Row> all;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string field[5];
    for (std::string& each : field) std::getline(fields, each, '\t');
    REQUIRE((field[4] == "good" || field[4] == "bad"));
    all.push_back({field[0], bytes_from_hex(field[1]), bytes_from_hex(field[2]),
                   bytes_from_hex(field[3]), field[4] == "good"});
  }
  return all;
}

template <size_t N>
std::array<uint8_t, N> array_of(const Bytes& bytes) {
  std::array<uint8_t, N> made{};
  REQUIRE(bytes.size() == N);
  std::copy(bytes.begin(), bytes.end(), made.begin());
  return made;
}

Secret no_passphrase() { throw Error(Status::usage, "asked"); }

Secret secret(const std::string& text) {
  Secret made(text.size());
  std::copy(text.begin(), text.end(), made.bytes().begin());
  return made;
}

ByteView bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

TEST_CASE("ed25519: verdicts of the table that all verifiers share") {
  const std::vector<Row> all = rows();
  REQUIRE(all.size() > 50);
  for (const Row& row : all) {
    CAPTURE(row.name);
    CHECK(verify(array_of<32>(row.key), row.message, array_of<64>(row.signature)) ==
          row.is_good);
  }
}

TEST_CASE("ed25519: what a key signs is good for it, for the message, and as it is") {
  const SecretKey key = SecretKey::generate();
  const PublicKey other = SecretKey::generate().public_key();
  for (const size_t length : {size_t{0}, size_t{1}, size_t{241}, size_t{5000}}) {
    const Bytes message(length, 7);
    const Signature signature = key.sign(message);
    CHECK(verify(key.public_key(), message, signature));
    CHECK_FALSE(verify(other, message, signature));
    CHECK_FALSE(verify(key.public_key(), Bytes(length + 1, 7), signature));
    for (size_t bit = 0; bit < 512; bit += 7) {
      Signature flipped = signature;
      flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
      REQUIRE_FALSE(verify(key.public_key(), message, flipped));
    }
  }
}

TEST_CASE("ed25519: the id of a key begins its digest") {
  const PublicKey key = SecretKey::generate().public_key();
  const Digest digest = sha256(key);
  CHECK(to_hex(key_id_of(key)) == to_hex(digest).substr(0, 16));
}

TEST_CASE("ed25519: keys go through PEM and come back") {
  const SecretKey key = SecretKey::generate();
  const Secret pem = key.to_pem(std::nullopt);
  const std::string text(pem.bytes().begin(), pem.bytes().end());
  CHECK(text.starts_with("-----BEGIN PRIVATE KEY-----\n"));
  CHECK(SecretKey::from_pem(pem.bytes(), "k", no_passphrase).public_key() ==
        key.public_key());
  const std::string public_text = public_key_to_pem(key.public_key());
  CHECK(public_text.starts_with("-----BEGIN PUBLIC KEY-----\n"));
  CHECK(public_key_from_pem(bytes_of(public_text), "k") == key.public_key());
}

TEST_CASE("ed25519: an encrypted key opens with its passphrase alone") {
  const SecretKey key = SecretKey::generate();
  const Secret pem = key.to_pem(secret("open sesame"));
  const std::string text(pem.bytes().begin(), pem.bytes().end());
  CHECK(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
  const auto opened = [&](const std::string& passphrase) {
    return SecretKey::from_pem(pem.bytes(), "k", [&] { return secret(passphrase); });
  };
  CHECK(opened("open sesame").public_key() == key.public_key());
  for (const char* wrong : {"open sesam", "open sesame ", ""}) {
    CHECK(test::status_of([&] { (void)opened(wrong); }) == Status::cannot_open);
  }
  // What asking throws comes through OpenSSL as it is.
  CHECK(test::status_of([&] {
          (void)SecretKey::from_pem(pem.bytes(), "k", no_passphrase);
        }) == Status::usage);
}

TEST_CASE("ed25519: what is no key, or of another kind, is refused") {
  const auto secret_status = [](const std::string& text) {
    return test::status_of(
        [&] { (void)SecretKey::from_pem(bytes_of(text), "k", no_passphrase); });
  };
  const auto public_status = [](const std::string& text) {
    return test::status_of([&] { (void)public_key_from_pem(bytes_of(text), "k"); });
  };
  const std::string x25519 =
      "-----BEGIN PUBLIC KEY-----\n"
      "MCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"
      "-----END PUBLIC KEY-----\n";
  CHECK(public_status(x25519) == Status::unsupported_feature);
  CHECK(secret_status(x25519) == Status::malformed);
  const std::string small_order =  // y = 1
      "-----BEGIN PUBLIC KEY-----\n"
      "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
      "-----END PUBLIC KEY-----\n";
  CHECK(public_status(small_order) == Status::malformed);
  for (const char* text :
       {"", "x", "-----BEGIN PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}) {
    CHECK(public_status(text) == Status::malformed);
    CHECK(secret_status(text) == Status::malformed);
  }
  const SecretKey key = SecretKey::generate();
  const std::string whole = public_key_to_pem(key.public_key());
  for (size_t length = 0; length + 2 < whole.size(); ++length) {
    REQUIRE(public_status(whole.substr(0, length)) == Status::malformed);
  }
}
