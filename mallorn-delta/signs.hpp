// The signs of elements: what fine-tuning changes least, and one bit each. They tell which
// elements of the result continue which of the base, whatever has happened around them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn::delta {

// Bytes per sign: those of an element, whose last byte has it in its highest bit; one for
// blocks of several elements, of which every byte has a bit that tells nearly as much.
inline size_t sign_width(Dtype dtype) {
  const DtypeLayout& layout = dtype_layout(dtype);
  return layout.block_elements == 1 ? std::max<size_t>(layout.block_bytes, 1) : 1;
}

// How the signs of a tensor are read. Where nearly all elements have the same one, they
// tell nothing: on which side of a number amid the elements each is takes their place.
class Signs {
 public:
  // Of elements of `width` bytes, of which nothing is known.
  explicit Signs(size_t width) : width_(width) {}

  // Of these elements, of which a bounded sample is looked at. The number is a round one,
  // so that tensors which resemble each other have the same mostly.
  Signs(Dtype dtype, ByteView elements);

  size_t width() const { return width_; }
  bool is_centred() const { return centre_ != kNoCentre; }

  uint32_t at(const uint8_t* element) const {
    return is_centred() ? number_at(element) > centre_ : element[width_ - 1] >> 7;
  }

  // Whether two elements of the same sign are of about the same size, too.
  bool are_near(const uint8_t* a, const uint8_t* b) const {
    if (!is_centred()) return a[width_ - 1] == b[width_ - 1];
    const uint64_t difference = number_at(a) - number_at(b);
    return std::min(difference, uint64_t{0} - difference) <= near_;
  }

 private:
  static constexpr uint64_t kNoCentre = UINT64_MAX;

  void set_centre(const std::vector<uint64_t>& numbers);

  // Of elements of the same sign, floats or integers, larger ones are farther from zero, or
  // all are nearer.
  uint64_t number_at(const uint8_t* element) const {
    switch (width_) {
      case 1:
        return *element;
      case 2:
        return load_le<uint16_t>(element);
      case 4:
        return load_le<uint32_t>(element);
      case 8:
        return load_le<uint64_t>(element);
      default:
        return element[width_ - 1];
    }
  }

  size_t width_;
  uint64_t centre_ = kNoCentre;
  uint64_t near_ = 0;
};

// So many signs make a key: few enough that most keys outlast an update, enough that no two
// places of a model of ordinary size have the same by chance.
constexpr size_t kKeySigns = 32;

// Appends a sign to a key, which forgets its oldest.
inline uint32_t push_sign(uint32_t key, uint32_t sign) { return key << 1 | sign; }

// The key of the kKeySigns elements from `first` on.
inline uint32_t sign_key(const Signs& signs, const uint8_t* first) {
  uint32_t key = 0;
  for (size_t i = 0; i < kKeySigns; ++i) {
    key = push_sign(key, signs.at(first + i * signs.width()));
  }
  return key;
}

// Whether a sample of signs agrees, everywhere along two equally long ranges of elements,
// by more than chance: false for a tensor of which some rows are from elsewhere.
bool agree_throughout(Dtype dtype, ByteView base, ByteView result);

}  // namespace mallorn::delta
