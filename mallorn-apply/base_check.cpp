#include "mallorn-apply/base_check.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "libcommon/background.hpp"
#include "libcommon/cli.hpp"
#include "libcommon/digest.hpp"
#include "libcommon/error.hpp"
#include "libcommon/text.hpp"
#include "mallorn-apply/journal_file.hpp"

namespace mallorn::apply {
namespace {

// Whether an update in place holds the file (ModelFile) at this moment.
bool is_held(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  return fd.get() >= 0 && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

// A journal beside it is the better explanation.
[[noreturn]] void fail(const MappedFile& base, const std::string& reason,
                       std::string hint) {
  const std::string journal = journal_name(base.path());
  if (::access(journal.c_str(), F_OK) == 0) {
    hint = journal + " is there: an update in place is " +
           (is_held(base.path()) ? "under way; wait for it"
                                 : "unfinished; run it again first, or with --undo");
  }
  throw Error(Status::base_mismatch, base.path() + ": " + reason, hint);
}

constexpr const char* kOther = "base is not the file this patch was made for";

}  // namespace

BaseCheck::BaseCheck(const MappedFile& base, const PatchHeader& header)
    : base_(base), header_(header) {
  if (base.bytes().size() != header.base_bytes) {
    fail(base, kOther,
         "expected " + with_commas(header.base_bytes) + " bytes, found " +
             with_commas(base.bytes().size()));
  }
  const auto hash = [&base] { return sha256(base); };
  // A thread takes as long to start as this much to hash.
  constexpr size_t kWorthAThread = 128 * 1024;
  digest_ = base.bytes().size() < kWorthAThread
                ? std::async(std::launch::deferred, hash).share()
                : start_in_background(hash).share();
}

void BaseCheck::require_match() {
  const Digest found = digest_.get();
  if (found == header_.base_digest) return;
  fail(base_, kOther,
       "expected sha256 " + to_hex(header_.base_digest) + ", found " + to_hex(found));
}

void BaseCheck::require_unchanged() const {
  if (sha256(base_) == header_.base_digest) return;
  fail(base_, "base was changed while it was read", "run the command again");
}

}  // namespace mallorn::apply
