// Patches for the tests of mallorn-sign; their bodies are any bytes.
#pragma once

#include "libcommon/digest.hpp"
#include "libcommon/patch_front.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

namespace mallorn::test {

inline PatchHeader header_for_body(const Bytes& body) {
  PatchHeader header;
  header.body_bytes = body.size();
  header.body_digest = sha256(body);
  header.release = 7;
  header.model_id_bytes = 3;
  header.model_id = {'k', 'w', 's'};
  return header;
}

inline PatchFront front_of(const PatchHeader& header) {
  PatchFront front;
  front.header = header;
  front.header_bytes.resize(kMaxPatchHeaderBytes);
  front.header_bytes.resize(write_patch_header(header, front.header_bytes));
  return front;
}

inline PatchFront small_front() { return front_of(header_for_body({1, 2, 3})); }

}  // namespace mallorn::test
