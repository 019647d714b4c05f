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
  help [COMMAND]            show this text, or that of a command

Options of every command:
EOF
  common_options
  cat <<'EOF'

Exit: 0 done, 1 verify says no, 64 usage, 65 damaged input, 66 cannot open,
69 needs a newer release, 73 cannot create, 74 I/O error, 76 wrong base. See
mallorn(1).

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
      --explain      say on standard error what happened to each tensor
      --strict       fail if OLD or NEW is not a model that is understood
      --inline       carry the bytes through the pipes (default: by reference)
EOF
  common_options
  cat <<'EOF'

examples:
  mallorn diff v1.tflite v2.tflite -o patch.tflp
  mallorn diff --explain -n old.gguf new.gguf -o update.mlp
EOF
}

help_patch() {
  cat <<'EOF'
usage: mallorn patch OLD PATCH -o NEW [options]

Makes the model NEW from the model OLD and a patch. NEW appears only when it
is complete and its SHA-256 is the one in the patch. PATCH may be `-`:
standard input.

  -o, --output NEW   write the result to NEW; `-`: standard output
      --force        replace NEW if it exists
EOF
  common_options
  cat <<'EOF'

examples:
  mallorn patch v1.tflite patch.tflp -o v2.tflite
  curl -sf https://example.org/update.mlp | mallorn patch old.gguf - -o new.gguf
EOF
}

help_verify() {
  cat <<'EOF'
usage: mallorn verify OLD PATCH [options]

Checks the patch, the base OLD and the result that they make, and writes
nothing. Exit code 0: mallorn patch will succeed. Exit code 1: it will not,
since the patch is damaged or made for another file; a line on standard error
says which. Other codes: this could not be found out, see mallorn(1).

EOF
  common_options
  cat <<'EOF'

examples:
  mallorn verify v1.tflite patch.tflp
  mallorn verify old.gguf update.mlp && echo ready
EOF
}

help_info() {
  cat <<'EOF'
usage: mallorn info [--json] PATCH

Prints what a patch holds: sizes and digests of base and result, the memory
that is needed, and how the bytes of the result are made; with --verbose, also
section by section.

      --json         print JSON
EOF
  common_options
  cat <<'EOF'

examples:
  mallorn info patch.tflp
  mallorn info --json patch.tflp | jq .result.sha256
EOF
}

show_help() { # [COMMAND]
  case ${1:-help} in
    help) help_main | print_all ;;
    diff | patch | verify | info) "help_$1" | print_all ;;
    *) usage_error "no such command: $1" ;;
  esac
}
