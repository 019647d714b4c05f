// mallorn-pack: delta stream -> patch.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "libcommon/reader_watch.hpp"
#include "mallorn-pack/host_patch.hpp"
#include "mallorn-pack/lite_patch.hpp"

namespace {

using namespace mallorn;

constexpr Program kProgram = {"mallorn-pack",
                              R"(usage: mallorn-pack [OPTION...] [-o FILE [--force]]

Codes a delta stream (standard input, from mallorn-delta) as a patch. Each
chunk is coded by whichever codec makes it smallest. The patch goes to standard
output, or to FILE, which appears only when it is complete.

  -o, --output FILE  write the patch to FILE
      --force        replace FILE if it exists
      --level N      effort from 1 (fastest) to 19 (smallest); default: 19 for
                     models up to 1 MiB, 9 up to 64 MiB, 3 for larger ones
      --fast         the same as --level 3: made and applied fastest
      --max          level 19, and codecs that make patches 1 to 3 % smaller
                     still, but take 0.5 s for each MB, to make and to apply
      --model-id ID  name the model (up to 64 bytes), for who checks signatures
      --release N    number the release, against downgrades: 1 to 4294967295
      --profile NAME host (default), or lite: for devices with 1 KiB of memory
      --page-size N  lite: length of the device's erase blocks (default: 4096)
      --in-place     lite: for devices with one slot, which overwrite the base
      --journal N    with --in-place: length of their journal (default: a page)
      --no-floats    lite: for devices that are built without floats
      --max-ram N    lite: fail if the device needs more than N bytes of memory
      --explain      print what became of each tensor (mallorn-delta --notes)
      --threads N    use N threads (default: one per processor); the patch is
                     the same for any number
  -q, --quiet        no warnings, no progress
  -v, --verbose      say on standard error what is done
  -h, --help         show this text
      --version      show the version

Memory: about 30 MB for each thread, whatever the size of the model; profile
lite: some ten times the size of the model.
Exit: 0 done, 64 usage, 65 input damaged, 73 cannot create FILE, 74 I/O error.

examples:
  mallorn-parse old.gguf | mallorn-delta new.gguf | mallorn-pack -o update.mlp
  mallorn-pack --level 19 --threads 8 < delta.mls > update.mlp
)"};

// What is known before anything is coded.
PatchHeader header_of(const DeltaManifest& manifest, const pack::Arguments& arguments) {
  PatchHeader header;
  header.base_bytes = manifest.base.length_bytes;
  header.base_digest = manifest.base.digest;
  header.result_bytes = manifest.result.length_bytes;
  header.result_digest = manifest.result.digest;
  header.release = arguments.release;
  header.model_id_bytes = static_cast<uint8_t>(arguments.model_id.size());
  std::copy(arguments.model_id.begin(), arguments.model_id.end(), header.model_id.begin());
  return header;
}

// Each section takes memory as the one before did: given back in between, all of its pages
// would have to be made again.
void keep_memory() {
  constexpr int kMostKept = 32 << 20;
  ::mallopt(M_MMAP_THRESHOLD, kMostKept);
  ::mallopt(M_TRIM_THRESHOLD, kMostKept);
}

int run(int argc, char** argv) {
  pack::Arguments arguments;
  if (!read_arguments(kProgram, argc, argv, &arguments)) return 0;
  keep_memory();
  Output output(arguments.output, arguments.is_forced);
  std::optional<ReaderWatch> watch;
  if (output.is_stdout()) watch.emplace();
  pack::DeltaSource source(STDIN_FILENO, "standard input", arguments.explains);
  const PatchHeader header = header_of(source.manifest(), arguments);
  const auto write = arguments.is_lite ? pack::write_lite_patch : pack::write_host_patch;
  write(source, arguments, header, output);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] { return run(argc, argv); });
}
