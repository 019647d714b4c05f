// The keys by which an index of anchors is asked, of element after element of a tensor.
#pragma once

#include <array>
#include <span>

#include "mallorn-delta/anchor_index.hpp"

namespace mallorn::delta {

// So many keys at once that memory can be asked for all that they lead to.
class SeedKeys {
 public:
  // `bytes` are a tensor's, of elements that are `width` bytes apart.
  SeedKeys(const AnchorIndex& index, ByteView bytes, size_t width)
      : index_(index), bytes_(bytes), width_(width) {}

  // What next() reads begins with the element at byte `at`.
  void go_to(uint64_t at);

  // Reads the next keys; false if there are no more.
  bool next();

  // The keys that have been read, and the offset of the element of the first.
  std::span<const uint64_t> keys() const { return {keys_.data(), count_}; }
  uint64_t first() const { return first_; }

 private:
  const AnchorIndex& index_;
  const ByteView bytes_;
  const size_t width_;
  std::array<uint64_t, 32> keys_{};
  size_t count_ = 0;
  uint64_t first_ = 0;
  uint32_t signs_ = 0;      // before next_sign_
  uint64_t next_sign_ = 0;  // offset of the next sign to be read
};

}  // namespace mallorn::delta
