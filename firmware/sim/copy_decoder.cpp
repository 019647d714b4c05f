// A LiteDecoder for updates that are smaller than any real patch: the body is the result,
// xor the base where that has a byte. Each end of a page is a restart point.
#include "mallorn-apply/core/lite_decoder.hpp"

namespace mallorn::apply {

void LiteDecoder::begin(const LiteFiles& files, const LiteLengths& lengths,
                        LitePlace place) {
  files_ = files;
  lengths_ = lengths;
  place_ = place;
  status_ = Status::ok;
  pending_bytes_ = 0;
  phase_ = Phase::restart;
}

LiteStep LiteDecoder::step(LiteInput* input, LitePage* page) {
  if (place_.result_offset == lengths_.result_bytes) return LiteStep::done;
  if (page->used == page->size) {
    phase_ = Phase::restart;
    return LiteStep::page_full;
  }
  if (input->used == input->size) return LiteStep::want_input;
  uint8_t base = 0;
  if (place_.result_offset < lengths_.base_bytes &&
      !files_.read_base(files_.context, place_.result_offset, &base, 1)) {
    status_ = Status::io;
    return LiteStep::failed;
  }
  phase_ = Phase::elements;
  page->data[page->used++] = input->data[input->used++] ^ base;
  ++place_.result_offset;
  ++place_.body_offset;
  return LiteStep::more;
}

}  // namespace mallorn::apply
