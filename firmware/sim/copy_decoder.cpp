// A LiteDecoder for updates that are smaller than any real patch: copy_decoder.hpp says of
// what. What it knows between two bytes is in pending_.
#include "firmware/sim/copy_decoder.hpp"

#include "mallorn-apply/core/lite_decoder.hpp"

namespace mallorn::apply {

using firmware::sim::kCopyBack;
using firmware::sim::kCopyRestart;

void LiteDecoder::begin(const LiteFiles& files, const LiteLengths& lengths,
                        const LitePlace& place) {
  files_ = files;
  lengths_ = lengths;
  place_ = place;
  status_ = Status::ok;
  pending_bytes_ = 0;
  phase_ = Phase::restart;
}

bool LiteDecoder::resume(const LiteFiles& files, const LiteLengths& lengths,
                         const LitePlace& place) {
  files_ = files;
  lengths_ = lengths;
  place_ = place;
  return place_.result_offset <= lengths.result_bytes;
}

bool LiteDecoder::is_at_restart() const { return phase_ == Phase::restart; }

LiteStep LiteDecoder::step(LiteInput* input, LitePage* page) {
  page_ = page;
  while (status_ == Status::ok) {
    if (place_.result_offset == lengths_.result_bytes) return LiteStep::done;
    if (page->used == page->size) return LiteStep::page_full;
    if (input->used == input->size) return LiteStep::want_input;
    pending_ = phase_ == Phase::restart ? 0 : pending_;
    next_ = input->data + input->used++;
    make_element();
  }
  return LiteStep::failed;
}

// The next byte.
void LiteDecoder::make_element() {
  const uint32_t position = place_.result_offset;
  uint8_t byte = *next_ ^ static_cast<uint8_t>(pending_);
  const auto add = [&](uint32_t from) {
    uint8_t other = 0;
    if (!files_.read(files_.context, from, &other, 1)) status_ = Status::io;
    byte ^= other;
  };
  const uint32_t first = firmware::sim::first_left(
      position, in_place_log2(lengths_.features), in_place_lag(lengths_.features));
  if (position < lengths_.base_bytes) add(position);
  if (first < lengths_.base_bytes) add(first);
  if (position >= kCopyBack) add(kLiteOwn + position - kCopyBack);
  if (status_ != Status::ok) return;
  pending_ = firmware::sim::next_roll(pending_, byte);
  page_->data[page_->used++] = byte;
  ++place_.result_offset;
  ++place_.body_offset;
  phase_ = place_.result_offset % kCopyRestart == 0 ? Phase::restart : Phase::elements;
}

}  // namespace mallorn::apply
