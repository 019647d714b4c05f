// The header of a patch as it lies in memory: where its fields are (docs/format/patch.md,
// section 4), and what is wrong with it.
#pragma once

#include <stdint.h>

#include "firmware/src/little_endian.hpp"

namespace mallorn::firmware {

constexpr uint32_t kHeaderFixedBytes = 146;  // without the model id
constexpr uint32_t kHeaderMaxBytes = 210;
constexpr uint32_t kSignatureCountOffset = 7;
constexpr uint32_t kSignatureBlockBytes = 72;  // key id, signature
constexpr uint32_t kKeyIdBytes = 8;
constexpr uint32_t kDigestBytes = 32;

struct PatchFront {
  const uint8_t* bytes;

  uint32_t length() const { return bytes[6]; }
  uint32_t signature_count() const { return bytes[kSignatureCountOffset]; }
  uint32_t features() const { return load_u32(bytes + 8); }
  uint32_t release() const { return load_u32(bytes + 16); }
  uint32_t body_bytes() const { return load_u32(bytes + 20); }
  const uint8_t* body_digest() const { return bytes + 28; }
  uint32_t base_bytes() const { return load_u32(bytes + 62); }
  const uint8_t* base_digest() const { return bytes + 70; }
  uint32_t result_bytes() const { return load_u32(bytes + 102); }
  const uint8_t* result_digest() const { return bytes + 110; }
  uint32_t model_id_length() const { return bytes[61]; }
  const uint8_t* model_id() const { return bytes + 142; }
};

// Of the first kHeaderFixedBytes: MALLORN_DONE if length() is how many bytes there are.
int fault_of_begin(PatchFront front);
// Of the whole header.
int fault_of(PatchFront front);

}  // namespace mallorn::firmware
