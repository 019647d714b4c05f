# shellcheck shell=sh
# The help texts of the front end.

# What every help text contains.
common_options() {
  cat <<'EOF'
      --threads N    use N threads (default: one per processor)
  -n, --dry-run      print the command line to be run; do not run it
  -q, --quiet        no warnings, no progress
  -v, --verbose      say on standard error what is done
  -h, --help         show this text
      --version      show the version
EOF
}

help_main() {
  cat <<'EOF'
usage: mallorn COMMAND [options] FILES

Makes small patches between two versions of a model file, and applies them.

  diff OLD NEW -o PATCH     make a patch that turns OLD into NEW
  patch OLD PATCH -o NEW    make NEW from OLD and a patch
  verify OLD PATCH          check that PATCH applies to OLD; write nothing
  info PATCH                say what a patch holds
  keygen NAME               make keys to sign patches with
  sign PATCH -o SIGNED      put a signature on a patch
  help [COMMAND]            show this text, or that of a command

Options of every command:
EOF
  common_options
  cat <<'EOF'

Exit: 0 done, 1 verify says no, 64 usage, 65 damaged input, 66 cannot open,
69 needs a newer release, 73 cannot create, 74 I/O error, 75 interrupted,
76 wrong base, 77 signature, model or release refused. See mallorn(1).

examples:
  mallorn diff v1.tflite v2.tflite -o patch.tflp
  mallorn patch v1.tflite patch.tflp -o v2.tflite
EOF
}

help_diff() {
  cat <<'EOF'
usage: mallorn diff OLD NEW -o PATCH [options]

Makes a patch that turns the model OLD into the model NEW. PATCH appears only
when it is complete.

  -o, --output PATCH write the patch to PATCH; `-`: standard output
      --force        replace PATCH if it exists
      --level N      effort of compression; see mallorn-pack(1)
      --fast         make patches that are applied fastest
      --max          make the smallest patches: 1 to 3 % smaller than without,
                     made and applied at some 2 MB of the model a second
      --profile NAME host (default), or lite: for devices with 1 KiB of memory
      --page-size N  lite: length of the device's erase blocks (default: 4096)
      --max-ram N    lite: fail if the device needs more than N bytes of memory
      --in-place     lite: for devices with one slot, which overwrite OLD
      --journal N    with --in-place: length of their journal (default: a page)
      --no-floats    lite: for devices that are built without floats
      --explain      say on standard error what happened to each tensor
      --strict       fail if OLD or NEW is not a model that is understood
      --inline       carry the bytes through the pipes (default: by reference)
      --sign KEY     sign the patch with the secret key in KEY
      --passphrase-fd N  read the passphrase of KEY from descriptor N
      --model-id ID  name the model, for who checks signatures
      --release N    number the release, against downgrades
EOF
  common_options
  cat <<'EOF'

examples:
  mallorn diff v1.tflite v2.tflite -o patch.tflp
  mallorn diff --sign acme.key --model-id kws --release 7 v1 v2 -o update.mlp
EOF
}

help_patch() {
  cat <<'EOF'
usage: mallorn patch OLD PATCH -o NEW [options]
       mallorn patch --in-place [--undo] OLD PATCH [options]

Makes the model NEW from the model OLD and a patch. NEW appears only when it
is complete and its SHA-256 is the one in the patch. PATCH may be `-`:
standard input. With a key: before anything of the patch is decoded, it must
be signed by that key, or by one of several.

  -o, --output NEW   write the result to NEW; `-`: standard output
      --force        replace NEW if it exists
      --in-place     turn OLD itself into the new model, with a journal beside
                     it; run again, it finishes what was interrupted
      --undo         with it: give OLD back, unless that was finished
      --no-undo      with --in-place: keep nothing for that
      --resume       go on with what an interrupted run for NEW has left
      --memory SIZE  use no more memory than that: 64M, 1G
EOF
  trust_options
  cat <<'EOF'
      --state FILE   refuse releases below that in FILE, and models that are not
                     in it, but for ID; keep FILE up to date
EOF
  common_options
  cat <<'EOF'

examples:
  mallorn patch v1.tflite patch.tflp -o v2.tflite
  mallorn patch --key acme.pub --model-id kws --state releases \
      v1.tflite update.mlp -o v2.tflite
EOF
}

help_verify() {
  cat <<'EOF'
usage: mallorn verify OLD PATCH [options]

Checks the patch, the base OLD and the result that they make, and writes
nothing. Exit code 0: mallorn patch will succeed. Exit code 1: it will not,
since the patch is damaged or made for another file; a line on standard error
says which. With a key, exit code 77: the patch is not signed by it, or is not
what was signed. Other codes: this could not be found out, see mallorn(1).

      --memory SIZE  use no more memory than that: 64M, 1G
EOF
  trust_options
  cat <<'EOF'
      --state FILE   refuse releases below that in FILE, and models that are not
                     in it, but for ID
EOF
  common_options
  cat <<'EOF'

examples:
  mallorn verify v1.tflite patch.tflp
  mallorn verify --key acme.pub old.gguf update.mlp && echo ready
EOF
}

# What is required of a patch.
trust_options() {
  cat <<'EOF'
      --key KEY      trust the public key in KEY; may be given several times
      --model-id ID  refuse patches for other models
      --min-release N  refuse releases below N
EOF
}

help_keygen() {
  cat <<'EOF'
usage: mallorn keygen NAME [options]

Makes two keys: NAME.key to sign patches with, which stays secret, and NAME.pub
to check them with, for everybody. They are Ed25519 keys in PEM, as openssl
makes and reads them.

      --force        replace keys that exist
      --encrypt      ask for a passphrase, and encrypt NAME.key
      --passphrase-fd N  read the passphrase from descriptor N
EOF
  common_options
  cat <<'EOF'

examples:
  mallorn keygen acme
  mallorn keygen --encrypt acme
EOF
}

help_sign() {
  cat <<'EOF'
usage: mallorn sign --key KEY PATCH -o SIGNED [options]

Puts a signature on PATCH, beside those it has. PATCH may be `-`: standard
input. For keys in hardware, see mallorn-sign(1).

      --key KEY      sign with the secret key in KEY
      --passphrase-fd N  read the passphrase of KEY from descriptor N
  -o, --output SIGNED  write the signed patch to SIGNED; `-`: standard output
      --force        replace SIGNED if it exists
EOF
  common_options
  cat <<'EOF'

examples:
  mallorn sign --key acme.key update.mlp -o signed.mlp
  mallorn sign --key new.key signed.mlp -o signed-twice.mlp
EOF
}

help_info() {
  cat <<'EOF'
usage: mallorn info [--json | --base OLD] PATCH

Prints what a patch holds: sizes and digests of base and result, the memory
that is needed, and how the bytes of the result are made (with --verbose,
section by section; with --base, tensor by tensor, as mallorn diff --explain
does); and which keys have signed it, by their ids (mallorn-sign id), without
checking.

      --json         print JSON
      --base OLD     name the tensors, and what they were matched to: decodes
                     the patch twice, and keeps the new model in $TMPDIR
                     meanwhile
EOF
  common_options
  cat <<'EOF'

examples:
  mallorn info --base old.tflite patch.tflp
  mallorn info --json patch.tflp | jq .result.sha256
EOF
}

show_help() { # [COMMAND]
  case ${1:-help} in
    help) help_main | print_all ;;
    diff | patch | verify | info | keygen | sign) "help_$1" | print_all ;;
    *) fail 64 "no such command: $1 [usage]" 'see mallorn help' ;;
  esac
}
