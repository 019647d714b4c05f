// Any bytes as a body of profile lite: the same outcome whole and in tiny pieces, between
// which the decoder is kept as bytes and brought back, and no read beyond base or result,
// nor, in place, too far before the block being made. Input: length of the result (u16; its
// highest four bits: the logarithm of blocks in place), of the base (u16; its highest four
// bits: the lag, in blocks), the base, the body.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "libcommon/core/patch_format.hpp"
#include "mallorn-apply/core/lite_decoder.hpp"

namespace {

using namespace mallorn;
using apply::LiteStep;

struct Run {
  ByteView base;
  uint32_t features = 0;
  std::vector<uint8_t> result;
  const apply::LiteDecoder* decoder = nullptr;
  Status status = Status::ok;
};

int read(ByteView file, uint32_t offset, uint8_t* to, uint32_t length) {
  if (!range_fits(offset, length, file.size())) std::abort();
  memcpy(to, file.data() + offset, length);
  return 0;
}
int read_file(void* run, uint32_t from, uint8_t* to, uint32_t length) {
  const auto& at = *static_cast<const Run*>(run);
  if (from >= apply::kLiteOwn) return read(at.result, from - apply::kLiteOwn, to, length);
  const uint32_t log2 = in_place_log2(at.features);
  const uint32_t lag = in_place_lag(at.features);
  const uint32_t made = at.decoder->result_offset();
  if (log2 != 0 && (from >> log2) + lag < made >> log2) std::abort();
  return read(at.base, from, to, length);
}

// Goes on with a copy that has nothing but the bytes.
void keep(apply::LiteDecoder& decoder) {
  const apply::LiteDecoder before = decoder;
  std::vector<uint8_t> kept(sizeof decoder);
  memcpy(kept.data(), &decoder, kept.size());
  memset(static_cast<void*>(&decoder), 0xFF, kept.size());
  memcpy(static_cast<void*>(&decoder), kept.data(), kept.size());
  decoder.input = before.input;
  decoder.page = before.page;
  decoder.lengths = before.lengths;
  decoder.files = before.files;
  if (!decoder.resume(before.result_offset())) std::abort();
}

Run decode(Run run, uint32_t length, ByteView body, uint32_t page_bytes, uint32_t piece) {
  std::vector<uint8_t> room(page_bytes);
  static apply::LiteDecoder decoder;
  // What begin() leaves alone is the same for each input, and no value of sense.
  memset(static_cast<void*>(&decoder), 0xFF, sizeof decoder);
  run.decoder = &decoder;
  decoder.input = {nullptr, nullptr, static_cast<uint32_t>(body.size())};
  decoder.page = {room.data(), room.data(), room.data() + page_bytes};
  decoder.lengths = {static_cast<uint32_t>(run.base.size()), length, run.features};
  decoder.files = {read_file, &run};
  decoder.begin(0);
  size_t begin = 0;
  size_t end = 0;
  for (LiteStep step = LiteStep::want_input;
       step != LiteStep::done && step != LiteStep::failed;) {
    // Copied, so that a read beyond it shows.
    const std::vector<uint8_t> window(body.begin() + static_cast<ptrdiff_t>(begin),
                                      body.begin() + static_cast<ptrdiff_t>(end));
    decoder.input = {window.data(), window.data() + window.size(),
                     static_cast<uint32_t>(body.size() - end)};
    step = decoder.step();
    begin = body.size() - decoder.input.left();
    if (step == LiteStep::want_input) {
      if (end == body.size()) std::abort();
      end = std::min<size_t>(body.size(), end + piece);
    }
    if (step == LiteStep::page_full || step == LiteStep::done) {
      run.result.insert(run.result.end(), room.begin(), room.begin() + decoder.page.used());
      decoder.page.next = decoder.page.begin;
      if (piece == 1) keep(decoder);
    }
  }
  run.status = decoder.status();
  return run;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader reader(ByteView(data, size));
  const uint32_t head = reader.u16();
  const uint32_t length = head % 4096u;
  const uint32_t base_head = reader.u16();
  const ByteView base = reader.bytes(base_head % 4096u);
  if (!reader.ok()) return 0;
  const ByteView body = reader.bytes(reader.remaining());
  // No header that a reader takes has smaller blocks.
  const uint32_t log2 = head / 4096u < kLeastInPlaceLog2 ? 0 : head / 4096u;
  const Run run{base, log2 == 0 ? 0 : in_place_features(log2, base_head / 4096u), {}};
  const Run whole = decode(run, length, body, 5000, 1u << 20);
  const Run cut = decode(run, length, body, 3, 1);
  if (whole.status != cut.status) std::abort();
  if (whole.status != Status::ok && whole.status != Status::corrupt_data) std::abort();
  if (whole.status == Status::ok &&
      (whole.result != cut.result || whole.result.size() != length)) {
    std::abort();
  }
  return 0;
}
