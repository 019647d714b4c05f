// Keeps a walk over a mapped file from having all its pages in memory.
#pragma once

#include <algorithm>

#include "libcommon/file.hpp"

namespace mallorn {

// Gives back the pages that a walk forward over `bytes` has passed, now and then, and the
// last of them when it ends. What is not mapped stays as it is.
class PassedPages {
 public:
  PassedPages(ByteView bytes, uint64_t begin) : bytes_(bytes), begin_(begin), end_(begin) {}
  ~PassedPages() { release(); }
  PassedPages(const PassedPages&) = delete;
  PassedPages& operator=(const PassedPages&) = delete;

  void advance_to(uint64_t offset) {
    constexpr uint64_t kMostKept = uint64_t{8} << 20;
    end_ = std::max(end_, offset);
    if (end_ - begin_ < kMostKept) return;
    release();
    begin_ = end_;
  }

 private:
  void release() const {
    const uint64_t end = std::min<uint64_t>(end_, bytes_.size());
    if (begin_ >= end) return;
    release_mapped(
        bytes_.subspan(static_cast<size_t>(begin_), static_cast<size_t>(end - begin_)));
  }

  const ByteView bytes_;
  uint64_t begin_;
  uint64_t end_;
};

}  // namespace mallorn
