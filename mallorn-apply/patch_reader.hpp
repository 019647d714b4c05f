// Reads a patch front to back: header, signatures, records, end; hashes the body on the
// way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libcommon/digest.hpp"
#include "libcommon/file.hpp"
#include "libcommon/patch_front.hpp"
#include "mallorn-apply/chunk_record.hpp"

namespace mallorn::apply {

// What is wrong with a patch that uses a feature whose bit is clear.
constexpr const char* kUndeclared = "uses a feature that the header does not declare";

class PatchReader {
 public:
  // Reads and checks the header from `fd`, reads the signatures. `name` is for messages.
  PatchReader(int fd, std::string name);

  const PatchHeader& header() const { return front_.header; }
  const PatchFront& front() const { return front_; }
  const std::string& name() const { return name_; }
  // Whether it comes from where nothing can be read again: a pipe, a terminal.
  bool is_stream() const;

  // The next record (kind byte first) or false after the end mark; then the body has been
  // checked against its digest and nothing follows it.
  bool next(std::vector<uint8_t>* record);

  // Profile lite, whose body has no records: its next bytes, as many as there are room for;
  // none at its end, when it has been checked as above.
  size_t next_bytes(ByteSpan to);

  // The chunk of the record that next() has given last, whose bytes belong at
  // `result_offset`; of one that is made again, `most` bytes of its record. Throws
  // Error(malformed) for a record of no chunk, one that does not end within the result
  // among them; Error(limit_exceeded).
  ChunkJob chunk_at(ByteView record, uint64_t result_offset,
                    uint64_t most = kMaxRecordBytes) const;

  // The kind of a record that next() has given, to be asked for each in turn. Throws
  // Error(malformed) for an unknown kind, one that records before did not have, one whose
  // feature the header does not declare, or a piece of no bytes. Chunks and those made
  // again are of one kind here.
  RecordKind kind_of(ByteView record);

  // Error of the given status that names the patch and the byte where the present record
  // begins.
  [[noreturn]] void fail(Status status, const std::string& reason) const;

 private:
  EarlierRecord earlier(uint64_t offset, uint64_t end, uint64_t most) const;
  bool has_again() const { return (header().features & kFeatureAgain) != 0; }
  void read_body(ByteSpan to);
  uint64_t read_varint();
  void finish();

  int fd_;
  std::string name_;
  PatchFront front_;
  Fd kept_;               // of a stream, what may be read again: the body so far
  uint64_t body_at_ = 0;  // where in that, or in the file, the body begins
  uint64_t body_read_ = 0;
  std::optional<RecordKind> kind_;  // of all records so far
  uint64_t record_at_;              // offset in the file of the record read last
  Sha256 body_hash_;
};

}  // namespace mallorn::apply
