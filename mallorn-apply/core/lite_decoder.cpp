#include "mallorn-apply/core/lite_decoder.hpp"

#include <cstring>

namespace mallorn::apply {
namespace {

constexpr LiteHead kNoHead;     // a decoder wants none
constexpr uint32_t kNever = 0;  // a probability: reads what the range wants

static_assert(__is_trivially_copyable(LiteDecoder), "it is kept as the bytes that it is");

}  // namespace

void LiteDecoder::begin(const LiteFiles& files, const LiteLengths& lengths,
                        const LitePlace& place) {
  files_ = files;
  lengths_ = lengths;
  place_ = place;
  pending_bytes_ = 0;
  window_bytes_ = 0;
  phase_ = Phase::restart;
  status_ = Status::ok;
  // One of them has a higher bit if all together have.
  if ((lengths.base_bytes | lengths.result_bytes | lengths.body_bytes) >= kMaxLiteBytes) {
    status_ = Status::limit_exceeded;
  }
  if (place.result_offset > lengths.result_bytes ||
      place.body_offset > lengths.body_bytes) {
    status_ = Status::malformed;
  }
}

// Costs less where it is not inlined.
[[gnu::noinline]] bool LiteDecoder::is_at_restart() const {
  return phase_ == Phase::restart && pending_bytes_ == 0;
}

// Everything that is an index, a length or a place, or must not be 0, is what it can be.
// Models, and what has been learned of residuals, may be anything; before a segment begins,
// all that it sets may be.
bool LiteDecoder::resume(const LiteFiles& files, const LiteLengths& lengths,
                         const LitePlace& place) {
  const Phase phase = phase_;
  const uint8_t pending_bytes = pending_bytes_;
  begin(files, lengths, place);
  phase_ = phase;
  pending_bytes_ = pending_bytes;
  if (phase > Phase::elements || status_ != Status::ok) return false;
  if (is_at_restart()) return true;
  const uint32_t position = place_.result_offset + pending_bytes;
  if (range_ < 1u << 24 || position > segment_end_ || segment_end_ > lengths.result_bytes ||
      state.last_number > 2) {
    return false;
  }
  return phase != Phase::elements || is_sound_step(position);
}

LiteStep LiteDecoder::step(LiteInput* input, LitePage* page) {
  page_ = page;
  while (status_ == Status::ok) {
    flush();
    if (place_.result_offset == lengths_.result_bytes) return end();
    if (page->used == page->size) return LiteStep::page_full;
    const uint32_t left = lengths_.body_bytes - place_.body_offset;
    const uint32_t there = input->size - input->used;
    const uint32_t usable = there < left ? there : left;
    if (usable < left && usable < kLiteInputBytes) return LiteStep::want_input;
    const uint8_t* const begin = input->data + input->used;
    next_ = begin;
    end_ = begin + usable;
    go_on();
    const auto used = static_cast<uint32_t>(next_ - begin);
    input->used += used;
    place_.body_offset += used;
  }
  return LiteStep::failed;
}

// Nothing may be left of the body. That of an empty result has one byte all the same.
LiteStep LiteDecoder::end() {
  const uint32_t used = lengths_.result_bytes == 0 ? 1 : place_.body_offset;
  if (used == lengths_.body_bytes) return LiteStep::done;
  status_ = Status::corrupt_data;
  return LiteStep::failed;
}

void LiteDecoder::go_on() {
  if (phase_ == Phase::restart) return begin_segment();
  if (phase_ == Phase::head) return begin_step();
  if (state.head.kind == LiteKind::copy && state.head.is_own == 0) {
    make_copies();
  } else {
    make_element();
  }
  if (state.head.elements == 0) {
    phase_ = place_.result_offset + pending_bytes_ == segment_end_ ? Phase::restart
                                                                   : Phase::head;
  }
}

// By a model of its own: a second function for bits would cost stack.
uint32_t LiteDecoder::read_fixed(uint32_t probability) {
  models_[kFixed].state = static_cast<uint16_t>(probability);
  return read_bit(kFixed);
}

// Everything that adapts begins anew.
void LiteDecoder::begin_segment() {
  // A range of 1 wants the three bytes that code begins with, and becomes 2^24.
  range_ = 1;
  code_ = 0;
  read_fixed(kNever);
  start_lite_models(models_.data(), 0);
  state = {};
  const uint32_t restart_log2 = read_raw(kLiteRestartBits);
  const uint32_t end = ((place_.result_offset >> restart_log2) + 1) << restart_log2;
  segment_end_ = end < lengths_.result_bytes ? end : lengths_.result_bytes;
  phase_ = Phase::head;
}

void LiteDecoder::begin_step() {
  const uint32_t position = place_.result_offset;
  code_lite_head(*this, position, kNoHead);
  if (!is_sound_step(position)) {
    status_ = Status::corrupt_data;
    return;
  }
  prepare_lite_step(models_.data(), state);
  column_ = 0;
  phase_ = Phase::elements;
}

// Whether the step, or what is left of it, makes bytes of the segment from bytes that are
// there; `position` is where its next element begins.
bool LiteDecoder::is_sound_step(uint32_t position) {
  const LiteHead& head = state.head;
  if (!is_lite_head(head)) return false;
  const uint32_t size_log2 = lite_element_log2(head);
  size_log2_ = static_cast<uint8_t>(size_log2);
  if (head.elements == 0 || head.elements > (segment_end_ - position) >> size_log2) {
    return false;
  }
  if (!has_lite_source(head.kind)) return true;
  if (head.is_own != 0) {  // each element must have been made when it is read
    return head.source < position && position - head.source >= 1u << size_log2;
  }
  const uint32_t length = head.elements << size_log2;
  state.base_stop = head.source + length;
  if (head.source > lengths_.base_bytes || length > lengths_.base_bytes - head.source) {
    return false;
  }
  if (!kHasOneSlot) return true;
  const uint32_t log2 = in_place_log2(lengths_.features);
  const uint32_t source = head.source + (in_place_lag(lengths_.features) << log2);
  if (log2 == 0 || source >= position) return true;
  // It goes on as fast as the result does: so it must not come into another block.
  const uint32_t block = position >> log2;
  return source >> log2 == block && (position + length - 1) >> log2 == block;
}

void LiteDecoder::make_copies() {
  uint32_t count = page_->size - page_->used;
  if (count > state.head.elements) count = state.head.elements;
  if (!files_.read(files_.context, state.head.source, page_->data + page_->used, count)) {
    status_ = Status::io;
  }
  page_->used += count;
  place_.result_offset += count;
  state.head.source += count;
  state.head.elements -= count;
}

void LiteDecoder::make_element() {
  const uint32_t size = 1u << size_log2_;
  if (state.head.columns != 0 && column_ == 0) {
    code_lite_gain(*this, 0);
    column_ = state.head.columns;
  }
  --column_;
  uint32_t from = 0;
  for (uint32_t i = 0; i < size && has_lite_source(state.head.kind); ++i) {
    from |= uint32_t{source_byte()} << (8 * i);
  }
  pending_ = code_lite_element(*this, from, 0, place_.result_offset);
  pending_bytes_ = static_cast<uint8_t>(size);
  --state.head.elements;
}

// The bytes of the last element, as far as there is room for them.
void LiteDecoder::flush() {
  for (; pending_bytes_ > 0 && page_->used < page_->size; --pending_bytes_) {
    page_->data[page_->used++] = static_cast<uint8_t>(pending_);
    pending_ >>= 8;
    ++place_.result_offset;
  }
}

// The next byte of the source: of the base, or of what has been made of the result. That is
// in the page, or has been taken.
uint8_t LiteDecoder::source_byte() {
  const uint32_t offset = state.head.source++;
  uint32_t from = offset;
  uint32_t end = lengths_.base_bytes;
  if (state.head.is_own != 0) {
    end = place_.result_offset - page_->used;
    if (offset >= end) return page_->data[offset - end];
    from += kLiteOwn;
  }
  if (from - window_begin_ >= window_bytes_) {
    window_begin_ = from & ~(kWindowBytes - 1);
    const uint32_t left = end - offset + (from - window_begin_);
    window_bytes_ = static_cast<uint8_t>(left < kWindowBytes ? left : kWindowBytes);
    if (!files_.read(files_.context, window_begin_, window_.data(), window_bytes_)) {
      window_bytes_ = 0;
      status_ = Status::io;
      return 0;
    }
  }
  return window_[from - window_begin_];
}

uint32_t LiteDecoder::read_bit(uint32_t model) {
  LiteBit& at = models_[model];
  const uint32_t bound = (range_ >> 16) * at.probability();
  const uint32_t bit = code_ < bound ? 1 : 0;
  if (bit != 0) {
    range_ = bound;
  } else {
    range_ -= bound;
    code_ -= bound;
  }
  at.update(bit);
  for (; range_ < 1u << 24; range_ <<= 8) {
    code_ <<= 8;
    if (next_ != end_) code_ |= *next_++;
  }
  return bit;
}

uint32_t LiteDecoder::read_raw(uint32_t count) {
  uint32_t bits = 0;
  for (; count > 0; --count) bits = 2 * bits + read_fixed(LiteBit::kHalf);
  return bits;
}

}  // namespace mallorn::apply
