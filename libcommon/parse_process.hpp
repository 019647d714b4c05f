// Runs mallorn-parse on a model file and gives its standard output.
#pragma once

#include <sys/types.h>

#include <string>

#include "libcommon/file.hpp"

namespace mallorn {

class ParseProcess {
 public:
  // Starts `mallorn-parse --by-reference PATH`: in $MALLORN_BIN, beside this program, or
  // where the build puts it. Throws Error(internal) if it cannot be started.
  ParseProcess(const std::string& path, bool is_quiet, bool is_strict);
  ~ParseProcess();
  ParseProcess(const ParseProcess&) = delete;
  ParseProcess& operator=(const ParseProcess&) = delete;

  int output() const { return output_.get(); }
  // Waits for it to end; throws ParseFailed with its exit code if that is not 0.
  void require_success();

 private:
  Fd output_;
  pid_t pid_ = -1;
};

// mallorn-parse failed and has said why: this program ends with the same code, in silence.
struct ParseFailed {
  int code;
};

}  // namespace mallorn
