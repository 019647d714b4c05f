#include "mallorn-pack/arguments.hpp"

#include <algorithm>
#include <bit>

#include "libcommon/command_line.hpp"
#include "libcommon/core/lite_format.hpp"
#include "libcommon/core/patch_format.hpp"
#include "libcommon/error.hpp"
#include "mallorn-pack/chunk_encoder.hpp"

namespace mallorn::pack {
namespace {

constexpr uint64_t kDefaultPage = 4096;
constexpr uint64_t kLeastPage = 64;
constexpr uint64_t kLargestPage = kMaxLiteBytes / 2;

uint64_t read_page(const CommandLine& line) {
  const std::string text = line.value("page-size");
  const uint64_t page = parse_number(text, "--page-size", kLeastPage, kLargestPage);
  if (std::has_single_bit(page)) return page;
  throw Error(Status::usage, "--page-size takes a power of two from " +
                                 std::to_string(kLeastPage) + " to " +
                                 std::to_string(kLargestPage) + ", not '" + text + "'");
}

void read_profile(const CommandLine& line, Arguments* arguments) {
  const std::string profile = line.has("profile") ? line.value("profile") : "host";
  if (profile != "host" && profile != "lite") {
    throw Error(Status::usage, "--profile " + profile + ": no such profile",
                "host and lite are known");
  }
  arguments->is_lite = profile == "lite";
  for (const char* option : {"page-size", "max-ram", "in-place", "journal", "no-floats"}) {
    if (arguments->is_lite || !line.has(option)) continue;
    throw Error(Status::usage, std::string("--") + option + " goes with --profile lite");
  }
  arguments->is_in_place = line.has("in-place");
  arguments->has_journal = line.has("journal");
  if (arguments->has_journal && !arguments->is_in_place) {
    throw Error(Status::usage, "--journal goes with --in-place");
  }
  arguments->has_floats = !line.has("no-floats");
  const uint64_t page = line.has("page-size") ? read_page(line) : kDefaultPage;
  arguments->page_bytes = static_cast<uint32_t>(page);
  if (arguments->has_journal) {
    const uint64_t journal =
        parse_number(line.value("journal"), "--journal", page, kMaxLiteBytes - 1);
    arguments->most_lag =
        static_cast<uint32_t>(std::min<uint64_t>(journal / page - 1, kMostInPlaceLag));
  }
  if (!line.has("max-ram")) return;
  const uint64_t ram = parse_number(line.value("max-ram"), "--max-ram", 0, UINT64_MAX);
  if (ram < kLiteMemoryKib * 1024) {
    throw Error(Status::usage, "--max-ram: less than patches of profile lite need",
                "they need 1024 bytes");
  }
}

constexpr Option kOptions[] = {{"o,output", true},
                               {"force"},
                               {"level", true},
                               {"fast"},
                               {"max"},
                               {"model-id", true},
                               {"release", true},
                               {"profile", true},
                               {"in-place"},
                               {"page-size", true},
                               {"journal", true},
                               {"no-floats"},
                               {"max-ram", true},
                               {"explain"}};

}  // namespace

bool read_arguments(const Program& program, int argc, char** argv, Arguments* arguments) {
  CommandLine line;
  if (!parse_command_line(program, kOptions, argc, argv, &arguments->common, &line))
    return false;
  if (!line.operands.empty()) {
    throw Error(Status::usage, "takes no file but -o FILE", "see mallorn-pack --help");
  }
  if (line.has("output")) arguments->output = output_option(line);
  arguments->is_forced = line.has("force");
  if (line.has("level")) {
    const std::string text = line.value("level");
    arguments->level = static_cast<int>(parse_number(text, "--level", 1, kMaxLevel));
  }
  if (line.has("level") + line.has("fast") + line.has("max") > 1) {
    throw Error(Status::usage, "--level, --fast and --max", "give one of them");
  }
  if (line.has("fast")) arguments->level = kFastLevel;
  if (line.has("max")) {
    arguments->level = kMaxLevel;
    arguments->is_max = true;
  }
  if (line.has("model-id")) {
    arguments->model_id = line.value("model-id");
    if (arguments->model_id.empty() || arguments->model_id.size() > kMaxModelIdBytes) {
      throw Error(Status::usage, "--model-id takes 1 to 64 bytes");
    }
  }
  if (line.has("release")) {
    const std::string text = line.value("release");
    arguments->release =
        static_cast<uint32_t>(parse_number(text, "--release", 1, UINT32_MAX));
  }
  read_profile(line, arguments);
  arguments->explains = line.has("explain");
  if (arguments->is_lite && (arguments->level != 0 || arguments->explains)) {
    throw Error(Status::usage,
                "--level, --fast, --max and --explain do not go with --profile lite");
  }
  return true;
}

}  // namespace mallorn::pack
