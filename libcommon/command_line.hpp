// Reading the command line. Apart from cli.hpp, as each file that includes cxxopts builds
// its regular expressions when the program starts.
#pragma once

#include <cxxopts.hpp>

#include "libcommon/cli.hpp"

namespace mallorn {

// Adds -h, --version, -q, -v, --threads to `options`.
void add_common_options(cxxopts::Options& options);

// Parses; throws Error(usage). Answers --help and --version itself: then returns false, and
// the program is done. `arguments` are then what is not an option.
bool parse_command_line(const Program& program, cxxopts::Options& options, int argc,
                        const char* const* argv, CommonOptions* common,
                        cxxopts::ParseResult* result);

// The value of -o; throws Error(usage) if it is empty, as where a script's variable is
// unset.
std::string output_option(const cxxopts::ParseResult& result);

}  // namespace mallorn
