#include "mallorn-apply/core/lite_decoder.hpp"

#include "libcommon/core/anchor.hpp"

namespace mallorn::apply {
namespace {

constexpr LiteHead kNoHead;  // a decoder wants none

static_assert(__is_trivially_copyable(LiteDecoder), "it is kept as the bytes that it is");

}  // namespace

void LiteDecoder::begin(uint32_t result_offset) {
  result_offset_ = segment_end_ = result_offset;
  pending_bytes_ = 0;
  window_bytes_ = 0;
  status_ = Status::ok;
  // One of them has a higher bit if all together have.
  if ((lengths.base_bytes | lengths.result_bytes | input.unread) >= kMaxLiteBytes) {
    status_ = Status::limit_exceeded;
  }
  if (result_offset > lengths.result_bytes) status_ = Status::malformed;
}

// Everything that is an index, a length or a place, or must not be 0, is what it can be.
// Models, and what has been learned of residuals, may be anything; before a segment begins,
// all that it sets may be.
uint32_t LiteDecoder::resume(uint32_t result_offset) {
  const uint32_t segment_end = segment_end_;
  const uint8_t pending_bytes = pending_bytes_;
  begin(result_offset);
  segment_end_ = segment_end;
  pending_bytes_ = pending_bytes;
  const uint32_t position = result_offset + pending_bytes;
  if (position > segment_end || segment_end > lengths.result_bytes ||
      status_ != Status::ok) {
    return 0;
  }
  if (result_offset == segment_end) return 1;  // a restart point
  if (range_ < 1u << 24 || state.last_number > 2) return 0;
  return state.head.elements == 0 ? 1 : is_sound_step(position);
}

LiteStep LiteDecoder::step() {
  while (status_ == Status::ok) {
    flush();
    if (result_offset_ == lengths.result_bytes) return end();
    if (page.next == page.end) return LiteStep::page_full;
    if (input.unread != 0 && input.size() < kLiteInputBytes) return LiteStep::want_input;
    go_on();
  }
  return LiteStep::failed;
}

// Nothing may be left of the body. That of an empty result has one byte all the same.
LiteStep LiteDecoder::end() {
  if (input.left() == (lengths.result_bytes == 0 ? 1 : 0)) return LiteStep::done;
  status_ = Status::corrupt_data;
  return LiteStep::failed;
}

void LiteDecoder::go_on() {
  if (result_offset_ == segment_end_) return begin_segment();
  if (state.head.elements == 0) return begin_step();
  if (state.head.kind == LiteKind::copy && state.head.is_own == 0) {
    make_copies();
  } else {
    make_element();
  }
}

// Everything that adapts begins anew.
void LiteDecoder::begin_segment() {
  start_lite_models(models_.data(), 0);
  state = {};
  // A range of 1 wants the three bytes that code begins with, and becomes 2^24.
  range_ = 1;
  code_ = 0;
  const uint32_t restart_log2 = read_raw(1 + kLiteRestartBits);
  const uint32_t end = ((result_offset_ >> restart_log2) + 1) << restart_log2;
  segment_end_ = end < lengths.result_bytes ? end : lengths.result_bytes;
}

void LiteDecoder::begin_step() {
  code_lite_head(*this, result_offset_, kNoHead);
  if (!is_sound_step(result_offset_)) {
    status_ = Status::corrupt_data;
    return;
  }
  prepare_lite_step(models_.data(), state);
  column_ = 0;
}

// Whether the step, or what is left of it, makes bytes of the segment from bytes that are
// there; `position` is where its next element begins.
uint32_t LiteDecoder::is_sound_step(uint32_t position) {
  const LiteHead& head = state.head;
  if (!is_lite_head(head)) return false;
  const uint32_t size_log2 = lite_element_log2(head);
  size_log2_ = static_cast<uint8_t>(size_log2);
  // None are too many, too.
  if (head.elements - 1 >= (segment_end_ - position) >> size_log2) return false;
  if (!has_lite_source(head.kind)) return true;
  if (head.is_own != 0) {  // each element must have been made when it is read
    return head.source < position ? (position - head.source) >> size_log2 : 0;
  }
  const uint32_t length = head.elements << size_log2;
  const uint32_t stop = head.source + length;
  state.base_stop = stop;
  if (stop < length || stop > lengths.base_bytes) return false;
  if (!kHasOneSlot) return true;
  const uint32_t log2 = in_place_log2(lengths.features);
  const uint32_t source = head.source + (in_place_lag(lengths.features) << log2);
  if (log2 == 0 || source >= position) return true;
  // It goes on as fast as the result does: so it must not come into another block.
  // Its source and its end are in the block that `position` is in.
  if (((source ^ position) | ((position + length - 1) ^ position)) >> log2 != 0) return 0;
  return 1;
}

void LiteDecoder::make_copies() {
  auto count = static_cast<uint32_t>(page.end - page.next);
  if (count > state.head.elements) count = state.head.elements;
  if (files.read(files.context, state.head.source, page.next, count) != 0) {
    status_ = Status::io;
  }
  page.next += count;
  result_offset_ += count;
  state.head.source += count;
  state.head.elements -= count;
}

void LiteDecoder::make_element() {
  const uint32_t size = 1u << size_log2_;
  if (state.head.columns != 0) {
    uint32_t column = column_;
    if (column == 0) {
      code_lite_gain(*this, 0);
      column = state.head.columns;
    }
    column_ = static_cast<uint16_t>(column - 1);
  }
  uint32_t from = 0;
  if (has_lite_source(state.head.kind)) {
    for (uint32_t i = 0; i < size; ++i) from |= uint32_t{source_byte()} << (8 * i);
  }
  pending_bytes_ = static_cast<uint8_t>(size);
  --state.head.elements;
  pending_ = code_lite_element(*this, from, 0, result_offset_);
}

// The bytes of the last element, as far as there is room for them.
void LiteDecoder::flush() {
  while (pending_bytes_ > 0 && page.next != page.end) {
    --pending_bytes_;
    ++result_offset_;
    const auto byte = static_cast<uint8_t>(pending_);
    pending_ >>= 8;
    *page.next++ = byte;
  }
}

// The next byte of the source: of the base, or of what has been made of the result. That is
// in the page, or has been taken.
uint8_t LiteDecoder::source_byte() {
  uint32_t from = state.head.source++;
  uint32_t end = lengths.base_bytes;
  if (state.head.is_own != 0) {
    const uint32_t back = result_offset_ - from;
    if (back <= page.used()) return *(page.next - back);
    from += kLiteOwn;
    end = kLiteOwn + result_offset_ - page.used();
  }
  if (from - window_begin_ >= window_bytes_) {
    window_begin_ = from & ~(kWindowBytes - 1);
    const uint32_t left = end - window_begin_;
    window_bytes_ = static_cast<uint8_t>(left < kWindowBytes ? left : kWindowBytes);
    // Whatever is there if that fails is the last that is read.
    if (files.read(files.context, window_begin_, window_.data(), window_bytes_) != 0) {
      status_ = Status::io;
    }
  }
  return window_[from - window_begin_];
}

uint32_t LiteDecoder::read_bit(uint32_t model) {
  LiteBit& at = *anchor(&models_[model]);
  const uint32_t bound = (range_ >> 16) * at.probability();
  const uint32_t bit = code_ < bound ? 1 : 0;
  if (bit != 0) {
    range_ = bound;
  } else {
    range_ -= bound;
    code_ -= bound;
  }
  if (model != LitePlaces::kRaw) at.update(bit);
  while (range_ >> 24 == 0) {
    range_ <<= 8;
    uint32_t code = code_ << 8;
    if (input.next != input.end) code |= *input.next++;
    code_ = code;
  }
  return bit;
}

uint32_t LiteDecoder::read_raw(uint32_t count) {
  uint32_t bits = 0;
  for (; count > 0; --count) bits = 2 * bits + read_bit(LitePlaces::kRaw);
  return bits;
}

}  // namespace mallorn::apply
