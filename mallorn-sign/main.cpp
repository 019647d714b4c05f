// mallorn-sign: the place of signatures in the pipeline. This version reads its command
// line and refuses all work: patches of format version 0 carry no signatures yet.
#include "libcommon/cli.hpp"
#include "libcommon/error.hpp"

namespace {

using namespace mallorn;

constexpr Program kProgram = {"mallorn-sign",
                              R"(usage: mallorn-sign keygen | sign | verify

Signs patches and checks signatures (Ed25519). Patches of format version 0
carry no signatures: every command is refused with exit code 69.

      --threads N  use N threads (default: one per processor)
  -q, --quiet      no warnings, no progress
  -v, --verbose    say on standard error what is done
  -h, --help       show this text
      --version    show the version

examples:
  mallorn-sign --version
  mallorn-sign --help
)"};

int run(int argc, char** argv) {
  cxxopts::Options options(kProgram.name);
  add_common_options(options);
  CommonOptions common;
  cxxopts::ParseResult result;
  if (!parse_command_line(kProgram, options, argc, argv, &common, &result)) return 0;
  if (result.unmatched().size() != 1) {
    throw Error(Status::usage, "takes one command", "see mallorn-sign --help");
  }
  throw Error(Status::unsupported_feature,
              "patches of format version 0 carry no signatures");
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] { return run(argc, argv); });
}
