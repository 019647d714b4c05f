#include "mallorn-delta/element_codes.hpp"

#include "libcommon/core/edit_value.hpp"

namespace mallorn::delta {
namespace {

constexpr uint64_t kSampled = 1024;

}  // namespace

ElementCodes::ElementCodes(Dtype dtype, ByteView elements, unsigned bits)
    : signs_(dtype, elements),
      width_(dtype_layout(dtype).block_bytes),
      bits_(value_type(dtype, &type_) ? bits : 1) {
  if (bits_ == 1) return;
  const uint64_t count = elements.size() / width_;
  const uint64_t sampled = std::min(count, kSampled);
  std::vector<int64_t> orders;
  for (uint64_t i = 0; i < sampled; ++i) {
    const uint64_t at =
        count / sampled * i + (i * 0x9E3779B97F4A7C15 >> 24) % (count / sampled);
    orders.push_back(edit_order(type_, load_edit(type_, elements.data() + at * width_)));
  }
  std::ranges::sort(orders);
  const size_t parts = size_t{1} << bits_;
  for (size_t i = 1; i < parts && !orders.empty(); ++i)
    bounds_.push_back(orders[orders.size() * i / parts]);
  for (size_t byte = 0; width_ == 1 && byte < 256; ++byte) {
    const auto element = static_cast<uint8_t>(byte);
    codes_.push_back(static_cast<uint8_t>(code_of(&element)));
  }
}

uint64_t ElementCodes::at(const uint8_t* element, size_t salt) const {
  if (bits_ == 1) {
    const size_t at = signs_.width() == width_ ? 0 : (salt * 7 + 3) % width_;
    return signs_.at(element + at);
  }
  return codes_.empty() ? code_of(element) : codes_[*element];
}

uint64_t ElementCodes::code_of(const uint8_t* element) const {
  const int64_t order = edit_order(type_, load_edit(type_, element));
  const auto part =
      static_cast<uint64_t>(std::ranges::upper_bound(bounds_, order) - bounds_.begin());
  return part ^ part >> 1;
}

}  // namespace mallorn::delta
