#include "mallorn-apply/base_check.hpp"

#include <unistd.h>

#include "libcommon/background.hpp"
#include "libcommon/cli.hpp"
#include "libcommon/digest.hpp"
#include "libcommon/error.hpp"
#include "mallorn-apply/journal_file.hpp"

namespace mallorn::apply {
namespace {

// Hashes in windows and gives their pages back, so that memory does not grow with the file.
Digest hash_of(const MappedFile& file) {
  constexpr size_t kWindow = 4u << 20;
  Sha256 hash;
  const ByteView bytes = file.bytes();
  for (size_t at = 0; at < bytes.size(); at += kWindow) {
    const size_t length = std::min(kWindow, bytes.size() - at);
    hash.update(bytes.subspan(at, length));
    if (bytes.size() > 16 * kWindow) file.release(at, length);
  }
  return hash.finish();
}

// A journal beside it is the better explanation.
[[noreturn]] void fail(const MappedFile& base, std::string hint) {
  const std::string journal = journal_name(base.path());
  if (::access(journal.c_str(), F_OK) == 0) {
    hint = journal + " is there: an update in place was interrupted; run it again first";
  }
  throw Error(Status::base_mismatch,
              base.path() + ": base is not the file this patch was made for", hint);
}

}  // namespace

BaseCheck::BaseCheck(const MappedFile& base, const PatchHeader& header)
    : base_(base), header_(header) {
  if (base.bytes().size() != header.base_bytes) {
    fail(base, "expected " + with_commas(header.base_bytes) + " bytes, found " +
                   with_commas(base.bytes().size()));
  }
  const auto hash = [&base] { return hash_of(base); };
  // A thread takes as long to start as this much to hash.
  constexpr size_t kWorthAThread = 128 * 1024;
  digest_ = base.bytes().size() < kWorthAThread
                ? std::async(std::launch::deferred, hash).share()
                : start_in_background(hash).share();
}

void BaseCheck::require_match() {
  const Digest found = digest_.get();
  if (found == header_.base_digest) return;
  fail(base_,
       "expected sha256 " + to_hex(header_.base_digest) + ", found " + to_hex(found));
}

}  // namespace mallorn::apply
