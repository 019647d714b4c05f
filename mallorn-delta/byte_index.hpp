// Finds where bytes of the result occur in the base.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "libcommon/core/bytes.hpp"

namespace mallorn::delta {

struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;
};

// Hash chains over positions of the base, at most kMaxEntries of them, or fewer: all
// positions of small inputs, every n-th of large ones, so that memory is bounded (64 MiB)
// and time near-linear. n is no multiple of kSearchStride: who searches for every so
// many-th byte of something long meets positions of the index all the same. It is made when
// something is looked for: where no byte of a structure has changed, nothing is.
class ByteIndex {
 public:
  static constexpr size_t kMinMatch = 6;
  static constexpr uint64_t kMaxEntries = 1u << 22;
  static constexpr uint64_t kSearchStride = 3;

  // Indexes the given ranges of `base`, which must outlive the index.
  ByteIndex(ByteView base, std::vector<ByteRange> ranges,
            uint64_t most_entries = kMaxEntries)
      : base_(base), ranges_(std::move(ranges)), most_entries_(most_entries) {}

  struct Match {
    uint64_t base_offset = 0;
    uint64_t length = 0;  // 0: none
  };
  // The longest match of `at` (up to its end) among so many candidates; of equals the one
  // nearest to `near`. Only matches of kMinMatch bytes and more are found.
  Match find(ByteView at, uint64_t near, unsigned candidates);

 private:
  static constexpr unsigned kMaxHashBits = 22;
  static constexpr unsigned kOffsetBits = 40;  // larger bases are indexed so far
  static constexpr uint64_t kOffsetMask = (uint64_t{1} << kOffsetBits) - 1;

  void make();
  static uint64_t hash(const uint8_t* at);
  size_t head_of(uint64_t hash) const {
    return static_cast<size_t>(hash >> (64 - hash_bits_));
  }
  // Bits of the hash that no head has used.
  static uint64_t tag_of(uint64_t hash) { return hash << kMaxHashBits & ~kOffsetMask; }

  ByteView base_;
  std::vector<ByteRange> ranges_;
  uint64_t most_entries_;
  unsigned hash_bits_ = 1;
  std::vector<uint32_t> heads_;     // 1 + entry, 0: none; empty: not made yet
  std::vector<uint32_t> previous_;  // by entry
  // By entry: the offset, above it a tag of the bytes there, so that others are told from
  // those looked for without a look at them, which takes a page of memory each.
  std::vector<uint64_t> positions_;
};

// Length of the common prefix.
size_t common_length(ByteView a, ByteView b);

// The same where it may be as long as a model: its pages do not stay in memory.
uint64_t long_common_length(ByteView a, ByteView b);

}  // namespace mallorn::delta
