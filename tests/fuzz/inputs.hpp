// What several fuzz targets, and the maker of their seeds, agree on.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/file.hpp"

namespace mallorn::fuzz {

// The base that records and patches are decoded against: repeats, runs, and bytes without
// order.
inline std::vector<uint8_t> fixed_base() {
  std::vector<uint8_t> base(4096);
  uint32_t state = 1;
  for (size_t i = 0; i < base.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    base[i] = static_cast<uint8_t>(i < 1024   ? "mallorn tensor 0123456789 "[i % 26]
                                   : i < 2048 ? i >> 6
                                   : i < 3072 ? state >> 24
                                              : base[i - 3072] + (state >> 30));
  }
  return base;
}

// A file without a name that holds `bytes`, at its beginning.
inline Fd file_of(ByteView bytes) {
  Fd file(::memfd_create("fuzz", MFD_CLOEXEC));
  if (file.get() < 0) std::abort();
  write_full(file.get(), bytes, "fuzz");
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

}  // namespace mallorn::fuzz
