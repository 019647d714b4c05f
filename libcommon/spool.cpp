#include "libcommon/spool.hpp"

namespace mallorn {
namespace {

constexpr size_t kMaxInMemory = 8u << 20;
constexpr size_t kLong = 64 * 1024;  // not worth a copy on the way to a file

}  // namespace

void Spool::write(ByteView bytes) {
  length_ += bytes.size();
  const bool passes = file_.get() >= 0 && bytes.size() >= kLong;
  if (!passes) memory_.insert(memory_.end(), bytes.begin(), bytes.end());
  if (!passes && memory_.size() <= kMaxInMemory) return;
  if (file_.get() < 0) file_ = make_temporary_file();
  write_full(file_.get(), memory_, temporary_file_name());
  memory_.clear();
  if (passes) write_full(file_.get(), bytes, temporary_file_name());
}

void Spool::copy_to(Output& output) const {
  if (file_.get() >= 0) output.write(MappedFile(file_, temporary_file_name()).bytes());
  output.write(memory_);
}

}  // namespace mallorn
