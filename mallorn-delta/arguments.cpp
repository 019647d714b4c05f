#include "mallorn-delta/arguments.hpp"

#include <unistd.h>

#include "libcommon/command_line.hpp"
#include "libcommon/error.hpp"

namespace mallorn::delta {
namespace {

constexpr Option kOptions[] = {{"by-reference"}, {"explain"}, {"strict"},
                               {"distant"},      {"lite"},    {"notes"}};

}  // namespace

bool read_arguments(const Program& program, int argc, char** argv, Arguments* arguments) {
  CommandLine line;
  if (!parse_command_line(program, kOptions, argc, argv, &arguments->common, &line))
    return false;
  if (line.operands.size() != 1) {
    throw Error(Status::usage, "takes one RESULT", "see mallorn-delta --help");
  }
  arguments->result = line.operands[0];
  arguments->is_by_reference = line.has("by-reference");
  arguments->explains = line.has("explain");
  arguments->has_notes = line.has("notes");
  arguments->is_strict = line.has("strict");
  arguments->plan.uses_distant = line.has("distant");
  arguments->plan.uses_permuted = !line.has("lite");
  if (::isatty(STDOUT_FILENO) == 1) {
    throw Error(Status::usage, "will not write binary data to a terminal",
                "pipe it into mallorn-pack");
  }
  return true;
}

}  // namespace mallorn::delta
