// The command line of mallorn-pack.
#pragma once

#include <cstdint>
#include <string>

#include "libcommon/cli.hpp"

namespace mallorn::pack {

struct Arguments {
  CommonOptions common;
  std::string output;
  bool is_forced = false;
  int level = 0;  // 0: by the size of the model
  bool is_max = false;
  std::string model_id;
  uint32_t release = 0;  // 0: none
  bool is_lite = false;
  uint32_t page_bytes = 0;
  bool explains = false;
  bool is_in_place = false;
  uint32_t most_lag = 0;  // in pages, of the journal
  bool has_journal = false;
  bool has_floats = true;  // lite: has steps for them
};

// Throws Error(usage). False if --help or --version has been answered.
bool read_arguments(const Program& program, int argc, char** argv, Arguments* arguments);

}  // namespace mallorn::pack
