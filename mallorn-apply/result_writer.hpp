// ResultWriter: where the bytes of the result go, in order: gathered, hashed, counted,
// written.
#pragma once

#include <functional>
#include <vector>

#include "libcommon/digest.hpp"
#include "libcommon/output.hpp"
#include "mallorn-apply/spent_time.hpp"

namespace mallorn::apply {

constexpr size_t kMinPassedOn = 64 * 1024;

class ResultWriter {
 public:
  // `output` may be null: then the bytes are only hashed. Refuses more than `limit` bytes.
  // If `also` is set, it is given them as well; of any two pieces that follow one another,
  // but for the last, one has kMinPassedOn bytes or more.
  ResultWriter(Output* output, uint64_t limit, std::function<void(ByteView)> also = {});

  // Throws Error(result_mismatch) if the result grows past its declared length.
  void write(ByteView bytes);
  // The same for bytes that the output has already; all of them come before the first
  // write().
  void adopt(ByteView bytes);
  uint64_t written() const { return written_; }
  // What hashing and writing took so far.
  const Spent& hashed() const { return hashed_; }
  const Spent& passed_on() const { return passed_on_; }
  // Passes on what is gathered and returns the digest of everything.
  Digest finish();

 private:
  void count(ByteView bytes);
  void flush();
  void pass_on(ByteView bytes);

  Output* output_;
  std::function<void(ByteView)> also_;
  uint64_t limit_;
  uint64_t written_ = 0;
  Sha256 hash_;
  Spent hashed_;
  Spent passed_on_;
  std::vector<uint8_t> gathered_;  // short pieces, until there are enough for one write
};

}  // namespace mallorn::apply
