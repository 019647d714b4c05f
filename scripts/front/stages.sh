# shellcheck shell=sh
# The three stages of `mallorn diff`: their command lines, and running them.

# Gives the command line of a stage (1, 2, 3) to `show` or `exec`.
with_stage() { # FUNCTION NUMBER
  by_reference=1
  ! $is_inline || by_reference=
  case $2 in
    1) set -- "$1" "$parse" ${by_reference:+--by-reference} ${strict:+--strict} \
      ${threads:+--threads "$threads"} ${quiet:+--quiet} ${verbose:+--verbose} "$old" ;;
    2) set -- "$1" "$delta" ${by_reference:+--by-reference} ${explain:+--explain} \
      ${strict:+--strict} ${threads:+--threads "$threads"} ${quiet:+--quiet} \
      ${verbose:+--verbose} "$new" ;;
    3) set -- "$1" "$pack" ${level:+--level "$level"} \
      ${threads:+--threads "$threads"} ${quiet:+--quiet} ${verbose:+--verbose} \
      ${forced:+--force} -o "$output" ;;
  esac
  "$@"
}

# Runs the stages, joined by two pipes, and exits with the code of the one that failed.
#
# A shell pipeline would tell only how its last stage ended. And a stage whose stream stops early
# says so, though the stage before it has said why. So this shell makes the pipes itself and holds
# their writing ends open: it lets go of one only when the stage that writes to it has succeeded.
# If that stage failed, those behind it are stopped, and never learn that there is no more to read.
run_stages() {
  folder='' first='' second='' third=''
  trap remove_folder EXIT
  trap 'interrupted INT' INT
  trap 'interrupted TERM' TERM
  trap 'interrupted HUP' HUP
  open_pipes
  exec_stage 1 >&3 & first=$!
  exec_stage 2 <&4 >&5 & second=$!
  exec_stage 3 <&6 & third=$!
  exec 4<&- 6<&-
  await "$first" mallorn-parse || stop_after $? "$second" "$third"
  exec 3>&-
  await "$second" mallorn-delta || stop_after $? "$third"
  exec 5>&-
  wait "$third" 2>/dev/null
  status=$?
  [ "$status" -ne 141 ] || end_by_signal PIPE 141  # whoever reads our output has left
  report "$status" mallorn-pack || exit
  [ "$is_cut" = false ] || fail 70 'a stage was stopped [internal]'
  exit 0
}

# Pipe 3 to 4 and pipe 5 to 6. Their names are gone before anything is done with them.
open_pipes() {
  where=${TMPDIR:-/tmp}
  folder=$(mktemp -d "$where/mallorn-XXXXXX" 2>/dev/null)
  mkfifo "$folder/1" "$folder/2" 2>/dev/null ||
    fail 73 "$where: no pipe can be made here [cannot_create]" 'set TMPDIR'
  # Opened for both directions at first: opening one end of a pipe waits for the other.
  # shellcheck disable=SC2094
  exec 7<>"$folder/1" 3>"$folder/1" 4<"$folder/1" 7<&-
  # shellcheck disable=SC2094
  exec 7<>"$folder/2" 5>"$folder/2" 6<"$folder/2" 7<&-
  remove_folder
}

remove_folder() {
  [ -z "$folder" ] || rm -rf -- "$folder"
  folder=
}

# In the child: keeps only its own ends of the pipes.
exec_stage() {
  exec 3>&- 4<&- 5>&- 6<&-
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
stop_after() { # EXIT_CODE PID...
  code=$1
  shift
  kill -s KILL "$@" 2>/dev/null
  wait 2>/dev/null
  exit "$code"
}

interrupted() { # SIGNAL
  trap - INT TERM HUP
  for stage in $first $second $third ${!:-}; do  # $!: started, but not yet noted
    kill -s KILL "$stage" 2>/dev/null
  done
  wait 2>/dev/null
  remove_folder
  kill -s "$1" $$
}
