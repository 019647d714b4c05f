#include "mallorn-apply/core/lite_decoder.hpp"

#include <cstring>

namespace mallorn::apply {
namespace {

constexpr uint32_t kMaxElements = 32;  // of a call

}  // namespace

void LiteDecoder::begin(const LiteFiles& files, const LiteLengths& lengths,
                        LitePlace place) {
  files_ = files;
  lengths_ = lengths;
  place_ = place;
  pending_bytes_ = 0;
  window_bytes_ = 0;
  phase_ = Phase::restart;
  status_ = Status::ok;
  const bool is_small = lengths.base_bytes < kMaxLiteBytes &&
                        lengths.result_bytes < kMaxLiteBytes &&
                        lengths.body_bytes < kMaxLiteBytes;
  if (!is_small) status_ = Status::limit_exceeded;
  if (place.result_offset > lengths.result_bytes ||
      place.body_offset > lengths.body_bytes) {
    status_ = Status::malformed;
  }
}

LiteStep LiteDecoder::fail(Status status) {
  status_ = status;
  return LiteStep::failed;
}

LiteStep LiteDecoder::step(LiteInput* input, LitePage* page) {
  if (status_ != Status::ok) return LiteStep::failed;
  flush(page);
  if (page->used == page->size && place_.result_offset != lengths_.result_bytes) {
    return LiteStep::page_full;
  }
  if (place_.result_offset == lengths_.result_bytes) return end();
  const uint32_t left = lengths_.body_bytes - place_.body_offset;
  const uint32_t there = input->size - input->used;
  const uint32_t usable = there < left ? there : left;
  if (usable < left && usable < kLiteInputBytes) return LiteStep::want_input;
  const uint8_t* begin = input->data + input->used;
  range_.feed(begin, begin + usable);
  is_all_there_ = usable == left;
  const Status status = phase_ == Phase::restart ? begin_segment()
                        : phase_ == Phase::head  ? begin_step()
                                                 : make_elements(page);
  const auto used = static_cast<uint32_t>(range_.next() - begin);
  input->used += used;
  place_.body_offset += used;
  return status == Status::ok ? LiteStep::more : fail(status);
}

// Nothing may be left of the body. That of an empty result has one byte all the same.
LiteStep LiteDecoder::end() {
  const uint32_t used = lengths_.result_bytes == 0 ? 1 : place_.body_offset;
  return used == lengths_.body_bytes ? LiteStep::done : fail(Status::corrupt_data);
}

// Everything that adapts begins anew.
Status LiteDecoder::begin_segment() {
  const uint32_t restart_log2 = range_.byte();
  if (restart_log2 >= kMaxLiteBytesLog2) return Status::corrupt_data;
  segment_end_ = lengths_.result_bytes;
  if (restart_log2 != 0) {
    const uint32_t restart_bytes = 1u << restart_log2;
    const uint32_t end = (place_.result_offset & ~(restart_bytes - 1)) + restart_bytes;
    if (end < segment_end_) segment_end_ = end;
  }
  range_.begin();
  start_lite_models(range_.models(), 0);
  state_ = {};
  phase_ = Phase::head;
  return Status::ok;
}

Status LiteDecoder::begin_step() {
  const uint32_t position = place_.result_offset;
  code_lite_head(range_, state_, position, LiteHead{});
  const LiteHead& head = state_.head;
  if (!is_lite_head(head)) return Status::corrupt_data;
  const uint32_t size_log2 = lite_element_log2(head);
  if (head.elements == 0 || head.elements > (segment_end_ - position) >> size_log2) {
    return Status::corrupt_data;
  }
  const uint32_t length = head.elements << size_log2;
  if (has_lite_source(head.kind) && !head.is_own) {
    if (head.source > lengths_.base_bytes || length > lengths_.base_bytes - head.source) {
      return Status::corrupt_data;
    }
    state_.base_stop = head.source + length;
  }
  // Of the result, each element must have been made when it is read.
  if (has_lite_source(head.kind) && head.is_own &&
      (head.source >= position || position - head.source < 1u << size_log2)) {
    return Status::corrupt_data;
  }
  prepare_lite_step(range_.models(), state_);
  column_ = 0;
  phase_ = Phase::elements;
  return Status::ok;
}

Status LiteDecoder::make_elements(LitePage* page) {
  if (state_.head.kind == LiteKind::copy && !state_.head.is_own) {
    make_copies(page);
  } else {
    for (uint32_t i = 0; i < kMaxElements && state_.head.elements > 0; ++i) {
      if (page->used == page->size || pending_bytes_ != 0) break;
      if (range_.left() < kLiteInputBytes && !is_all_there_) break;
      make_element(page);
    }
  }
  if (status_ != Status::ok) return status_;
  if (state_.head.elements == 0) {
    phase_ = place_.result_offset + pending_bytes_ == segment_end_ ? Phase::restart
                                                                   : Phase::head;
  }
  return Status::ok;
}

void LiteDecoder::make_copies(LitePage* page) {
  uint32_t count = page->size - page->used;
  if (count > state_.head.elements) count = state_.head.elements;
  if (count > kMaxStepBytes) count = kMaxStepBytes;
  if (!files_.read_base(files_.context, state_.head.source, page->data + page->used,
                        count)) {
    status_ = Status::io;
  }
  page->used += count;
  place_.result_offset += count;
  state_.head.source += count;
  state_.head.elements -= count;
}

void LiteDecoder::make_element(LitePage* page) {
  const uint32_t size = 1u << lite_element_log2(state_.head);
  if (state_.head.columns != 0 && column_ == 0) {
    code_lite_gain(range_, state_.gains, 0);
    column_ = state_.head.columns;
  }
  --column_;
  uint32_t from = 0;
  for (uint32_t i = 0; i < size && has_lite_source(state_.head.kind); ++i) {
    from |= uint32_t{source_byte(*page, state_.head.source++)} << (8 * i);
  }
  pending_ = code_lite_element(range_, state_, from, 0, place_.result_offset);
  pending_bytes_ = static_cast<uint8_t>(size);
  --state_.head.elements;
  flush(page);
}

// The bytes of the last element, as far as there is room for them.
void LiteDecoder::flush(LitePage* page) {
  for (; pending_bytes_ > 0 && page->used < page->size; --pending_bytes_) {
    page->data[page->used++] = static_cast<uint8_t>(pending_);
    pending_ >>= 8;
    ++place_.result_offset;
  }
}

// A byte of the base, or of what has been made of the result: that is in the page, or has
// been taken.
uint8_t LiteDecoder::source_byte(const LitePage& page, uint32_t offset) {
  uint32_t end = lengths_.base_bytes;
  if (state_.head.is_own) {
    end = place_.result_offset - page.used;
    if (offset >= end) return page.data[offset - end];
  }
  if (state_.head.is_own != is_window_own_ || offset - window_begin_ >= window_bytes_) {
    const uint32_t left = end - offset;
    is_window_own_ = state_.head.is_own;
    window_begin_ = offset;
    window_bytes_ = static_cast<uint8_t>(left < kWindowBytes ? left : kWindowBytes);
    const LiteRead read = state_.head.is_own ? files_.read_result : files_.read_base;
    if (!read(files_.context, offset, window_.data(), window_bytes_)) {
      window_bytes_ = 0;
      status_ = Status::io;
      return 0;
    }
  }
  return window_[offset - window_begin_];
}

}  // namespace mallorn::apply
