#include "mallorn-apply/arguments.hpp"

#include "libcommon/command_line.hpp"
#include "libcommon/error.hpp"

namespace mallorn::apply {
namespace {

constexpr Option kOptions[] = {
    {"o,output", true}, {"force"},       {"in-place"},  {"undo"}, {"no-undo"},
    {"resume"},         {"verify"},      {"info"},      {"json"}, {"checked"},
    {"memory", true},   {"state", true}, {"base", true}};

[[noreturn]] void fail(const Program& program, const std::string& reason) {
  throw Error(Status::usage, reason, std::string("see ") + program.name + " --help");
}

// Whether all that is asked for makes sense at once.
bool go_together(const Arguments& arguments) {
  const bool writes = !arguments.only_verifies && !arguments.only_informs;
  if (arguments.only_verifies && arguments.only_informs) return false;
  if (!writes && !(arguments.output.empty() && arguments.state.empty())) return false;
  if (arguments.only_informs && (arguments.is_checked || arguments.memory_bytes != 0)) {
    return false;
  }
  if ((arguments.resumes || arguments.is_forced) && !writes) return false;
  if (arguments.is_in_place &&
      (!writes || !arguments.output.empty() || arguments.resumes || arguments.is_forced)) {
    return false;
  }
  if (arguments.undoes || arguments.is_without_undo) {
    if (!arguments.is_in_place || (arguments.undoes && arguments.is_without_undo)) {
      return false;
    }
  }
  // What is given back is no release that was not there before.
  if (arguments.undoes && !arguments.state.empty()) return false;
  if (!arguments.base.empty() && (!arguments.only_informs || arguments.as_json)) {
    return false;
  }
  return arguments.only_informs || !arguments.as_json;
}

}  // namespace

std::string Arguments::patch() const {
  const size_t index = only_informs ? 0 : 1;
  return files.size() > index ? files[index] : "-";
}

bool read_arguments(const Program& program, int argc, char** argv, Arguments* arguments) {
  CommandLine line;
  if (!parse_command_line(program, kOptions, argc, argv, &arguments->common, &line))
    return false;
  arguments->files = line.operands;
  if (line.has("output")) arguments->output = output_option(line);
  arguments->is_forced = line.has("force");
  arguments->is_in_place = line.has("in-place");
  arguments->undoes = line.has("undo");
  arguments->is_without_undo = line.has("no-undo");
  arguments->resumes = line.has("resume");
  if (line.has("memory")) {
    arguments->memory_bytes = parse_size(line.value("memory"), "--memory");
  }
  arguments->only_verifies = line.has("verify");
  arguments->only_informs = line.has("info");
  arguments->as_json = line.has("json");
  arguments->is_checked = line.has("checked");
  if (line.has("base")) {
    arguments->base = line.value("base");
    if (arguments->base.empty()) throw Error(Status::usage, "--base takes a file");
  }
  if (line.has("state")) {
    arguments->state = line.value("state");
    if (arguments->state.empty()) throw Error(Status::usage, "--state takes a file");
  }
  const size_t least = arguments->only_informs ? 0 : 1;
  if (arguments->files.size() < least || arguments->files.size() > least + 1) {
    fail(program, arguments->only_informs ? "takes at most one PATCH"
                                          : "takes a BASE and at most one PATCH");
  }
  if (!go_together(*arguments)) fail(program, "these options do not go together");
  if (arguments->resumes && !arguments->writes_to_file()) {
    fail(program, "--resume takes -o FILE as well");
  }
  return true;
}

}  // namespace mallorn::apply
