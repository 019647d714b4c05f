// The keys by which an index of anchors is asked, of element after element of a tensor.
#pragma once

#include <array>
#include <span>

#include "mallorn-delta/anchor_index.hpp"

namespace mallorn::delta {

// So many keys at once that memory can be asked for all that they lead to.
class SeedKeys {
 public:
  // `bytes` are a tensor's, whose signs are read as `signs` says.
  SeedKeys(const AnchorIndex& index, ByteView bytes, const Signs& signs)
      : index_(index), bytes_(bytes), signs_(signs), width_(signs.width()) {}

  // What next() reads begins with the element at byte `at`.
  void go_to(uint64_t at);

  // Reads the next keys; false if there are no more.
  bool next();

  struct Seed {
    uint64_t key = 0;
    uint64_t at = 0;  // offset of the first element
  };

  // Those that have been read, one or two for each element.
  std::span<const Seed> seeds() const { return {seeds_.data(), seed_count_}; }

 private:
  void add(uint64_t key);

  const AnchorIndex& index_;
  const ByteView bytes_;
  const Signs signs_;
  const size_t width_;
  std::array<Seed, 64> seeds_{};
  size_t seed_count_ = 0;
  uint64_t next_ = 0;       // offset of the next element to be read
  uint32_t key_ = 0;        // signs before next_sign_
  uint64_t next_sign_ = 0;  // offset of the next sign to be read
};

}  // namespace mallorn::delta
