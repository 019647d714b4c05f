#include "mallorn-delta/seed_keys.hpp"

#include <algorithm>

#include "mallorn-delta/signs.hpp"

namespace mallorn::delta {

void SeedKeys::go_to(uint64_t at) {
  count_ = 0;
  signs_ = 0;
  first_ = next_sign_ = at;
  const uint64_t end = at + (kKeySigns - 1) * width_;
  if (end > bytes_.size()) return;
  for (; next_sign_ < end; next_sign_ += width_) {
    signs_ = push_sign(signs_, sign_at(bytes_.data() + next_sign_, width_));
  }
}

bool SeedKeys::next() {
  const uint64_t key_bytes = std::max(kKeySigns * width_, AnchorIndex::kKeyBytes);
  first_ += count_ * width_;
  const uint64_t left = bytes_.size() - first_;
  if (left < key_bytes) return false;
  count_ = std::min<size_t>(keys_.size(), (left - key_bytes) / width_ + 1);
  const uint8_t* element = bytes_.data() + first_;
  const uint8_t* sign = bytes_.data() + next_sign_;
  for (size_t i = 0; i < count_; ++i, element += width_, sign += width_) {
    signs_ = push_sign(signs_, sign_at(sign, width_));
    keys_[i] = AnchorIndex::key_of(signs_, element, width_);
    index_.prefetch(keys_[i]);
  }
  next_sign_ += count_ * width_;
  return true;
}

}  // namespace mallorn::delta
