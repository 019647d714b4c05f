// The header of a patch as it lies in memory: where its fields are (docs/format/patch.md,
// section 4), and what is wrong with it.
#pragma once

#include <stdint.h>

#include "firmware/src/little_endian.hpp"

namespace mallorn::firmware {

constexpr uint32_t kHeaderFixedBytes = 146;  // without the model id
constexpr uint32_t kHeaderMaxBytes = 210;
constexpr uint32_t kSignatureCountOffset = 7;
constexpr uint32_t kMaxSignatures = 4;
constexpr uint32_t kSignatureBlockBytes = 72;  // key id, signature
constexpr uint32_t kKeyIdBytes = 8;
constexpr uint32_t kDigestBytes = 32;

// What it says of base or result.
struct PatchFile {
  const uint8_t* bytes;

  uint32_t length() const { return load_halves(bytes); }
  const uint8_t* digest() const { return bytes + 8; }
};
constexpr PatchFile behind(PatchFile base) { return {base.bytes + 40}; }

// Of its fields, words are aligned as words, or as halves of these.
struct PatchFront {
  const uint8_t* bytes;  // aligned as a word

  uint32_t length() const { return bytes[6]; }
  uint32_t signature_count() const { return bytes[kSignatureCountOffset]; }
  uint32_t features() const { return load_word(bytes + 8); }
  uint32_t release() const { return load_word(bytes + 16); }
  uint32_t body_bytes() const { return load_word(bytes + 20); }
  const uint8_t* body_digest() const { return bytes + 28; }
  PatchFile base() const { return {bytes + 62}; }
  PatchFile result() const { return behind(base()); }
  uint32_t model_id_length() const { return bytes[61]; }
  const uint8_t* model_id() const { return bytes + 142; }
};

// What is wrong with a header of which so many bytes are there, kHeaderFixedBytes at least.
// MALLORN_MORE: nothing so far, and length() and signature_count() are what they can be.
// MALLORN_DONE: nothing.
int fault_of(PatchFront front, uint32_t there);

}  // namespace mallorn::firmware
