// LiteDecoder: makes the result of a patch of profile `lite`, page by page, in less than
// half a kilobyte (docs/format/lite.md). The host and devices run the same text.
//
//   input, page, files, lengths are set; begin(); then
//   loop:  step()  ->  want_input  give more bytes of the body, then call again
//                      page_full   take the page, give an empty one, then call again
//                      done        the last page may be part full: take it
//                      failed      status() says why
//
// A call makes a page at most. It never begins what the bytes that are there might not
// suffice for, so that inside decoding runs straight on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/in_place_format.hpp"
#include "libcommon/core/lite_format.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn::apply {

// The body's next bytes, as far as they are there, and how many there are behind them.
// `next` moves on as they are used. What is left must come again, with more behind it,
// after want_input.
struct LiteInput {
  const uint8_t* next = nullptr;
  const uint8_t* end = nullptr;
  uint32_t unread = 0;

  uint32_t size() const { return static_cast<uint32_t>(end - next); }
  // Of the body: how many bytes have not been used.
  uint32_t left() const { return unread + size(); }
};

// A window is large enough if it has room for this many bytes.
constexpr uint32_t kLiteInputBytes = 64;

// Where the result goes, in order: `next` moves on. A restart point falls on the end of a
// page if the length of pages divides the length of the patch's erase blocks.
struct LitePage {
  uint8_t* begin = nullptr;
  uint8_t* next = nullptr;
  uint8_t* end = nullptr;

  uint32_t used() const { return static_cast<uint32_t>(next - begin); }
};

// Reads `length` bytes from `from` on: an offset in the base, or kLiteOwn and an offset in
// the result. They lie within the file; 0, or something else if that failed. Of the result
// only bytes of pages that have been taken are read, and none beyond the next multiple
// of 32.
using LiteRead = int (*)(void* context, uint32_t from, uint8_t* to, uint32_t length);
constexpr uint32_t kLiteOwn = kMaxLiteBytes;

struct LiteFiles {
  LiteRead read = nullptr;
  void* context = nullptr;
};

struct LiteLengths {
  uint32_t base_bytes = 0;
  uint32_t result_bytes = 0;
  // Of the patch: whether it promises that nothing of the base is read that is by more than
  // its lag before the block that is being made (in_place_format.hpp). A block has at least
  // kWindowBytes of the decoder.
  uint32_t features = 0;
};

enum class LiteStep : uint8_t { want_input, page_full, done, failed };

class LiteDecoder {
 public:
  static constexpr uint32_t kWindowBytes = 32;  // of base or result

  // Begins at a restart point, or the beginning: the page's first byte is that of the
  // result at `result_offset`, and input and what is unread is what belongs to it.
  void begin(uint32_t result_offset);

  // Goes on, after the bytes of this object were kept and brought back, from where it was
  // then, behind what had been taken of the page; input, page, files and lengths are set
  // again before. 0 if no decoder can be so; hostile bytes do no harm. Who keeps them
  // has a version number for what they mean, to be changed with the members below.
  uint32_t resume(uint32_t result_offset);

  LiteStep step();

  Status status() const { return status_; }
  // How many bytes of the result have been made.
  uint32_t result_offset() const { return result_offset_; }
  // True where begin() can take up the work again, at result_offset(), once the page has
  // been taken.
  bool is_at_restart() const { return result_offset_ == segment_end_; }

 private:
  // Small fields first, then those that are reached most: small processors have short
  // instructions for them.
  Status status_ = Status::ok;
  uint8_t size_log2_ = 0;  // of elements
  uint8_t pending_bytes_ = 0;
  uint8_t window_bytes_ = 0;

 public:
  uint8_t version = 0;  // for who keeps the bytes of this object

 private:
  uint16_t column_ = 0;  // elements left of the row

 public:
  // A coder as libcommon/core/lite_model.hpp wants it: the range coder of
  // docs/format/structure.md, without division. What follows the input are zeros.
  LiteState state;
  template <typename Number>
  Number want(Number /*number*/) const {
    return 0;
  }
  uint32_t bit(uint32_t model, uint32_t /*wanted*/) { return read_bit(model); }
  uint32_t raw(uint32_t /*wanted*/, uint32_t count) { return read_raw(count); }

 private:
  uint32_t read_bit(uint32_t model);
  uint32_t read_raw(uint32_t count);

  uint32_t is_sound_step(uint32_t position);
  void make_element();
  uint8_t source_byte();
  // Called at one place each, and inlined there: a frame less on the stack.
  [[gnu::always_inline]] inline void begin_segment();
  [[gnu::always_inline]] inline void begin_step();
  [[gnu::always_inline]] inline void flush();
  [[gnu::always_inline]] inline LiteStep end();
  [[gnu::always_inline]] inline void go_on();
  [[gnu::always_inline]] inline void make_copies();

  uint32_t range_ = 0;
  uint32_t code_ = 0;

 public:
  LiteLengths lengths;
  LiteInput input;
  LitePage page;
  LiteFiles files;

 private:
  uint32_t result_offset_ = 0;
  uint32_t segment_end_ = 0;   // in the result; where it has been reached, the next begins
  uint32_t window_begin_ = 0;  // as LiteRead has it
  uint32_t pending_ = 0;       // bytes of an element for which the page had no room
  std::array<uint8_t, kWindowBytes> window_;
  LiteBits models_;
};

// All of it is in the kilobyte that a device has for a patch.
constexpr size_t kMaxLiteDecoderBytes = 480;
static_assert(sizeof(void*) != 4 || sizeof(LiteDecoder) <= kMaxLiteDecoderBytes);

}  // namespace mallorn::apply
