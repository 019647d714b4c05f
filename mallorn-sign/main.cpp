// mallorn-sign: makes keys, signs patches, and lets those through that may be trusted.
#include "libcommon/cli.hpp"
#include "mallorn-sign/arguments.hpp"
#include "mallorn-sign/commands.hpp"

namespace {

using namespace mallorn;

constexpr Program kProgram = {"mallorn-sign",
                              R"(usage: mallorn-sign keygen NAME [--encrypt] [--force]
       mallorn-sign sign --key NAME.key [PATCH] [-o FILE]
       mallorn-sign verify --key NAME.pub ... [OPTION ...] [PATCH] [-o FILE]
       mallorn-sign id KEY

keygen makes the keys NAME.key and NAME.pub (Ed25519, PEM). sign and verify are
filters: sign puts a signature on PATCH, or standard input; verify passes PATCH
on, once all of it has been checked, if it is signed by one of the keys.

      --key KEY             sign: secret key; verify: trusted, may be repeated
      --model-id ID         verify: refuse patches for other models
      --min-release N       verify: refuse releases below N
      --state FILE          verify: refuse releases below that in FILE, and
                            models that are not in it, but for ID
      --check-only          verify: write nothing
      --print-message       sign: write what is to be signed elsewhere
      --signature FILE      sign: take the signature in FILE; KEY is NAME.pub
      --encrypt             keygen: ask for a passphrase for NAME.key
      --passphrase-fd N     read the passphrase from descriptor N
  -o, --output FILE         write the patch to FILE
      --force               replace what exists
      --threads N           use N threads (default: one per processor)
  -q, --quiet               no warnings, no progress
  -v, --verbose             say on standard error what is done
  -h, --help                show this text
      --version             show the version

Exit: 0 done, 64 usage, 65 damaged, 66 cannot open, 73 cannot create, 74 I/O
error, 77 verify says no. See mallorn-sign(1).

examples:
  mallorn-sign sign --key acme.key update.mlp -o signed.mlp
  mallorn-sign verify --key acme.pub < signed.mlp | mallorn-apply old -o new
)"};

int run(int argc, char** argv) {
  sign::Arguments arguments;
  if (!read_arguments(kProgram, argc, argv, &arguments)) return 0;
  switch (arguments.command) {
    case sign::Command::keygen:
      make_keys(arguments);
      break;
    case sign::Command::sign:
      sign_patch(arguments);
      break;
    case sign::Command::verify:
      verify_patch(arguments);
      break;
    case sign::Command::id:
      print_key_id(arguments);
      break;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] { return run(argc, argv); });
}
