#include "mallorn-delta/seed_keys.hpp"

#include <algorithm>

namespace mallorn::delta {

void SeedKeys::go_to(uint64_t at) {
  seed_count_ = 0;
  key_ = 0;
  next_ = next_sign_ = at;
  const uint64_t end = at + (kKeySigns - 1) * width_;
  if (end > bytes_.size()) return;
  for (; next_sign_ < end; next_sign_ += width_) {
    key_ = push_sign(key_, signs_.at(bytes_.data() + next_sign_));
  }
}

// Equal bytes are a seed of their own where those of the base may have been read otherwise.
bool SeedKeys::next() {
  const uint64_t key_bytes = std::max(kKeySigns * width_, AnchorIndex::kKeyBytes);
  seed_count_ = 0;
  const uint64_t left = bytes_.size() - next_;
  if (left < key_bytes) return false;
  const size_t most = seeds_.size() / (signs_.is_centred() ? 2 : 1);
  const size_t count = std::min<size_t>(most, (left - key_bytes) / width_ + 1);
  for (size_t i = 0; i < count; ++i, next_ += width_, next_sign_ += width_) {
    const uint8_t* const element = bytes_.data() + next_;
    key_ = push_sign(key_, signs_.at(bytes_.data() + next_sign_));
    add(AnchorIndex::key_of(key_, element, width_));
    if (signs_.is_centred()) add(AnchorIndex::digest_of(element));
  }
  return true;
}

void SeedKeys::add(uint64_t key) {
  seeds_[seed_count_++] = {key, next_};
  index_.prefetch(key);
}

}  // namespace mallorn::delta
