// HeldResult: what an output holds of the result before anything is written to it, left by
// a run that was interrupted. It may be anything: nothing of it is believed that a check of
// the patch does not confirm.
#pragma once

#include <functional>

#include "libcommon/output.hpp"
#include "mallorn-apply/chunk_work.hpp"

namespace mallorn::apply {

class HeldResult {
 public:
  // Null, or one that holds nothing: then no chunk is there.
  explicit HeldResult(Output* output);

  // Whether the bytes of this chunk are there, by its CRC-32C.
  bool holds(const ChunkJob& job);
  // Gives the bytes of such a chunk to `take`, in pieces.
  void give(const ChunkJob& job, const std::function<void(ByteView)>& take);
  // All behind is cut off; the output is written from there.
  void go_on_at(uint64_t offset);

 private:
  Output* output_;
  uint64_t length_;
  std::vector<uint8_t> window_;
};

}  // namespace mallorn::apply
