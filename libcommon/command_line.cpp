#include "libcommon/command_line.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

#include "libcommon/error.hpp"
#include "libcommon/version.hpp"

namespace mallorn {
namespace {

constexpr unsigned kMaxThreads = 256;

void print_version(const Program& program) {
  std::printf("%s %s (stream format %d, patch format %d)\n", program.name, kProgramVersion,
              kStreamFormatVersion, kPatchFormatVersion);
}

}  // namespace

void add_common_options(cxxopts::Options& options) {
  options.add_options()("h,help", "")("version", "")("q,quiet", "")("v,verbose", "")(
      "threads", "", cxxopts::value<std::string>());
}

bool parse_command_line(const Program& program, cxxopts::Options& options, int argc,
                        const char* const* argv, CommonOptions* common,
                        cxxopts::ParseResult* result) {
  try {
    *result = options.parse(argc, argv);
  } catch (const cxxopts::exceptions::exception& fault) {
    throw Error(Status::usage, fault.what(),
                std::string("see ") + program.name + " --help");
  }
  if (result->count("help") != 0) {
    std::fputs(program.help, stdout);
    return false;
  }
  if (result->count("version") != 0) {
    print_version(program);
    return false;
  }
  common->is_quiet = result->count("quiet") != 0;
  common->is_verbose = result->count("verbose") != 0;
  common->threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxThreads);
  if (result->count("threads") != 0) {
    const std::string text = (*result)["threads"].as<std::string>();
    common->threads =
        static_cast<unsigned>(parse_number(text, "--threads", 1, kMaxThreads));
  }
  return true;
}

std::string output_option(const cxxopts::ParseResult& result) {
  const std::string name = result["output"].as<std::string>();
  if (name.empty()) throw Error(Status::usage, "-o takes the name of a file, or -");
  return name;
}

}  // namespace mallorn
