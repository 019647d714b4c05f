// mallorn-apply: base model + patch -> result model.
#include "libcommon/cli.hpp"
#include "libcommon/parse_process.hpp"
#include "mallorn-apply/arguments.hpp"
#include "mallorn-apply/commands.hpp"

namespace {

using namespace mallorn;

constexpr Program kProgram = {"mallorn-apply",
                              R"(usage: mallorn-apply BASE [PATCH] [-o FILE [--force]]
       mallorn-apply --in-place [--undo] BASE [PATCH]
       mallorn-apply --verify BASE [PATCH]
       mallorn-apply --info [--json | --base BASE] [PATCH]

Makes the new model from the old one (BASE) and a patch (PATCH, or standard
input), on standard output or in FILE, which appears only when it is complete
and its SHA-256 is right. The base is checked before anything is written.

  -o, --output FILE  write the result to FILE
      --force        replace FILE if it exists
      --resume       go on with what an interrupted run for FILE has left
      --in-place     make BASE itself the new model; run again to finish it
      --undo         with it: give the old model back, unless it was finished
      --no-undo      with --in-place: keep nothing for that
      --memory SIZE  use no more memory than that: 64M, 1G
      --verify       check all, write nothing; exit 1 instead of 65 and 76
      --info         say what the patch holds; needs no base
      --json         with --info: as JSON
      --base BASE    with --info: tensor by tensor as well
      --checked      do not say that nobody has checked the signature
      --state FILE   note the release in FILE once the result is complete
      --threads N    use N threads (default: one per processor)
  -q, --quiet        no warnings, no progress
  -v, --verbose      say what is done; with --info: list each section
  -h, --help         show this text
      --version      show the version

Memory: about 20 MB for each thread, whatever the size of the model.
Exit: 0 done, 1 --verify says no, 64 usage, 65 patch damaged, 66 cannot open,
69 needs a newer release, 73 cannot create, 74 I/O error, 75 interrupted, 76
wrong base. See mallorn-apply(1).

examples:
  mallorn-apply old.gguf update.mlp -o new.gguf
  mallorn-apply old.tflite < update.mlp > new.tflite
)"};

int run(int argc, char** argv) {
  apply::Arguments arguments;
  if (!read_arguments(kProgram, argc, argv, &arguments)) return 0;
  if (arguments.only_informs) return apply::show_info(arguments);
  if (arguments.is_in_place) return apply::update_in_place(arguments);
  return arguments.only_verifies ? apply::verify_patch(arguments)
                                 : apply::apply_patch(arguments);
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] {
    try {
      return run(argc, argv);
    } catch (const ParseFailed& failed) {
      return failed.code;  // mallorn-parse has said why
    }
  });
}
