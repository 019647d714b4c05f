// The signs of elements: what fine-tuning changes least, and one bit each. They tell which
// elements of the result continue which of the base, whatever has happened around them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn::delta {

// Bytes per sign: those of an element, whose last byte has it in its highest bit; one for
// blocks of several elements, of which every byte has a bit that tells nearly as much.
inline size_t sign_width(Dtype dtype) {
  const DtypeLayout& layout = dtype_layout(dtype);
  return layout.block_elements == 1 ? std::max<size_t>(layout.block_bytes, 1) : 1;
}

inline uint32_t sign_at(const uint8_t* element, size_t width) {
  return element[width - 1] >> 7;
}

// So many signs make a key: few enough that most keys outlast an update, enough that no two
// places of a model of ordinary size have the same by chance.
constexpr size_t kKeySigns = 32;

// Appends a sign to a key, which forgets its oldest.
inline uint32_t push_sign(uint32_t key, uint32_t sign) { return key << 1 | sign; }

// The key of the kKeySigns elements from `first` on.
inline uint32_t sign_key(const uint8_t* first, size_t width) {
  uint32_t key = 0;
  for (size_t i = 0; i < kKeySigns; ++i) {
    key = push_sign(key, sign_at(first + i * width, width));
  }
  return key;
}

}  // namespace mallorn::delta
