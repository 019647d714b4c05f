// mallorn_apply: a patch from one region into another in one call, for devices whose boot
// loader has slots, trials and signatures of its own. Nothing is kept that would have to
// outlive a power cut: the base is only read, and the work can be done again.
#include "firmware/src/flash.hpp"
#include "firmware/src/patch_front.hpp"
#include "firmware/src/sha256.hpp"
#include "libcommon/core/anchor.hpp"
#include "mallorn-apply/core/lite_decoder.hpp"

namespace mallorn::firmware::apply_only {
namespace {

constexpr uint32_t kPageBytes = 128;
constexpr uint32_t kInputBytes = 112;

struct Buffers {
  uint8_t page[kPageBytes];
  uint8_t input[kInputBytes];
};

constexpr uint32_t kHeaderRoom = whole_words(kHeaderMaxBytes, sizeof(uint32_t));

// What is reached most is at the beginning: small processors have short instructions for
// it. The header is there until the end; signatures follow it, wherever it ends.
struct Work {
  Flash flash;
  uint32_t base_at;  // its region, as a place
  uint32_t at;  // where the next page goes, in the other region; first how long it becomes
  uint32_t erased;  // which is blank up to here
  union {
    Sha256 hash;
    apply::LiteDecoder decoder;
  };
  alignas(uint32_t) uint8_t header[kHeaderRoom];
  union {
    uint8_t signatures[kMaxSignatures * kSignatureBlockBytes];  // at first
    Buffers buffers;
  };
};
static_assert(sizeof(Work) <= MALLORN_WORK_SIZE);

// All of so many bytes of the patch.
int read_patch(const Work& w, uint8_t* to, uint32_t length) {
  while (length > 0) {
    const int32_t got = w.flash.port->patch_read(w.flash.context, to, length);
    // None, and errors, are too many, too.
    if (static_cast<uint32_t>(got) - 1 >= length) return MALLORN_E_PATCH_READ;
    to += got;
    length -= static_cast<uint32_t>(got);
  }
  return MALLORN_DONE;
}

// Header and signatures.
int read_front(Work& w, uint8_t* header) {
  const PatchFront front = {header};
  int status = read_patch(w, header, kHeaderFixedBytes);
  if (status != MALLORN_DONE) return status;
  status = fault_of(front, 0);
  if (status != MALLORN_MORE) return status;
  status = read_patch(
      w, header + kHeaderFixedBytes,
      front.length() - kHeaderFixedBytes + kSignatureBlockBytes * front.signature_count());
  return status == MALLORN_DONE ? fault_of(front, kHeaderMaxBytes) : status;
}

// Whether a region begins with bytes of this digest: else `error`.
int check(Work& w, uint32_t place, PatchFile file, int error) {
  Sha256& hash = w.hash;
  const uint32_t length = file.length();
  if (length > w.flash.port->slot_size) return error;
  sha256_start(hash);
  for (;;) {
    const uint32_t at = hash.length;
    auto left = static_cast<int32_t>(length - at);
    if (left > 0) {
      const int32_t part = left < kSha256Block ? left : kSha256Block;
      const int status =
          w.flash.read(place + at, hash.block(), static_cast<uint32_t>(part));
      if (status != MALLORN_DONE) return status;
    }
    // Else the last block would be a case of its own.
    left = anchor(left);
    sha256_block(hash, left);
    if (is_last_sha256(left)) break;
  }
  return is_same(sha256_digest(hash), file.digest(), kDigestBytes) ? MALLORN_DONE : error;
}

// For the decoder. The bit that tells the result from the base tells the regions apart.
static_assert(apply::kLiteOwn == kNextRegion);
int read_file(void* context, uint32_t from, uint8_t* to, uint32_t length) {
  const auto& w = *static_cast<const Work*>(context);
  return w.flash.read(w.base_at ^ from, to, length);
}

// What is left of the input to its beginning, and more of the body behind it.
int read_input(Work& w) {
  apply::LiteInput& input = w.decoder.input;
  const uint32_t left = input.size();
  copy_bytes(w.buffers.input, input.next, left);
  uint32_t more = kInputBytes - left;
  if (more > input.unread) more = input.unread;
  uint8_t* const behind = w.buffers.input + left;
  input = {w.buffers.input, behind + more, input.unread - more};
  return read_patch(w, behind, more);
}

// What is written is not read back here: all of it is, at the end.
int write_page(Work& w) {
  apply::LitePage& page = w.decoder.page;
  const uint32_t place = w.at;
  if (place == w.erased) {
    w.erased += w.flash.port->erase_size;
    const int status = w.flash.erase(place);
    if (status != MALLORN_MORE) return status;
  }
  const uint32_t length = page.used();
  w.at = place + length;
  page.next = page.begin;
  return w.flash.program(place, page.begin, whole_words(length, w.flash.port->write_size));
}

int decode(Work& w, PatchFront front) {
  apply::LiteDecoder& decoder = w.decoder;
  Buffers& buffers = *anchor(&w.buffers);
  decoder.input = {buffers.input, buffers.input, front.body_bytes()};
  decoder.page = {buffers.page, buffers.page, buffers.page + kPageBytes};
  // Nothing is overwritten: what the patch promises of that is of no account.
  decoder.lengths = {front.base().length(), w.at, 0};
  w.at = w.erased = w.base_at ^ kNextRegion;
  decoder.files = {read_file, &w};
  decoder.begin(0);
  for (;;) {
    const apply::LiteStep step = decoder.step();
    int status = MALLORN_DONE;
    if (step == apply::LiteStep::failed) return MALLORN_E_CODED;
    if (step == apply::LiteStep::want_input) {
      status = read_input(w);
    } else if (decoder.page.used() != 0) {
      status = write_page(w);
    }
    if (status != MALLORN_DONE || step == apply::LiteStep::done) return status;
  }
}

int run(Work& w) {
  uint8_t* const header = anchor(+w.header);
  const PatchFront front = {header};
  int status = read_front(w, header);
  if (status != MALLORN_DONE) return status;
  w.at = front.result().length();
  if (w.at > w.flash.port->slot_size) return MALLORN_E_SIZE;
  status = check(w, w.base_at, front.base(), MALLORN_E_BASE);
  if (status != MALLORN_DONE) return status;
  status = decode(w, front);
  if (status != MALLORN_DONE) return status;
  return check(w, w.base_at ^ kNextRegion, front.result(), MALLORN_E_RESULT);
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
  w.base_at = uint32_t{base} << 31 >> 1;  // its last bit says which region
  return run(w);
}
