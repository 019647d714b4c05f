// Any bytes as a body of profile lite: the same outcome whole and in tiny pieces, and no
// read beyond base or result. Input: length of the result (u16), of the base (u16), the
// base, the body.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/core/lite_decoder.hpp"

namespace {

using namespace mallorn;
using apply::LiteStep;

struct Run {
  ByteView base;
  std::vector<uint8_t> result;
  Status status = Status::ok;
};

bool read(ByteView file, uint32_t offset, uint8_t* to, uint32_t length) {
  if (!range_fits(offset, length, file.size())) std::abort();
  memcpy(to, file.data() + offset, length);
  return true;
}
bool read_base(void* run, uint32_t offset, uint8_t* to, uint32_t length) {
  return read(static_cast<Run*>(run)->base, offset, to, length);
}
bool read_result(void* run, uint32_t offset, uint8_t* to, uint32_t length) {
  return read(static_cast<Run*>(run)->result, offset, to, length);
}

Run decode(ByteView base, uint32_t length, ByteView body, uint32_t page_bytes,
           uint32_t piece) {
  Run run{base, {}};
  std::vector<uint8_t> room(page_bytes);
  apply::LitePage page{room.data(), page_bytes, 0};
  static apply::LiteDecoder decoder;
  decoder.begin({read_base, read_result, &run}, {static_cast<uint32_t>(base.size()), length,
                                                 static_cast<uint32_t>(body.size())});
  size_t begin = 0;
  size_t end = 0;
  for (LiteStep step = LiteStep::more;
       step != LiteStep::done && step != LiteStep::failed;) {
    // Copied, so that a read beyond it shows.
    const std::vector<uint8_t> window(body.begin() + static_cast<ptrdiff_t>(begin),
                                      body.begin() + static_cast<ptrdiff_t>(end));
    apply::LiteInput input{window.data(), static_cast<uint32_t>(window.size()), 0};
    step = decoder.step(&input, &page);
    begin += input.used;
    if (step == LiteStep::want_input) {
      if (end == body.size()) std::abort();
      end = std::min<size_t>(body.size(), end + piece);
    }
    if (step == LiteStep::page_full || step == LiteStep::done) {
      run.result.insert(run.result.end(), room.begin(), room.begin() + page.used);
      page.used = 0;
    }
  }
  run.status = decoder.status();
  return run;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader reader(ByteView(data, size));
  const uint32_t length = reader.u16() % 4096u;
  const ByteView base = reader.bytes(reader.u16());
  if (!reader.ok()) return 0;
  const ByteView body = reader.bytes(reader.remaining());
  const Run whole = decode(base, length, body, 5000, 1u << 20);
  const Run cut = decode(base, length, body, 3, 1);
  if (whole.status != cut.status) std::abort();
  if (whole.status != Status::ok && whole.status != Status::corrupt_data) std::abort();
  if (whole.status == Status::ok &&
      (whole.result != cut.result || whole.result.size() != length)) {
    std::abort();
  }
  return 0;
}
