// Gathers the records of a patch, then writes header and body: the header, which comes
// first, holds the digest of the body.
#pragma once

#include <map>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/digest.hpp"
#include "libcommon/spool.hpp"

namespace mallorn::pack {

class PatchWriter {
 public:
  PatchWriter();

  // Throws Error(internal) for a record that no reader would take.
  void add(ByteView record);
  // The chunk at `result_offset`, by its record; or by that of its twin, which has been
  // added and begins there.
  void add_chunk(uint64_t result_offset, ByteView record);
  void add_again(uint64_t result_offset, uint64_t twin);
  // The body of profile lite, which has no records and no end mark.
  void set_lite_body(ByteView body);
  // Length of the body so far, its end mark included.
  uint64_t body_bytes() const { return body_.length_bytes() + 1; }
  // Completes `header` with the body's length and digest and writes everything.
  void write(PatchHeader header, Output& output);

 private:
  void append(ByteView bytes);

  bool has_records_ = true;
  std::map<uint64_t, uint64_t> chunks_;  // records in the body, by result offset
  Spool body_;
  Sha256 hash_;
};

}  // namespace mallorn::pack
