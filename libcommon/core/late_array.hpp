// An array that begins block by block, when something in one is first asked for: to begin
// all of a large model would take longer than to decode a small section.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace mallorn {

template <typename T, size_t kCount, size_t kBlock>
class LateArray {
  static_assert(kCount % kBlock == 0);

 public:
  LateArray() {}  // the values are left as memory was

  T& operator[](size_t i) {
    const size_t block = i / kBlock;
    if ((begun_[block / 64] >> (block % 64) & 1) == 0) [[unlikely]]
      begin(block);
    return values_[i];
  }

 private:
  [[gnu::noinline]] void begin(size_t block) {
    begun_[block / 64] |= uint64_t{1} << (block % 64);
    for (size_t i = block * kBlock; i < (block + 1) * kBlock; ++i) new (&values_[i]) T();
  }

  std::array<uint64_t, (kCount / kBlock + 63) / 64> begun_{};  // by block, a bit
  union {
    std::array<T, kCount> values_;
  };
};

}  // namespace mallorn
