// The command line of mallorn-sign.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libcommon/cli.hpp"

namespace mallorn::sign {

enum class Command { keygen, sign, verify, id };

struct Arguments {
  CommonOptions common;
  Command command = Command::verify;
  std::vector<std::string> operands;  // after the command
  std::vector<std::string> keys;
  std::string output;
  bool is_forced = false;
  bool is_encrypted = false;
  int passphrase_fd = -1;
  bool prints_message = false;
  std::string signature;
  bool only_checks = false;
  std::optional<std::string> model_id;
  uint32_t min_release = 0;
  std::string state;

  // PATCH, or the mark of standard input.
  std::string patch() const { return operands.empty() ? "-" : operands.front(); }
};

// Throws Error(usage). False if --help or --version has been answered.
bool read_arguments(const Program& program, int argc, char** argv, Arguments* arguments);

}  // namespace mallorn::sign
