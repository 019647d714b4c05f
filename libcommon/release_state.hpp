// The state file: the highest release of each model that has been put to use
// (docs/format/sign.md, section 7). Programs refuse what is below it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "libcommon/core/bytes.hpp"

namespace mallorn {

class ReleaseState {
 public:
  // Throws Error(malformed); `name` is for messages.
  static ReleaseState parse(std::string_view text, const std::string& name);
  // A file that does not exist has no models. Throws Error(cannot_open), Error(malformed):
  // one that cannot be read must not pass for one that allows everything.
  static ReleaseState read(const std::string& path);

  // 0 for a model that it does not have.
  uint32_t release_of(ByteView model_id) const;
  // Lets a model have at least this release; false if it had.
  bool raise(ByteView model_id, uint32_t release);
  std::string text() const;

 private:
  std::map<std::string, uint32_t, std::less<>> releases_;  // by model id, as it is written
};

// Lets the file have at least `release` for a model. It is replaced at once and for
// good; of several programs that do this at a time none undoes what another has done.
// Throws as above, and Error(cannot_create) and its kin; then the file is as it was.
void raise_release(const std::string& path, ByteView model_id, uint32_t release);

}  // namespace mallorn
