#include "mallorn-sign/verify.hpp"

#include <doctest/doctest.h>

#include "mallorn-sign/patch_body.hpp"
#include "mallorn-sign/signing.hpp"
#include "tests/sign/patches.hpp"

using namespace mallorn;
using namespace mallorn::sign;
using test::Bytes;

namespace {

struct Party {
  SecretKey secret = SecretKey::generate();
  TrustedKey trusted = {secret.public_key(), key_id_of(secret.public_key())};

  void sign(PatchFront* front) const {
    front->signatures.push_back({trusted.id, secret.sign(message_of(*front))});
  }
};

Requirements only(std::vector<TrustedKey> keys) { return {std::move(keys), {}, 0, {}}; }

Status status_of(const PatchFront& front, const Requirements& requirements) {
  return test::status_of([&] { require_trusted(front, "patch", requirements); });
}

ReleaseState state_of(const std::string& lines) {
  return ReleaseState::parse("mallorn releases 0\n" + lines, "state");
}

}  // namespace

TEST_CASE("verify: any good signature by any trusted key is enough") {
  const Party old_key, new_key, other;
  PatchFront front = test::small_front();
  CHECK(status_of(front, only({old_key.trusted})) == Status::bad_signature);  // unsigned
  old_key.sign(&front);
  CHECK(status_of(front, only({old_key.trusted})) == Status::ok);
  CHECK(status_of(front, only({new_key.trusted})) == Status::bad_signature);
  CHECK(status_of(front, only({new_key.trusted, old_key.trusted})) == Status::ok);
  CHECK(status_of(front, only({})) == Status::bad_signature);
  new_key.sign(&front);
  for (const Party* party : {&old_key, &new_key}) {
    CHECK(status_of(front, only({party->trusted})) == Status::ok);
  }
  CHECK(status_of(front, only({other.trusted})) == Status::bad_signature);
}

TEST_CASE("verify: a wrong signature neither helps nor harms the others") {
  const Party key, other;
  PatchFront front = test::small_front();
  key.sign(&front);
  front.signatures[0].signature[0] ^= 1;
  CHECK(status_of(front, only({key.trusted})) == Status::bad_signature);
  key.sign(&front);  // a second block of the same key
  CHECK(status_of(front, only({key.trusted})) == Status::ok);
  // A key's id on another's signature.
  PatchFront confused = test::small_front();
  other.sign(&confused);
  confused.signatures[0].key_id = key.trusted.id;
  CHECK(status_of(confused, only({key.trusted})) == Status::bad_signature);
  CHECK(status_of(confused, only({other.trusted})) == Status::bad_signature);
}

TEST_CASE("verify: whatever bit of the header is changed, its check put right or not") {
  const Party key;
  PatchFront front = test::small_front();
  key.sign(&front);
  for (size_t bit = 0; bit < 8 * (front.header_bytes.size() - 4); ++bit) {
    if (bit / 8 == kPatchSignatureCountOffset) continue;
    PatchFront flipped = front;
    flipped.header_bytes[bit / 8] =
        static_cast<uint8_t>(flipped.header_bytes[bit / 8] ^ 1u << bit % 8);
    REQUIRE(status_of(flipped, only({key.trusted})) == Status::bad_signature);
  }
}

TEST_CASE("verify: every bit and every length of a signed patch, in the file") {
  const test::TemporaryFolder folder;
  const Party key;
  const Bytes body = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  PatchFront front = test::front_of(test::header_for_body(body));
  key.sign(&front);
  Spool spool;
  spool.write(body);
  Output output(folder / "patch", false);
  write_patch(front, spool, output);
  const Bytes patch = test::read_file(folder / "patch");
  REQUIRE(patch.size() == 149 + 72 + 9);
  const auto status = [&](const Bytes& bytes) {
    const Fd file = test::file_of(bytes);
    return test::status_of([&] {
      Spool passed;
      (void)read_trusted_patch(file.get(), "patch", only({key.trusted}), &passed);
    });
  };
  CHECK(status(patch) == Status::ok);
  for (size_t bit = 0; bit < 8 * patch.size(); ++bit) {
    Bytes flipped = patch;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    CAPTURE(bit);
    REQUIRE(status(flipped) == Status::bad_signature);
  }
  for (size_t length = 0; length < patch.size(); ++length) {
    const Bytes cut(patch.begin(), patch.begin() + static_cast<ptrdiff_t>(length));
    REQUIRE(status(cut) == Status::bad_signature);
  }
  Bytes longer = patch;
  longer.push_back(0);
  CHECK(status(longer) == Status::bad_signature);
}

TEST_CASE("verify: the model, byte for byte") {
  const Party key;
  PatchFront front = test::small_front();
  key.sign(&front);
  Requirements requirements = only({key.trusted});
  const auto for_model = [&](const std::string& id) {
    requirements.model_id = id;
    return status_of(front, requirements);
  };
  CHECK(for_model("kws") == Status::ok);
  for (const char* other : {"kw", "kwss", "Kws", ""}) {
    CHECK(for_model(other) == Status::bad_signature);
  }
  CHECK(for_model(std::string("kws\0", 4)) == Status::bad_signature);
}

TEST_CASE("verify: releases one below, at and one above the least, and those in use") {
  const Party key;
  PatchFront front = test::small_front();  // release 7
  key.sign(&front);
  Requirements requirements = only({key.trusted});
  for (const uint32_t least : {0u, 6u, 7u, 8u, UINT32_MAX}) {
    requirements.min_release = least;
    CHECK((status_of(front, requirements) == Status::ok) == (least <= 7));
  }
  requirements.min_release = 0;
  for (const char* state : {"6 kws\n", "7 kws\n", "9 other\n6 kws\n", ""}) {
    requirements.state = state_of(state);
    CHECK(status_of(front, requirements) == Status::ok);
  }
  requirements.state = state_of("8 kws\n");
  CHECK(status_of(front, requirements) == Status::bad_signature);
  requirements.min_release = 3;
  CHECK(status_of(front, requirements) == Status::bad_signature);
}

TEST_CASE("verify: a state takes another model only if it is named") {
  const Party key;
  PatchFront front = test::small_front();  // model kws
  key.sign(&front);
  Requirements requirements = only({key.trusted});
  requirements.state = state_of("6 asr\n");
  CHECK(status_of(front, requirements) == Status::bad_signature);
  requirements.model_id = "kws";
  CHECK(status_of(front, requirements) == Status::ok);
}

TEST_CASE("verify: a state takes no patch without model id or release") {
  const Party key;
  for (const char* state : {"", "6 asr\n", "6 kws\n", "6 \n"}) {
    Requirements requirements = only({key.trusted});
    requirements.state = state_of(state);
    for (const bool has_id : {false, true}) {
      PatchHeader header = test::header_for_body({1});
      if (has_id) header.release = 0;
      if (!has_id) header.model_id_bytes = 0;
      PatchFront front = test::front_of(header);
      key.sign(&front);
      CHECK(status_of(front, requirements) == Status::bad_signature);
    }
  }
}

TEST_CASE("verify: a patch without release is below every other") {
  const Party key;
  PatchHeader header = test::header_for_body({1});
  header.release = 0;
  PatchFront front = test::front_of(header);
  key.sign(&front);
  Requirements requirements = only({key.trusted});
  CHECK(status_of(front, requirements) == Status::ok);
  requirements.min_release = 1;
  CHECK(status_of(front, requirements) == Status::bad_signature);
}
