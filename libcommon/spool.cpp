#include "libcommon/spool.hpp"

namespace mallorn {
namespace {

constexpr size_t kMaxInMemory = 8u << 20;

}  // namespace

void Spool::write(ByteView bytes) {
  length_ += bytes.size();
  memory_.insert(memory_.end(), bytes.begin(), bytes.end());
  if (memory_.size() <= kMaxInMemory) return;
  if (file_.get() < 0) file_ = make_temporary_file();
  write_full(file_.get(), memory_, temporary_file_name());
  memory_.clear();
}

void Spool::copy_to(Output& output) const {
  if (file_.get() >= 0) output.write(MappedFile(file_, temporary_file_name()).bytes());
  output.write(memory_);
}

}  // namespace mallorn
