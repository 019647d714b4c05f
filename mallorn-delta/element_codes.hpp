// A few bits of each element that an update hardly changes, and that tell it from others.
#pragma once

#include <vector>

#include "libcommon/core/value_type.hpp"
#include "mallorn-delta/signs.hpp"

namespace mallorn::delta {

// One bit is a sign. Several say in which of as many parts of the numbers of the tensor an
// element lies, which have about as many elements each; of parts beside each other they
// differ in one bit.
class ElementCodes {
 public:
  // Looks at a bounded sample of `elements`, which are the tensor's. One bit if there are
  // no numbers, whatever `bits` says, else 1 to 4.
  ElementCodes(Dtype dtype, ByteView elements, unsigned bits);

  unsigned bits() const { return bits_; }

  // Of a block of several elements every byte has a bit that tells nearly as much as a
  // sign: which is taken, `salt` says.
  uint64_t at(const uint8_t* element, size_t salt) const;

 private:
  uint64_t code_of(const uint8_t* element) const;

  Signs signs_;
  size_t width_;
  ValueType type_{};
  unsigned bits_;
  std::vector<int64_t> bounds_;  // where parts begin, but for the first
  std::vector<uint8_t> codes_;   // of all elements of one byte
};

}  // namespace mallorn::delta
