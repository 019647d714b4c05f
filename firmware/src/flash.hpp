// Flash, as the port gives it. A place is a region and an offset in one number, so that it
// takes one register: regions and journals are shorter than 2^30 bytes.
#pragma once

#include "firmware/include/mallorn.h"

namespace mallorn::firmware {

constexpr uint32_t kOffsetBits = 30;
constexpr uint32_t kMaxWordBytes = 32;

constexpr uint32_t place_in(uint32_t region, uint32_t offset) {
  return region << kOffsetBits | offset;
}

constexpr uint32_t kNextRegion = place_in(1, 0);

struct Flash {
  const mallorn_port* port;
  void* context;

  // MALLORN_DONE, or the error.
  int read(uint32_t place, void* to, uint32_t length) const;
  // MALLORN_MORE, since nothing else is done in the same step; or the error.
  int erase(uint32_t place) const;
  // Whole words, without a look at what is there then. MALLORN_DONE, or the error.
  int program(uint32_t place, const void* from, uint32_t length) const;
  // As many whole words as it takes. They are read back: MALLORN_DONE if they are there.
  int write(uint32_t place, const void* from, uint32_t length) const;
};

// How many bytes of whole words.
constexpr uint32_t whole_words(uint32_t length, uint32_t word) {
  return (length + word - 1) & ~(word - 1);
}

}  // namespace mallorn::firmware
