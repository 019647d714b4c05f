// The command line of mallorn-apply.
#pragma once

#include <string>
#include <vector>

#include "libcommon/cli.hpp"

namespace mallorn::apply {

struct Arguments {
  CommonOptions common;
  std::vector<std::string> files;
  std::string output;
  bool is_forced = false;
  bool resumes = false;
  bool is_in_place = false;
  bool undoes = false;           // --undo
  bool is_without_undo = false;  // --no-undo
  uint64_t memory_bytes = 0;     // --memory; 0: as much as there is
  bool only_verifies = false;
  bool only_informs = false;
  bool as_json = false;
  std::string base;  // --base; with only_informs
  bool is_checked = false;
  std::string state;

  // The patch, where it is among the operands, or the mark of standard input.
  std::string patch() const;
  bool writes_to_file() const { return !output.empty() && output != "-"; }
};

// Throws Error(usage). False if --help or --version has been answered.
bool read_arguments(const Program& program, int argc, char** argv, Arguments* arguments);

}  // namespace mallorn::apply
