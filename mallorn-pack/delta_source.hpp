// Reads a delta stream chunk by chunk, whichever way it carries its bytes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libcommon/delta_stream.hpp"
#include "libcommon/digest.hpp"
#include "libcommon/file.hpp"
#include "libcommon/stream.hpp"
#include "mallorn-pack/side_check.hpp"

namespace mallorn::pack {

// One chunk: its steps and the bytes they are about. Views into mapped files, or into what
// it owns.
struct ChunkInput {
  uint64_t result_offset = 0;
  std::vector<Step> steps;
  ByteView result;             // what the steps make, all of it
  std::vector<ByteView> base;  // by step: predicting_view()
  std::vector<uint8_t> owned;
  std::vector<std::vector<uint8_t>> permuted{};
  std::unique_ptr<MappedFile> spooled{};  // with what was too long to be owned
  uint32_t check = 0;                     // CRC-32C of the result
  // Where in the result the first chunk began that had the same steps, and made the same
  // bytes, if there was one.
  std::optional<uint64_t> twin{};
};

class DeltaSource {
 public:
  DeltaSource(int fd, std::string name, bool keeps_notes = false);

  // Those that have come so far, if they are to be kept.
  const std::vector<TensorNote>& notes() const { return notes_; }

  const DeltaManifest& manifest() const { return manifest_; }
  // The next chunk, or nothing once the end frame has been read and agrees with what came.
  std::optional<ChunkInput> next();
  // Gives back the mapped pages of a chunk that is done with, so that memory does not grow
  // with the model. Safe from any thread.
  void release(const ChunkInput& chunk) const;
  // Throws Error(malformed) if a file that is read by reference was changed since it was
  // parsed; once nothing more is to be read. The constructor does, too, if the stream has
  // the state that it was in, and next() where it is not known that the result is as it
  // was.
  void require_unchanged() const;
  // The whole result; only after the last chunk. Mapped, or spooled to a temporary file.
  const MappedFile& result();

 private:
  void take_note(ByteView payload);
  template <typename Visit>
  bool walk(const ChunkInput& chunk, const Visit& visit) const;
  std::optional<uint64_t> find_twin(const Digest& steps, const ChunkInput& chunk);
  bool has_made(uint64_t offset, const ChunkInput& chunk) const;
  ChunkInput map_chunk(std::vector<Step> steps, uint64_t result_bytes);
  ChunkInput read_chunk(std::vector<Step> steps, uint64_t result_bytes);
  void read_bytes(uint64_t base_bytes, uint64_t result_bytes, ChunkInput* chunk);
  void read_end(const Frame& frame);

  StreamReader stream_;
  DeltaManifest manifest_;
  std::vector<TensorNote> notes_;
  std::unique_ptr<MappedFile> base_;  // by reference only
  std::unique_ptr<MappedFile>
      result_;  // by reference; inline: mapped from spool_ at the end
  std::optional<SideCheck> base_check_;
  std::optional<SideCheck> result_check_;
  bool is_result_known_ = false;           // and need not be hashed
  Sha256 result_hash_;                     // of what has come
  Fd spool_;                               // inline only: the result so far
  std::map<Digest, uint64_t> first_with_;  // by digest of the steps: where it began
  uint64_t made_ = 0;
};

}  // namespace mallorn::pack
