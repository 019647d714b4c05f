#include "libcommon/core/patch_signature.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

Bytes header_bytes(uint8_t id_bytes, uint8_t signatures) {
  PatchHeader header;
  header.body_bytes = 1;
  header.signature_count = signatures;
  header.model_id_bytes = id_bytes;
  header.model_id = {'m', 'o', 'd', 'e', 'l'};
  Bytes bytes(kMaxPatchHeaderBytes);
  bytes.resize(write_patch_header(header, bytes));
  return bytes;
}

Bytes message_of(const Bytes& header) {
  Bytes message(kMaxSignedMessageBytes, 0xEE);
  message.resize(write_signed_message(header, message));
  return message;
}

}  // namespace

TEST_CASE("patch signature: what is written is read back, and not from less") {
  PatchSignature signature;
  for (size_t i = 0; i < kKeyIdBytes; ++i) signature.key_id[i] = static_cast<uint8_t>(i);
  for (size_t i = 0; i < kSignatureBytes; ++i) {
    signature.signature[i] = static_cast<uint8_t>(100 + i);
  }
  Bytes bytes(kPatchSignatureBytes);
  ByteWriter writer(bytes);
  write_patch_signature(signature, writer);
  CHECK(writer.ok());
  CHECK(writer.size() == 72);
  CHECK(bytes[7] == 7);
  CHECK(bytes[8] == 100);
  ByteReader reader(bytes);
  CHECK(read_patch_signature(reader) == signature);
  CHECK(reader.at_end());
  for (const size_t length : {size_t{0}, size_t{7}, size_t{8}, size_t{71}}) {
    ByteReader cut(ByteView(bytes).first(length));
    (void)read_patch_signature(cut);
    CHECK(cut.status() == Status::truncated);
  }
}

TEST_CASE("signed message: the domain, then the header without count and check") {
  const Bytes header = header_bytes(5, 3);
  const Bytes message = message_of(header);
  const std::string domain("Mallorn patch signature, version 0\0", 35);
  CHECK(std::string(message.begin(), message.begin() + 35) == domain);
  REQUIRE(message.size() == 35 + 151 - 4);
  for (size_t i = 0; i < 147; ++i) CHECK(message[35 + i] == (i == 7 ? 0 : header[i]));
}

TEST_CASE("signed message: is the same for any number of signatures, and no shorter id") {
  const Bytes message = message_of(header_bytes(5, 0));
  for (const uint8_t count : {uint8_t{1}, kMaxPatchSignatures}) {
    CHECK(message_of(header_bytes(5, count)) == message);
  }
  CHECK(message_of(header_bytes(0, 0)).size() == 177);
  CHECK(message_of(header_bytes(kMaxModelIdBytes, 1)).size() == 241);
  CHECK(kMaxSignedMessageBytes >= 241);
}

TEST_CASE("signed message: every bit of the header but count and check is in it") {
  const Bytes header = header_bytes(5, 0);
  const Bytes message = message_of(header);
  for (size_t bit = 0; bit < 8 * header.size(); ++bit) {
    Bytes flipped = header;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    const bool is_covered = bit / 8 != 7 && bit / 8 < header.size() - 4;
    REQUIRE((message_of(flipped) != message) == is_covered);
  }
}
