// The command line of mallorn-delta.
#pragma once

#include <string>

#include "libcommon/cli.hpp"
#include "mallorn-delta/plan.hpp"

namespace mallorn::delta {

struct Arguments {
  CommonOptions common;
  std::string result;
  bool is_by_reference = false;
  bool explains = false;
  bool has_notes = false;
  bool is_strict = false;
  PlanOptions plan;
};

// Throws Error(usage). False if --help or --version has been answered.
bool read_arguments(const Program& program, int argc, char** argv, Arguments* arguments);

}  // namespace mallorn::delta
