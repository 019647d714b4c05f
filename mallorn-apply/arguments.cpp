#include "mallorn-apply/arguments.hpp"

#include "libcommon/command_line.hpp"
#include "libcommon/error.hpp"

namespace mallorn::apply {
namespace {

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
  if (arguments.resumes && !writes) return false;
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
  cxxopts::Options options(program.name);
  add_common_options(options);
  options.add_options()("o,output", "", cxxopts::value<std::string>())("force", "")(
      "in-place", "")("undo", "")("no-undo", "")("resume", "")("verify", "")("info", "")(
      "json", "")("checked", "")("memory", "", cxxopts::value<std::string>())(
      "state", "", cxxopts::value<std::string>())("base", "",
                                                  cxxopts::value<std::string>());
  cxxopts::ParseResult result;
  if (!parse_command_line(program, options, argc, argv, &arguments->common, &result))
    return false;
  arguments->files = result.unmatched();
  if (result.count("output") != 0) arguments->output = output_option(result);
  arguments->is_forced = result.count("force") != 0;
  arguments->is_in_place = result.count("in-place") != 0;
  arguments->undoes = result.count("undo") != 0;
  arguments->is_without_undo = result.count("no-undo") != 0;
  arguments->resumes = result.count("resume") != 0;
  if (result.count("memory") != 0) {
    arguments->memory_bytes = parse_size(result["memory"].as<std::string>(), "--memory");
  }
  arguments->only_verifies = result.count("verify") != 0;
  arguments->only_informs = result.count("info") != 0;
  arguments->as_json = result.count("json") != 0;
  arguments->is_checked = result.count("checked") != 0;
  if (result.count("base") != 0) {
    arguments->base = result["base"].as<std::string>();
    if (arguments->base.empty()) throw Error(Status::usage, "--base takes a file");
  }
  if (result.count("state") != 0) {
    arguments->state = result["state"].as<std::string>();
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
