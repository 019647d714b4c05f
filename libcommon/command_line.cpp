#include "libcommon/command_line.hpp"

// Its regular expressions are compiled for seconds, and built whenever a program starts.
#define CXXOPTS_NO_REGEX true
#include <algorithm>
#include <cstdio>
#include <cxxopts.hpp>
#include <thread>

#include "libcommon/error.hpp"
#include "libcommon/version.hpp"

namespace mallorn {
namespace {

constexpr unsigned kMaxThreads = 256;

constexpr Option kCommonOptions[] = {
    {"h,help"}, {"version"}, {"q,quiet"}, {"v,verbose"}, {"threads", true}};

void add_options(std::span<const Option> added, cxxopts::Options* options) {
  for (const Option& option : added) {
    options->add_options()(
        option.name, "",
        option.takes_value ? cxxopts::value<std::string>() : cxxopts::value<bool>());
  }
}

std::string hint_of(const Program& program) {
  return std::string("see ") + program.name + " --help";
}

CommandLine parse_options(const Program& program, std::span<const Option> taken, int argc,
                          const char* const* argv) {
  cxxopts::Options options(program.name);
  add_options(kCommonOptions, &options);
  add_options(taken, &options);
  CommandLine line;
  try {
    const cxxopts::ParseResult result = options.parse(argc, argv);
    for (const cxxopts::KeyValue& given : result.arguments()) {
      line.options.push_back({given.key(), given.value()});
    }
    line.operands = result.unmatched();
  } catch (const cxxopts::exceptions::exception& fault) {
    throw Error(Status::usage, fault.what(), hint_of(program));
  }
  return line;
}

// "--force=false" does not mean what it seems to.
void require_no_values(const Program& program, std::span<const Option> taken,
                       const CommandLine& line) {
  for (const Option& option : taken) {
    const std::string_view names = option.name;
    const std::string_view name = names.substr(names.find(',') + 1);
    if (!option.takes_value && line.has(name) && line.value(name) != "true") {
      throw Error(Status::usage, "--" + std::string(name) + " takes no value",
                  hint_of(program));
    }
  }
}

void print_version(const Program& program) {
  std::printf("%s %s (stream format %d, patch format %d)\n", program.name, kProgramVersion,
              kStreamFormatVersion, kPatchFormatVersion);
}

void read_common(const CommandLine& line, CommonOptions* common) {
  common->is_quiet = line.has("quiet");
  common->is_verbose = line.has("verbose");
  common->threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxThreads);
  if (line.has("threads")) {
    common->threads = static_cast<unsigned>(
        parse_number(line.value("threads"), "--threads", 1, kMaxThreads));
  }
}

}  // namespace

bool CommandLine::has(std::string_view name) const {
  return std::ranges::find(options, name, &Given::name) != options.end();
}

std::string CommandLine::value(std::string_view name) const {
  std::string last;
  for (const Given& given : options) {
    if (given.name == name) last = given.value;
  }
  return last;
}

bool parse_command_line(const Program& program, std::span<const Option> options, int argc,
                        const char* const* argv, CommonOptions* common, CommandLine* line) {
  *line = parse_options(program, options, argc, argv);
  require_no_values(program, kCommonOptions, *line);
  require_no_values(program, options, *line);
  if (line->has("help")) {
    print_text(program.help);
    return false;
  }
  if (line->has("version")) {
    print_version(program);
    return false;
  }
  read_common(*line, common);
  return true;
}

std::string output_option(const CommandLine& line) {
  const std::string name = line.value("output");
  if (name.empty()) throw Error(Status::usage, "-o takes the name of a file, or -");
  return name;
}

}  // namespace mallorn
