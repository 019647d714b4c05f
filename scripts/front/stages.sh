# shellcheck shell=sh
# The stages of `mallorn diff`, and of `mallorn patch` and `mallorn verify` with keys: their command
# lines, and running them.

# Gives the command line of a stage to `show` or `exec`.
with_stage() { # FUNCTION STAGE
  function=$1
  stage=$2
  set -- ${threads:+--threads "$threads"} ${quiet:+--quiet} ${verbose:+--verbose}
  by_reference=1
  ! $is_inline || by_reference=
  lite=
  [ "$profile" != lite ] || lite=1
  case $stage in
    parse) set -- "$parse" ${by_reference:+--by-reference} ${strict:+--strict} "$@" "$old" ;;
    delta) set -- "$delta" ${by_reference:+--by-reference} ${explain:+--notes} \
      ${max:+--distant} ${lite:+--lite} ${strict:+--strict} "$@" "$new" ;;
    pack) set -- "$pack" ${level:+--level "$level"} ${fast:+--fast} ${max:+--max} \
      ${profile:+--profile "$profile"} ${page_size:+--page-size "$page_size"} \
      ${max_ram:+--max-ram "$max_ram"} ${in_place:+--in-place} ${journal_size:+--journal "$journal_size"} \
      ${no_floats:+--no-floats} ${model_id:+--model-id "$model_id"} \
      ${release:+--release "$release"} ${explain:+--explain} "$@" ;;
    sign) set -- "$sign" sign --key "$signing_key" \
      ${passphrase_fd:+--passphrase-fd "$passphrase_fd"} "$@" ;;
    verify)
      set -- ${model_id:+--model-id "$model_id"} ${min_release:+--min-release "$min_release"} \
        ${state:+--state "$state"} "$@" "$patch"
      eval "set -- $keys \"\$@\""
      set -- "$sign" verify "$@"
      ;;
    apply)
      # What is given back is no new release.
      [ "$undo" = --undo ] || set -- ${state:+--state "$state"} "$@"
      set -- "$apply" ${in_place:+--in-place} ${undo:+"$undo"} --checked \
        ${memory:+--memory "$memory"} "$@" "$old" -
      ;;
    check) set -- "$apply" --verify --checked ${memory:+--memory "$memory"} "$@" "$old" - ;;
  esac
  case $stage in
    "$last_stage")
      case $stage:$in_place in
        check: | apply:1) ;;
        *) set -- "$@" ${forced:+--force} ${resumes:+--resume} -o "$output" ;;
      esac
      ;;
  esac
  "$function" "$@"
}

# Prints the stages as a pipeline.
show_stages() { # STAGE...
  for last_stage; do :; done
  for stage_shown; do
    with_stage show "$stage_shown"
    [ "$stage_shown" = "$last_stage" ] || printf ' | '
  done
  echo
}

# Runs the stages, joined by pipes, and exits with the code of the one that failed.
#
# A shell pipeline would tell only how its last stage ended. And a stage whose stream stops early
# says so, though the stage before it has said why. So this shell makes the pipes itself and holds
# their writing ends open: it lets go of one only when the stage that writes to it has succeeded.
# If that stage failed, those behind it are stopped, and never learn that there is no more to read.
# Pipe N is written to by descriptor 2N + 1 and read from by descriptor 2N + 2.
run_stages() { # STAGE... (two to four)
  for last_stage; do :; done
  folder='' pids='' number=0
  trap clean_up EXIT
  trap 'interrupted INT' INT
  trap 'interrupted TERM' TERM
  trap 'interrupted HUP' HUP
  export MALLORN_FRONT_END=$$  # so that they end, too, if this is killed
  keep_passphrase
  open_pipes $(($# - 1))
  keep_input
  save_terminal
  number=0
  for name; do
    number=$((number + 1))
    start_stage "$name" "$number" $#
    pids="$pids $!"
  done
  exec 4<&- 6<&- 8<&- 9<&-
  number=0
  behind=$pids
  for pid in $pids; do
    number=$((number + 1))
    behind=${behind#" $pid"}
    [ "$number" -lt $# ] || break
    await "$pid" "$(stage_program "$number" "$@")" || stop_after $? "$behind"
    eval "exec $((2 * number + 1))>&-"
  done
  wait "$pid" 2>/dev/null
  status=$?
  [ "$status" -ne 141 ] || end_by_signal PIPE 141  # whoever reads our output has left
  report "$status" "$(stage_program $# "$@")" || exit
  [ "$is_cut" = false ] || fail 70 'a stage was stopped [internal]'
  exit 0
}

# The name of the program that is stage NUMBER.
stage_program() { # NUMBER STAGE...
  shift "$1"
  case $1 in
    verify) echo mallorn-sign ;;
    check) echo mallorn-apply ;;
    *) echo "mallorn-$1" ;;
  esac
}

start_stage() { # STAGE NUMBER COUNT
  from="<&$((2 * $2))"
  to=">&$((2 * $2 + 1))"
  [ "$2" -gt 1 ] || from=$input
  [ "$2" -lt "$3" ] || to=
  eval "exec_stage \"\$1\" $from $to &"
}

# Their names are gone before anything is done with them.
open_pipes() { # COUNT
  # A shell that runs out of descriptors half way ends with a code and words of its own.
  # shellcheck disable=SC3045  # -n: POSIX since 2024; a shell without it prints nothing here
  case $(ulimit -n 2>/dev/null) in
    [0-9] | [12][0-9]) fail 74 'fewer than 30 files may be open at a time [io]' 'raise ulimit -n' ;;
  esac
  protect_name "${TMPDIR:-/tmp}"
  where=$name
  # An empty $folder would be the root of the file system.
  if ! folder=$(mktemp -d "$where/mallorn-XXXXXX" 2>/dev/null) || [ -z "$folder" ]; then
    folder=
    fail 73 "$where: no folder can be made here [cannot_create]" \
      'pipes need one meanwhile: set TMPDIR to a folder that may be written'
  fi
  number=0
  while [ "$number" -lt "$1" ]; do
    number=$((number + 1))
    mkfifo "$folder/$number" 2>/dev/null ||
      fail 73 "$where: no pipe can be made here [cannot_create]" \
        'set TMPDIR to a folder of a file system that has pipes'
    # Opened for both directions at first: opening one end of a pipe waits for the other.
    eval "exec $((2 * number + 1))<>\"\$folder/\$number\" \
      $((2 * number + 2))<\"\$folder/\$number\" $((2 * number + 1))>\"\$folder/\$number\""
  done
  remove_folder
}

remove_folder() {
  [ -z "$folder" ] || rm -rf -- "$folder"
  folder=
}

# A stage that asks for a passphrase does not show what is typed; if it is stopped meanwhile, the
# terminal has to be put right by someone else.
terminal=''
save_terminal() {
  [ -z "$signing_key" ] || terminal=$( { stty -g < /dev/tty; } 2>/dev/null) || terminal=
}

clean_up() {
  remove_folder
  [ -z "$terminal" ] || { stty "$terminal" < /dev/tty; } 2>/dev/null
  terminal=
}

# Pipes and stages take the descriptors below 9: what is to be read from one of these is kept as 9,
# which only `patch` and `verify` need for something else.
keep_passphrase() {
  case $passphrase_fd in
    [0-8])
      eval "exec 9<&$passphrase_fd"
      passphrase_fd=9
      ;;
  esac
}

# Whether there is a descriptor N here, which /dev/fd, where it is, says of all: some shells know
# one digit only. mallorn-sign checks its own.
is_open() { # N
  case $1 in
    ?) (eval "exec 9<&$1") 2>/dev/null ;;
    *) [ -e "/dev/fd/$1" ] || ! [ -d /dev/fd ] ;;
  esac
}

# What a shell starts with & it gives no standard input: the first stage finds it elsewhere, if it
# is to read it.
input=''
keep_input() {
  [ "$patch" = - ] || return 0
  is_open 0 || fail 74 'standard input: is closed [io]'
  exec 9<&0
  input='<&9'
}

# In the child: keeps only its own ends of the pipes. What a stage says of a patch that it gets from
# the one before names the file.
exec_stage() { # STAGE
  exec 3>&- 4<&- 5>&- 6<&- 7>&- 8<&-
  [ "$1:$passphrase_fd" = sign:9 ] || exec 9<&-
  case $1:$patch in
    *:-) ;;
    apply:* | check:*) export MALLORN_STDIN_NAME="$patch" ;;
  esac
  with_stage exec "$1"
}

# Waits for a stage; its exit code, except that 141 (SIGPIPE) is 0: its reader has ended, and says
# why.
is_cut=false
await() { # PID NAME
  wait "$1" 2>/dev/null
  status=$?
  if [ "$status" -eq 141 ]; then
    is_cut=true
    return 0
  fi
  report "$status" "$2"
}

# Says so if a stage was stopped by a signal; returns its exit code.
report() { # STATUS NAME
  [ "$1" -le 128 ] ||
    message error "$2 was stopped by signal $(kill -l "$1") [interrupted]"
  return "$1"
}

# Ends this shell as a signal would; exits with CODE should the signal be ignored.
end_by_signal() { # SIGNAL CODE
  trap - EXIT "$1"
  kill -s "$1" $$
  exit "$2"
}

# KILL, since a shell that has not become its program yet would drop a TERM. Nothing is lost by it:
# an output file has no name before it is complete.
stop_after() { # EXIT_CODE PIDS
  exec 2>/dev/null  # some shells tell of what they have killed
  # shellcheck disable=SC2086  # numbers
  kill -s KILL $2
  wait
  exit "$1"
}

# mallorn-apply, the last stage, says itself that it can be gone on with, and how.
# TERM: a shell may have it ignore INT.
end_resumably() { # LAST_PID
  for pid in $pids; do
    [ "$pid" = "$1" ] || kill -s KILL "$pid" 2>/dev/null
  done
  kill -s TERM "$1" 2>/dev/null
  wait "$1" 2>/dev/null
  [ $? -eq 75 ] || return 0
  clean_up
  exit 75
}

interrupted() { # SIGNAL
  trap - INT TERM HUP
  [ -z "$in_place$resumes" ] || [ -z "${!:-}" ] || end_resumably "$!"
  for pid in $pids ${!:-}; do  # $!: started, but not yet noted
    kill -s KILL "$pid" 2>/dev/null
  done
  wait 2>/dev/null
  clean_up
  kill -s "$1" $$
}
