// The signatures of a patch, between its header and its body (docs/format/sign.md).
//
// What is signed is the header alone, without the count of signatures: signatures are added
// and removed without touching others. The header binds everything else by digests.
#pragma once

#include <array>

#include "libcommon/core/patch_format.hpp"

namespace mallorn {

constexpr size_t kKeyIdBytes = 8;
constexpr size_t kSignatureBytes = 64;
constexpr size_t kPatchSignatureBytes = kKeyIdBytes + kSignatureBytes;

using KeyId = std::array<uint8_t, kKeyIdBytes>;
using Signature = std::array<uint8_t, kSignatureBytes>;

struct PatchSignature {
  KeyId key_id{};  // the first bytes of the SHA-256 of the public key
  Signature signature{};

  bool operator==(const PatchSignature&) const = default;
};

void write_patch_signature(const PatchSignature& signature, ByteWriter& writer);
// Yields zeros, and leaves `reader` failed, where the block is cut short.
PatchSignature read_patch_signature(ByteReader& reader);

// Tells this signature from any other that the same key may make. Its NUL is signed, too.
constexpr char kSignatureDomain[] = "Mallorn patch signature, version 0";
constexpr size_t kMaxSignedMessageBytes = sizeof(kSignatureDomain) + kMaxPatchHeaderBytes;

// The message that is signed for a patch whose header, as it stands in the file, is
// `header` (read_patch_header() has taken it). `to` has room for kMaxSignedMessageBytes.
// Returns the length.
size_t write_signed_message(ByteView header, ByteSpan to);

}  // namespace mallorn
