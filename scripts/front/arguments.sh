# shellcheck shell=sh
# Reads the command line of the front end.

command='' old='' new='' patch='' topic='' output=''
has_output=false
is_dry_run=false
is_inline=false
forced='' quiet='' verbose='' threads='' level='' fast='' max='' explain='' strict='' json=''
signing_key='' model_id='' release='' min_release='' state='' passphrase_fd='' encrypted='' resumes='' in_place='' undo='' memory=''
profile='' page_size='' journal_size='' max_ram='' no_floats='' base=''
keys='' # as words of a command line: --key FILE ...

# Sets `name` to $1, or to what no program can take for an option or for a stream.
protect_name() {
  case $1 in
    -*) name=./$1 ;;
    *) name=$1 ;;
  esac
}

take_value() { # OPTION VALUE...
  [ -n "${2:-}" ] || usage_error "$1 takes a value"
  case $1 in
    -o | --output) output=$2 has_output=true ;;
    --level) level=$2 ;;
    --profile) profile=$2 ;;
    --page-size) page_size=$2 ;;
    --max-ram) max_ram=$2 ;;
    --journal) journal_size=$2 ;;
    --threads) threads=$2 ;;
    --memory) memory=$2 ;;
    --model-id) model_id=$2 ;;
    --release) release=$2 ;;
    --min-release) min_release=$2 ;;
    --passphrase-fd) passphrase_fd=$2 ;;
    --sign) protect_name "$2" && signing_key=$name ;;
    --base) protect_name "$2" && base=$name ;;
    --state) protect_name "$2" && state=$name ;;
    --key) protect_name "$2" && keys="$keys --key $(quoted "$name")" ;;
  esac
}

take_flag() { # OPTION
  case $1 in
    -n | --dry-run) is_dry_run=true ;;
    -q | --quiet) quiet=1 ;;
    -v | --verbose) verbose=1 ;;
    --force) forced=1 ;;
    --resume) resumes=1 ;;
    --in-place) in_place=1 ;;
    --no-floats) no_floats=1 ;;
    --undo | --no-undo)
      [ "${undo:-$1}" = "$1" ] || usage_error '--undo and --no-undo: give one of them'
      undo=$1
      ;;
    --fast) fast=1 ;;
    --max) max=1 ;;
    --explain) explain=1 ;;
    --strict) strict=1 ;;
    --inline) is_inline=true ;;
    --json) json=1 ;;
    --encrypt) encrypted=1 ;;
    -h | --help) show_help "$command"; exit ;;
    --version) print_version; exit ;;
  esac
}

# Whether $command has option $1 (its bare name).
has_option() {
  case $command:$1 in
    *:--threads | *:-n | *:--dry-run | *:-q | *:--quiet | *:-v | *:--verbose) ;;
    *:-h | *:--help | *:--version) ;;
    diff:-o | diff:--output | diff:--force) ;;
    diff:--level | diff:--fast | diff:--max) ;;
    diff:--explain | diff:--strict | diff:--inline) ;;
    diff:--sign | diff:--passphrase-fd | diff:--model-id | diff:--release) ;;
    diff:--profile | diff:--page-size | diff:--max-ram | diff:--in-place | diff:--journal | diff:--no-floats) ;;
    patch:-o | patch:--output | patch:--force | patch:--resume) ;;
    patch:--in-place | patch:--undo | patch:--no-undo) ;;
    patch:--memory | verify:--memory) ;;
    patch:--key | patch:--model-id | patch:--min-release | patch:--state) ;;
    verify:--key | verify:--model-id | verify:--min-release | verify:--state) ;;
    sign:-o | sign:--output | sign:--force | sign:--key | sign:--passphrase-fd) ;;
    keygen:--force | keygen:--encrypt | keygen:--passphrase-fd) ;;
    info:--json | info:--base) ;;
    *) return 1 ;;
  esac
}

# Sets the variables above from "$@". Options may stand before, between and behind operands.
parse_arguments() {
  only_operands=false
  operand_count=0
  while [ $# -gt 0 ]; do
    argument=$1
    shift
    case $only_operands:$argument in
      false:--) only_operands=true && continue ;;
      false:--*=*)
        option=${argument%%=*}
        require_option "$option"
        is_value_option "$option" || usage_error "$option takes no value"
        set -- "${argument#*=}" "$@"
        ;;
      false:--*) option=$argument ;;
      false:-?*)
        rest=${argument#-?}
        option=${argument%"$rest"}
        if [ -n "$rest" ]; then
          is_value_option "$option" || rest=-$rest
          set -- "$rest" "$@"
        fi
        ;;
      *) take_word "$argument" && continue ;;
    esac
    require_option "$option"
    if is_value_option "$option"; then
      take_value "$option" "$@"
      shift
    else
      take_flag "$option"
    fi
  done
}

is_value_option() {
  case $1 in
    -o | --output | --level | --threads | --profile | --page-size | --max-ram | --journal) ;;
    --memory | --base | --sign | --key | --model-id | --release | --min-release | --state | --passphrase-fd) ;;
    *) return 1 ;;
  esac
}

require_option() {
  has_option "$1" || usage_error "no such option: $1"
}

# The command, then its operands. A lone `-` is a stream, which only PATCH may be.
take_word() {
  if [ -z "$command" ]; then
    case $1 in
      diff | patch | verify | info | keygen | sign | help) command=$1 ;;
      *) usage_error "no such command: $1" ;;
    esac
    return 0
  fi
  [ -n "$1" ] || usage_error 'a file name is empty'
  operand_count=$((operand_count + 1))
  protect_name "$1"
  case $command:$operand_count in
    patch:2 | verify:2 | info:1 | sign:1)
      [ "$only_operands:$1" != false:- ] || name=-
      patch=$name
      return 0
      ;;
  esac
  [ "$only_operands:$1" != false:- ] || usage_error 'works on files; for streams use the programs'
  case $command:$operand_count in
    diff:1 | patch:1 | verify:1) old=$name ;;
    diff:2) new=$name ;;
    keygen:1) new=$name ;;
    help:1) topic=$name ;;
    *) usage_error "one operand too many: $1" ;;
  esac
}

require_operands() { # COUNT WORDS
  [ "$operand_count" -eq "$1" ] || usage_error "takes $2"
}

# Of a patch that is not signed by a known key nothing can be required.
require_keys() {
  [ -z "$keys" ] || return 0
  [ -z "$model_id$min_release$state" ] ||
    usage_error '--model-id, --min-release and --state take --key as well'
}

# In place, OLD is the output.
require_new_model() {
  if [ -z "$in_place" ]; then
    [ -z "$undo" ] || usage_error "$undo takes --in-place as well"
    require_output 'new model'
  elif $has_output || [ -n "$forced$resumes" ]; then
    usage_error '--in-place takes no -o, --force or --resume'
  fi
}

require_output() { # WHAT IT IS FOR
  $has_output || usage_error "no output: name the $1 with -o"
  [ -n "$output" ] || usage_error '-o takes the name of a file, or -'
  [ "$output" = - ] && return  # standard output
  protect_name "$output"
  output=$name
}
