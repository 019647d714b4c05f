// A LiteDecoder for updates that are smaller than any real patch: copy_decoder.hpp says of
// what. What it knows between two bytes is in pending_.
#include "firmware/sim/copy_decoder.hpp"

#include "mallorn-apply/core/lite_decoder.hpp"

namespace mallorn::apply {

using firmware::sim::kCopyBack;
using firmware::sim::kCopyRestart;

void LiteDecoder::begin(uint32_t result_offset) {
  result_offset_ = segment_end_ = result_offset;
  status_ = Status::ok;
  pending_bytes_ = 0;
}

uint32_t LiteDecoder::resume(uint32_t result_offset) {
  result_offset_ = result_offset;
  return result_offset <= lengths.result_bytes ? 1 : 0;
}

LiteStep LiteDecoder::step() {
  while (status_ == Status::ok) {
    if (result_offset_ == lengths.result_bytes) return LiteStep::done;
    if (page.next == page.end) return LiteStep::page_full;
    if (input.next == input.end) return LiteStep::want_input;
    if (is_at_restart()) pending_ = 0;
    make_element();
  }
  return LiteStep::failed;
}

// The next byte.
void LiteDecoder::make_element() {
  const uint32_t position = result_offset_;
  uint8_t byte = *input.next++ ^ static_cast<uint8_t>(pending_);
  const auto add = [&](uint32_t from) {
    uint8_t other = 0;
    if (files.read(files.context, from, &other, 1) != 0) status_ = Status::io;
    byte ^= other;
  };
  const uint32_t first = firmware::sim::first_left(
      position, in_place_log2(lengths.features), in_place_lag(lengths.features));
  if (position < lengths.base_bytes) add(position);
  if (first < lengths.base_bytes) add(first);
  if (position >= kCopyBack) add(kLiteOwn + position - kCopyBack);
  if (status_ != Status::ok) return;
  pending_ = firmware::sim::next_roll(pending_, byte);
  *page.next++ = byte;
  ++result_offset_;
  if (result_offset_ % kCopyRestart == 0) segment_end_ = result_offset_;
}

}  // namespace mallorn::apply
