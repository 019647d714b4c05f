// The state file: the highest release of each model that has been put to use
// (docs/format/sign.md, section 7). Programs refuse what is below it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "libcommon/core/bytes.hpp"
#include "libcommon/output.hpp"

namespace mallorn {

class ReleaseState {
 public:
  // Throws Error(malformed); `name` is for messages.
  static ReleaseState parse(std::string_view text, const std::string& name);
  // A name that is not there at all has no models. Throws Error(cannot_open) for a link
  // that leads nowhere and for what is no regular file, Error(malformed): what cannot be
  // read must not pass for one that allows everything.
  static ReleaseState read(const std::string& path);

  bool is_empty() const { return releases_.empty(); }
  // 0 for a model that it does not have.
  uint32_t release_of(ByteView model_id) const;
  // Throws Error(bad_signature) if it has a higher release for the model, or the patch has
  // no release or no model id to be kept by: what is not counted could be an old one, too.
  // `patch` is for the message.
  void require_allowed(ByteView model_id, uint32_t release, const std::string& patch) const;
  // Lets a model have at least this release; false if it had.
  bool raise(ByteView model_id, uint32_t release);
  std::string text() const;

 private:
  std::map<std::string, uint32_t, std::less<>> releases_;  // by model id, as it is written
};

// Keeps a state file up to date with one release that is put to use. In this order:
// constructed before the work, allow() as soon as the release is known, prepare() when the
// result is complete but has no name yet, commit() when it has. A link is followed, once.
// The lock is a file beside it, which stays.
class ReleaseUpdate {
 public:
  // Throws as ReleaseState::read(), and Error(cannot_create) if the file's folder does not
  // take a new one, or the lock may not be written.
  explicit ReleaseUpdate(const std::string& path);
  ~ReleaseUpdate();

  // ReleaseState::require_allowed() by what the file has.
  void allow(ByteView model_id, uint32_t release, const std::string& patch) const;
  // Waits, for a few seconds, until no other program changes the file, and keeps others
  // from it; then as allow(), with what the file has now, and writes all there is to be
  // written. Throws as above, Error(cannot_create) if others take too long,
  // Error(no_space), Error(io). The file is as it was.
  void prepare(ByteView model_id, uint32_t release, const std::string& patch);
  // Replaces the file, for good.
  void commit();
  const std::string& path() const { return path_; }

 private:
  std::string path_;  // where a link leads
  Fd lock_;
  std::unique_ptr<Output> output_;  // null: nothing to change
};

}  // namespace mallorn
