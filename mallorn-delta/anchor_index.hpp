// Finds where elements of the result may occur in the base: in another tensor, at another
// row, in a file that no parser understood.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "libcommon/model_source.hpp"
#include "mallorn-delta/signs.hpp"

namespace mallorn::delta {

// Anchors: places of the base, at most kMaxAnchors of them, by a key of the kKeySigns
// elements that begin there. Rows of tensors begin with one, unless there are too many;
// more are spread over long rows. 20 MiB; time near-linear in the number of anchors.
class AnchorIndex {
 public:
  static constexpr size_t kMaxAnchors = size_t{1} << 20;
  static constexpr size_t kMaxFound = 8;  // places with the same key that are kept

  // `base` must outlive the index.
  explicit AnchorIndex(const Model& base);

  // Whether there may be anchors with this key; quick.
  bool may_have(uint64_t key) const {
    const uint64_t bit = mix(key) >> (64 - kFilterBits);
    return (filter_[bit / 64] >> (bit % 64) & 1) != 0;
  }

  // May be called some time before may_have(), so that this is quicker.
  void prefetch(uint64_t key) const {
    __builtin_prefetch(&filter_[mix(key) >> (64 - kFilterBits) >> 6]);
  }

  struct Found {
    std::array<uint64_t, kMaxFound> offsets{};  // in the base, in order of their indexing
    size_t count = 0;
  };
  Found find(uint64_t key) const;

  static constexpr size_t kKeyBytes = 16;

  // The key of the kKeySigns elements of `width` bytes from `first` on, whose signs are
  // `signs`: the signs if they vary, else a digest.
  static uint64_t key_of(uint32_t signs, const uint8_t* first, size_t width) {
    return vary(signs) ? uint64_t{signs} << 8 | width : digest_of(first);
  }

  // The key that stands for the first kKeyBytes bytes. 0 if these are but one element again
  // and again: such places are everywhere.
  static uint64_t digest_of(const uint8_t* first);

 private:
  static constexpr unsigned kFilterBits = 25;
  static constexpr unsigned kOffsetBits = 40;  // larger bases are indexed so far

  static uint64_t mix(uint64_t key) {
    key = (key ^ key >> 32) * 0x9E3779B97F4A7C15ull;
    key = (key ^ key >> 29) * 0xBF58476D1CE4E5B9ull;
    return key ^ key >> 32;
  }

  // Whether there are more than three of both signs.
  static bool vary(uint32_t signs) {
    const auto drop_one = [](uint32_t bits) { return bits & (bits - 1); };
    return drop_one(drop_one(drop_one(signs))) != 0 &&
           drop_one(drop_one(drop_one(~signs))) != 0;
  }

  std::vector<Signs> readings_of(const Range& range) const;
  void add_places(const Range& range, const Signs& signs, uint64_t row_bytes,
                  uint64_t stride);
  void add(uint64_t offset, const Signs& signs);
  void add(uint64_t key, uint64_t offset);

  const Model& base_;
  unsigned slot_bits_;
  std::vector<uint64_t> filter_;  // bits: keys that there are, and some others
  std::vector<uint64_t> slots_;   // 1 + offset, above it the rest of the mixed key; 0: none
};

}  // namespace mallorn::delta
