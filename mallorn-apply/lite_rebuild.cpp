#include "mallorn-apply/lite_rebuild.hpp"

#include <algorithm>
#include <memory>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/error.hpp"
#include "mallorn-apply/core/lite_decoder.hpp"
#include "mallorn-apply/memory.hpp"

namespace mallorn::apply {
namespace {

constexpr size_t kPageBytes = 64 * 1024;

static_assert((1u << kLeastInPlaceLog2) % LiteDecoder::kWindowBytes == 0,
              "a window of the base must not begin before the block being made");

// What the decoder reads from.
struct Files {
  ByteView base;
  std::vector<uint8_t> result;
};

bool read_view(ByteView file, uint32_t offset, uint8_t* to, uint32_t length) {
  if (!range_fits(offset, length, file.size())) return false;
  memcpy(to, file.data() + offset, length);
  return true;
}

int read_file(void* context, uint32_t from, uint8_t* to, uint32_t length) {
  const Files& files = *static_cast<const Files*>(context);
  const bool is_read = from < kLiteOwn
                           ? read_view(files.base, from, to, length)
                           : read_view(files.result, from - kLiteOwn, to, length);
  return is_read ? 0 : -1;
}

// The next bytes of the body, with what the decoder has left of those before.
class Window {
 public:
  void fill(PatchReader& patch, LiteInput* input) {
    std::copy(input->next, input->end, bytes_.begin());
    const size_t left = input->size();
    const size_t read = patch.next_bytes(ByteSpan(bytes_).subspan(left));
    input->next = bytes_.data();
    input->end = bytes_.data() + left + read;
    input->unread -= static_cast<uint32_t>(read);
  }

 private:
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(64 * 1024);
};

LiteLengths lengths_of(const PatchReader& patch) {
  const PatchHeader& header = patch.header();
  const uint64_t longest =
      std::max({header.base_bytes, header.result_bytes, header.body_bytes});
  if (longest >= kMaxLiteBytes) {
    throw Error(Status::limit_exceeded, patch.name() + ": longer than profile lite allows");
  }
  return {static_cast<uint32_t>(header.base_bytes),
          static_cast<uint32_t>(header.result_bytes), header.features};
}

}  // namespace

void rebuild_lite(PatchReader& patch, ByteView base,
                  const std::function<void(ByteView)>& write) {
  const LiteLengths lengths = lengths_of(patch);
  if (lengths.base_bytes != base.size()) {
    throw Error(Status::base_mismatch,
                patch.name() + ": made for a base of another length");
  }
  Files files{base, {}};
  if (lengths.result_bytes <= plausible_result_bytes(base.size())) {
    files.result.reserve(lengths.result_bytes);
  }
  Window window;
  std::vector<uint8_t> bytes(kPageBytes);
  const auto decoder = std::make_unique<LiteDecoder>();
  LitePage& page = decoder->page;
  page = {bytes.data(), bytes.data(), bytes.data() + kPageBytes};
  const auto take_page = [&] {
    const ByteView made = ByteView(bytes).first(page.used());
    files.result.insert(files.result.end(), made.begin(), made.end());
    write(made);
    page.next = page.begin;
  };
  decoder->input.unread = static_cast<uint32_t>(patch.header().body_bytes);
  decoder->lengths = lengths;
  decoder->files = {read_file, &files};
  decoder->begin(0);
  for (LiteStep step = LiteStep::want_input; step != LiteStep::done;) {
    step = decoder->step();
    if (step == LiteStep::want_input) window.fill(patch, &decoder->input);
    if (step == LiteStep::page_full || step == LiteStep::done) take_page();
    if (step == LiteStep::failed) {
      throw Error(decoder->status(), patch.name() + ": result byte " +
                                         std::to_string(decoder->result_offset()) +
                                         ": the body does not decode");
    }
  }
  uint8_t rest = 0;
  while (patch.next_bytes(ByteSpan(&rest, 1)) != 0) {
  }
}

}  // namespace mallorn::apply
