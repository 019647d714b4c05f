// Reading the command line.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libcommon/cli.hpp"

namespace mallorn {

// An option that a program has beside the common ones.
struct Option {
  const char* name;  // "force", or with a letter before it: "o,output"
  bool takes_value = false;
};

// A command line that has been read.
struct CommandLine {
  struct Given {
    std::string name;   // the long one
    std::string value;  // of options that take one
  };
  std::vector<Given> options;         // in their order
  std::vector<std::string> operands;  // what is not an option

  bool has(std::string_view name) const;

  // What was given last; empty where there is none.
  std::string value(std::string_view name) const;
};

// Takes -h, --version, -q, -v, --threads, and `options`; throws Error(usage). Answers
// --help and --version itself: then returns false, and the program is done.
bool parse_command_line(const Program& program, std::span<const Option> options, int argc,
                        const char* const* argv, CommonOptions* common, CommandLine* line);

// The value of -o; throws Error(usage) if it is empty, as where a script's variable is
// unset.
std::string output_option(const CommandLine& line);

}  // namespace mallorn
