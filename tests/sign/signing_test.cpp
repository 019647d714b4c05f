#include "mallorn-sign/signing.hpp"

#include <doctest/doctest.h>

#include "tests/sign/patches.hpp"

using namespace mallorn;
using namespace mallorn::sign;
using test::Bytes;

namespace {

Signer signer_by(const std::shared_ptr<SecretKey>& key) {
  return {key->public_key(), [key](ByteView message) { return key->sign(message); }};
}

std::shared_ptr<SecretKey> new_key() {
  return std::make_shared<SecretKey>(SecretKey::generate());
}

}  // namespace

TEST_CASE("signing: signatures are added up to the most, without a change to others") {
  PatchFront front = test::small_front();
  std::vector<PatchSignature> before;
  for (uint8_t i = 0; i < kMaxPatchSignatures; ++i) {
    const auto key = new_key();
    add_signature(signer_by(key), "patch", &front);
    REQUIRE(front.signatures.size() == i + 1u);
    CHECK(std::equal(before.begin(), before.end(), front.signatures.begin()));
    CHECK(front.signatures.back().key_id == key_id_of(key->public_key()));
    CHECK(verify(key->public_key(), message_of(front), front.signatures.back().signature));
    before = front.signatures;
  }
  CHECK(test::status_of([&] { add_signature(signer_by(new_key()), "patch", &front); }) ==
        Status::limit_exceeded);
  CHECK(front.signatures == before);
}

TEST_CASE("signing: a key signs once; what it has signed before is replaced") {
  PatchFront front = test::small_front();
  const auto key = new_key();
  add_signature(signer_by(key), "patch", &front);
  add_signature(signer_by(new_key()), "patch", &front);
  const std::vector<PatchSignature> before = front.signatures;
  front.signatures[0].signature[3] ^= 1;
  add_signature(signer_by(key), "patch", &front);
  CHECK(front.signatures == before);
}

TEST_CASE("signing: a signature from elsewhere is taken if it is good") {
  const test::TemporaryFolder folder;
  PatchFront front = test::small_front();
  const auto key = new_key();
  const std::string pem = public_key_to_pem(key->public_key());
  test::write_file(folder / "k.pub",
                   {reinterpret_cast<const uint8_t*>(pem.data()), pem.size()});
  const Signature signature = key->sign(message_of(front));
  const auto add = [&](ByteView bytes) {
    test::write_file(folder / "s", bytes);
    return test::status_of([&] {
      add_signature(signer_with_signature(folder / "k.pub", folder / "s"), "patch", &front);
    });
  };
  CHECK(add(ByteView(signature).first(63)) == Status::malformed);
  CHECK(add(Bytes(65)) == Status::malformed);
  CHECK(add(Bytes(64)) == Status::bad_signature);
  CHECK(add(key->sign(Bytes{1})) == Status::bad_signature);
  CHECK(front.signatures.empty());
  CHECK(add(signature) == Status::ok);
  CHECK(front.signatures ==
        std::vector<PatchSignature>{{key_id_of(key->public_key()), signature}});
}
