# shellcheck shell=sh
# What the front end says, and how it shows names.

# One line on standard error, as the programs write them (docs/errors.md).
message() { # KIND TEXT
  printf 'mallorn: %s: %s\n' "$1" "$(printable "$2")" >&2
}

fail() { # EXIT_CODE MESSAGE [HINT]
  message error "$2"
  [ $# -lt 3 ] || message hint "$3"
  exit "$1"
}

usage_error() { # MESSAGE
  fail 64 "${command:+$command: }$1 [usage]" "see mallorn help${command:+ $command}"
}

# $1 as it can be pasted into a shell.
quoted() {
  case $1 in
    '' | *[!A-Za-z0-9_./:=@%+,-]*) ;;
    *) printf '%s' "$1" && return ;;
  esac
  rest=$1
  text=
  while [ "${rest#*\'}" != "$rest" ]; do
    text=$text${rest%%\'*}"'\\''"
    rest=${rest#*\'}
  done
  printf "'%s'" "$text$rest"
}

# $1 with what a terminal would obey, and what is not UTF-8, as \xNN: the printable() of the
# programs, libcommon/cli.cpp. Called in a subshell.
printable() {
  LC_ALL=C  # ranges are of bytes
  case $1 in
    *[!\ -~]*) ;;
    *) printf '%s' "$1" && return ;;
  esac
  shown=$(escaped "$1" 2>/dev/null) || shown=
  [ -n "$shown" ] || shown=$(plain "$1")
  printf '%s' "$shown"
}

# $1 with ? for what is not printable ASCII: by the shell alone, where there is no od or awk.
plain() {
  rest=$1
  text=
  while [ -n "$rest" ]; do
    behind=${rest#?}
    case ${rest%"$behind"} in
      [\ -~]) text=$text${rest%"$behind"} ;;
      *) text=$text'?' ;;
    esac
    [ "$behind" != "$rest" ] || break  # some shells do not take a byte of no character for one
    rest=$behind
  done
  printf '%s' "$text"
}

escaped() {
  printf '%s' "$1" | od -An -v -tu1 | LC_ALL=C awk '
    # Length of the well-formed, printable sequence that begins at i; 0 if there is none.
    function sequence(i,  a, b, c, size, k) {
      a = byte[i]; b = byte[i + 1]; c = byte[i + 2]
      if (a < 128) return a >= 32 && a != 127
      size = a >= 240 ? 4 : a >= 224 ? 3 : 2
      if (a < 194 || a > 244 || i + size > count) return 0
      for (k = 1; k < size; k++) if (byte[i + k] < 128 || byte[i + k] > 191) return 0
      if ((a == 194 || a == 224) && b < 160 || a == 240 && b < 144) return 0  # C1, overlong
      if (a == 237 && b >= 160 || a == 244 && b >= 144) return 0  # surrogates, beyond
      if (a == 226 && b == 128 && (c >= 139 && c <= 143 || c >= 168 && c <= 174)) return 0  # direction
      if (a == 226 && b == 129 && c >= 166 && c <= 169) return 0
      return size
    }
    { for (k = 1; k <= NF; k++) byte[count++] = $k + 0 }
    END {
      for (i = 0; i < count; i += size) {
        size = sequence(i)
        for (k = 0; k < size; k++) printf "%c", byte[i + k]
        if (size == 0) printf "\\x%02x", byte[i + size++]
      }
    }'
}

# Prints stdin; an output that cannot be written is an error here as everywhere.
print_all() {
  cat 2>/dev/null && return
  status=$?
  [ "$status" -eq 141 ] || fail 74 'standard output: cannot be written [io]'
  exit "$status"
}
