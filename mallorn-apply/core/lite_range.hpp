// Reads bits under the models of profile `lite`: the range coder of
// docs/format/structure.md, without division. A coder as libcommon/core/lite_model.hpp
// wants it.
#pragma once

#include <cstdint>

#include "libcommon/core/lite_model.hpp"

namespace mallorn::apply {

class LiteRange {
 public:
  // What follows are the bytes of [next, end), then zeros.
  void feed(const uint8_t* next, const uint8_t* end) {
    next_ = next;
    end_ = end;
  }
  const uint8_t* next() const { return next_; }
  uint32_t left() const { return static_cast<uint32_t>(end_ - next_); }

  uint8_t byte() { return next_ == end_ ? uint8_t{0} : *next_++; }
  void begin();

  uint32_t bit(uint32_t model, uint32_t /*wanted*/) { return read_bit(model); }
  uint32_t raw(uint32_t /*wanted*/, uint32_t count) { return read_raw(count); }
  LiteBit* models() { return models_.data(); }

 private:
  uint32_t read_bit(uint32_t model);
  uint32_t read_raw(uint32_t count);
  void normalize();

  uint32_t range_ = 0;
  uint32_t code_ = 0;
  const uint8_t* next_ = nullptr;
  const uint8_t* end_ = nullptr;
  LiteBits models_;
};

}  // namespace mallorn::apply
