// Keeps a walk over a mapped model from having all its pages in memory.
#pragma once

#include <algorithm>

#include "libcommon/model_source.hpp"

namespace mallorn::delta {

// Gives back the pages that a walk forward over a model has passed, now and then, and the
// last of them when it ends.
class PassedPages {
 public:
  PassedPages(const Model& model, uint64_t begin)
      : model_(model), begin_(begin), end_(begin) {}
  ~PassedPages() { model_.file->release(begin_, end_ - begin_); }
  PassedPages(const PassedPages&) = delete;
  PassedPages& operator=(const PassedPages&) = delete;

  void advance_to(uint64_t offset) {
    constexpr uint64_t kMostKept = uint64_t{8} << 20;
    end_ = std::max(end_, offset);
    if (end_ - begin_ < kMostKept) return;
    model_.file->release(begin_, end_ - begin_);
    begin_ = end_;
  }

 private:
  const Model& model_;
  uint64_t begin_;
  uint64_t end_;
};

}  // namespace mallorn::delta
