#include "mallorn-apply/base_view.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "libcommon/error.hpp"

namespace mallorn::apply {
namespace {

[[noreturn]] void fail(const std::string& name) {
  throw Error(errno == ENOMEM ? Status::out_of_memory : Status::io,
              name + ": " + std::strerror(errno));
}

}  // namespace

BaseView::BaseView(const Fd& file, uint64_t length, const std::string& name)
    : name_(name), size_(static_cast<size_t>(length)) {
  if (size_ == 0) return;
  // Shared: what others see of it from the moment it is written, this shows, too.
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) fail(name_);
  data_ = static_cast<uint8_t*>(data);
}

BaseView::~BaseView() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

void BaseView::show_instead(const ByteRange& range, const Fd& stash, uint64_t offset) {
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t end = (size_ + page - 1) / page * page;
  const uint64_t length = std::min(range.length, end - range.offset);
  void* const data =
      ::mmap(data_ + range.offset, static_cast<size_t>(length), PROT_READ,
             MAP_SHARED | MAP_FIXED, stash.get(), static_cast<off_t>(offset));
  if (data == MAP_FAILED) fail(name_);
}

void BaseView::release() const {
  if (data_ != nullptr) ::madvise(data_, size_, MADV_DONTNEED);
}

}  // namespace mallorn::apply
