// BaseView: the base as it was, though the file that held it is being overwritten: parts of
// it are shown from where they were stashed.
#pragma once

#include "libcommon/file.hpp"
#include "mallorn-apply/byte_range.hpp"

namespace mallorn::apply {

class BaseView {
 public:
  // Shows the first `length` bytes of `file`, whatever is written to it later; the caller
  // sees to it that nothing beyond its end is read. Throws Error(cannot_open) if that
  // cannot be mapped; `name` is for messages.
  BaseView(const Fd& file, uint64_t length, const std::string& name);
  ~BaseView();
  BaseView(const BaseView&) = delete;
  BaseView& operator=(const BaseView&) = delete;

  // From now on `range` shows the bytes of `stash` from `offset` on. Both begin at
  // multiples of kJournalBlockBytes, and the range may end behind the base.
  void show_instead(const ByteRange& range, const Fd& stash, uint64_t offset);
  ByteView bytes() const { return {data_, size_}; }
  // Gives all pages back; they are read again if touched.
  void release() const;

 private:
  std::string name_;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace mallorn::apply
