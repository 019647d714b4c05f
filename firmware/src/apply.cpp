// mallorn_apply: a patch from one region into another in one call, for devices whose boot
// loader has slots, trials and signatures of its own. Nothing is kept that would have to
// outlive a power cut: the base is only read, and the work can be done again.
#include "firmware/src/flash.hpp"
#include "firmware/src/patch_front.hpp"
#include "firmware/src/sha256.hpp"
#include "mallorn-apply/core/lite_decoder.hpp"

namespace mallorn::firmware::apply_only {
namespace {

constexpr uint32_t kWindowBytes = 80;
constexpr uint32_t kPageBytes = 128;
constexpr uint32_t kInputBytes = 112;

struct HashSpace {
  Sha256 hash;
  uint8_t window[kWindowBytes];
};

struct PageSpace {
  uint8_t page[kPageBytes];
  uint8_t input[kInputBytes];
};

// What is reached most is at the beginning: small processors have short instructions for
// it.
struct Work {
  Flash flash;
  uint32_t base_at;  // its region, as a place
  uint32_t written;  // bytes of the result
  uint32_t erased;   // the region is blank from `written` to here
  apply::LiteLengths lengths;
  apply::LitePage page;
  apply::LiteInput input;
  uint8_t result_digest[kDigestBytes];
  union {
    uint8_t header[kHeaderMaxBytes];
    PageSpace space;
  };
  union {
    HashSpace hash;
    apply::LiteDecoder decoder;
  };
};
static_assert(sizeof(Work) <= MALLORN_WORK_SIZE);

// All of so many bytes of the patch.
int read_patch(const Work& w, uint8_t* to, uint32_t length) {
  while (length > 0) {
    const int32_t got = w.flash.port->patch_read(w.flash.context, to, length);
    if (got <= 0 || static_cast<uint32_t>(got) > length) return MALLORN_E_PATCH_READ;
    to += got;
    length -= static_cast<uint32_t>(got);
  }
  return MALLORN_DONE;
}

// Header and signatures.
int read_front(Work& w) {
  const PatchFront front = {w.header};
  int status = read_patch(w, w.header, kHeaderFixedBytes);
  if (status != MALLORN_DONE) return status;
  status = fault_of_begin(front);
  if (status != MALLORN_DONE) return status;
  status = read_patch(w, w.header + kHeaderFixedBytes, front.length() - kHeaderFixedBytes);
  if (status != MALLORN_DONE) return status;
  status = fault_of(front);
  for (uint32_t i = front.signature_count(); status == MALLORN_DONE && i > 0; --i) {
    status = read_patch(w, w.hash.window, kSignatureBlockBytes);
  }
  return status;
}

// Whether a region begins with bytes of this digest.
int check(Work& w, uint32_t place, uint32_t length, const uint8_t* expected) {
  HashSpace& space = w.hash;
  const int error = place == w.base_at ? MALLORN_E_BASE : MALLORN_E_RESULT;
  if (length > w.flash.port->slot_size) return error;
  sha256_start(space.hash);
  for (uint32_t part; length > 0; length -= part, place += part) {
    part = length < kWindowBytes ? length : kWindowBytes;
    const int status = w.flash.read(place, space.window, part);
    if (status != MALLORN_DONE) return status;
    sha256_update(space.hash, space.window, part);
  }
  sha256_finish(space.hash, space.window);
  return is_same(space.window, expected, kDigestBytes) ? MALLORN_DONE : error;
}

// For the decoder. The bit that tells the result from the base tells the regions apart.
static_assert(apply::kLiteOwn == kNextRegion);
bool read_file(void* context, uint32_t from, uint8_t* to, uint32_t length) {
  const auto& w = *static_cast<const Work*>(context);
  return w.flash.read(w.base_at ^ from, to, length) == MALLORN_DONE;
}

// What is left of the input to its beginning, and more of the body behind it.
int read_input(Work& w) {
  apply::LiteInput& input = w.input;
  const uint32_t left = input.size - input.used;
  uint32_t more = w.lengths.body_bytes - w.decoder.place().body_offset - left;
  if (more > kInputBytes - left) more = kInputBytes - left;
  copy_bytes(w.space.input, w.space.input + input.used, left);
  input.used = 0;
  input.size = left + more;
  return read_patch(w, w.space.input + left, more);
}

// What is written is not read back here: all of it is, at the end.
int write_page(Work& w) {
  const mallorn_port& port = *w.flash.port;
  const uint32_t place = w.base_at ^ (kNextRegion | w.written);
  if (w.written == w.erased) {
    w.erased += port.erase_size;
    const int status = w.flash.erase(place);
    if (status != MALLORN_MORE) return status;
  }
  const uint32_t length = w.page.used;
  w.written += length;
  w.page.used = 0;
  return w.flash.program(place, w.space.page, whole_words(length, port.write_size));
}

int decode(Work& w) {
  w.written = w.erased = 0;
  w.page = {w.space.page, kPageBytes, 0};
  w.input = {w.space.input, 0, 0};
  w.decoder.begin({read_file, &w}, w.lengths);
  for (;;) {
    const apply::LiteStep step = w.decoder.step(&w.input, &w.page);
    int status = MALLORN_DONE;
    if (step == apply::LiteStep::failed) return MALLORN_E_CODED;
    if (step == apply::LiteStep::want_input) {
      status = read_input(w);
    } else if (w.page.used > 0) {
      status = write_page(w);
    }
    if (status != MALLORN_DONE || step == apply::LiteStep::done) return status;
  }
}

int run(Work& w) {
  const PatchFront front = {w.header};
  int status = read_front(w);
  if (status != MALLORN_DONE) return status;
  // Nothing is overwritten: what the patch promises of that is of no account.
  w.lengths = {front.base_bytes(), front.result_bytes(), front.body_bytes(), 0};
  copy_bytes(w.result_digest, front.result_digest(), kDigestBytes);
  if (w.lengths.result_bytes > w.flash.port->slot_size) return MALLORN_E_SIZE;
  status = check(w, w.base_at, w.lengths.base_bytes, front.base_digest());
  if (status != MALLORN_DONE) return status;
  status = decode(w);
  if (status != MALLORN_DONE) return status;
  return check(w, w.base_at ^ kNextRegion, w.lengths.result_bytes, w.result_digest);
}

}  // namespace
}  // namespace mallorn::firmware::apply_only

int mallorn_apply(const mallorn_port* port, void* context, void* work, size_t work_size,
                  uint8_t base) {
  using namespace mallorn::firmware::apply_only;
  if (port == nullptr || work == nullptr || work_size < sizeof(Work)) {
    return MALLORN_E_ARGUMENT;
  }
  auto& w = *static_cast<Work*>(work);
  w.flash = {port, context};
  w.base_at = mallorn::firmware::place_in(base & 1u, 0);
  return run(w);
}
