// Whole patches for tests: built in memory from chunks, so that each part can be spoilt.
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "libcommon/core/byte_writer.hpp"
#include "libcommon/core/patch_signature.hpp"
#include "libcommon/digest.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "tests/support/chunks.hpp"

namespace mallorn::test {

// The bytes of a patch: header, length-prefixed records, end mark. The header's digest and
// length of the body are filled in.
inline Bytes patch_bytes(PatchHeader header, const std::vector<Bytes>& records) {
  Bytes body;
  for (const Bytes& record : records) {
    std::array<uint8_t, kMaxVarintBytes> length{};
    ByteWriter writer(length);
    writer.varint(record.size());
    body.insert(body.end(), writer.written().begin(), writer.written().end());
    body.insert(body.end(), record.begin(), record.end());
  }
  body.push_back(0);
  header.body_bytes = body.size();
  header.body_digest = sha256(body);
  Bytes patch(kMaxPatchHeaderBytes);
  patch.resize(write_patch_header(header, patch));
  patch.insert(patch.end(), body.begin(), body.end());
  return patch;
}

// `patch`, which has no signatures, with these.
inline Bytes signed_bytes(const Bytes& patch,
                          const std::vector<PatchSignature>& signatures) {
  const ByteView bytes(patch);
  PatchHeader header;
  size_t length = 0;
  REQUIRE(patch_header_length(bytes.first(kPatchHeaderFixedBytes), &length) == Status::ok);
  REQUIRE(read_patch_header(bytes.first(length), &header) == Status::ok);
  header.signature_count = static_cast<uint8_t>(signatures.size());
  Bytes made(kMaxPatchHeaderBytes + signatures.size() * kPatchSignatureBytes);
  ByteWriter writer(ByteSpan(made).subspan(write_patch_header(header, made)));
  for (const PatchSignature& signature : signatures) {
    write_patch_signature(signature, writer);
  }
  made.resize(length + writer.size());
  made.insert(made.end(), patch.begin() + static_cast<ptrdiff_t>(length), patch.end());
  return made;
}

inline PatchHeader header_for(ByteView base, ByteView result) {
  PatchHeader header;
  header.features = kKnownFeatures;
  header.base_bytes = base.size();
  header.base_digest = sha256(base);
  header.result_bytes = result.size();
  header.result_digest = sha256(result);
  return header;
}

struct MadePatch {
  Bytes base;
  Bytes result;
  std::vector<Bytes> records;

  PatchHeader header() const { return header_for(base, result); }
  Bytes bytes() const { return patch_bytes(header(), records); }
};

// A base and a result of several chunks that copy, predict and hold literals.
inline MadePatch make_patch(Random& random, size_t base_size, size_t chunk_count,
                            size_t steps) {
  MadePatch patch;
  patch.base = random.text(base_size);
  for (size_t i = 0; i < chunk_count; ++i) {
    MadeChunk chunk;
    chunk.base = patch.base;
    chunk.result_offset = patch.result.size();
    while (chunk.steps.size() < steps) add_step(random, 300, &chunk);
    patch.records.push_back(pack::encode_chunk(chunk.input(true), base_size, {3}).record);
    patch.result.insert(patch.result.end(), chunk.result.begin(), chunk.result.end());
  }
  return patch;
}

}  // namespace mallorn::test
