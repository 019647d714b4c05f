"""Kills a program at the moment when it has changed a folder for the Nth time.

The program is traced (ptrace): it stops before and after each of its system calls, and then the folder
is looked at. So every state of the folder that a kill could leave is seen, however short it lasts, and
it is the same state on every run; a timer would have to be lucky.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

from reliability_run import SECONDS, End, Scene, limit_files, start

PTRACE_TRACEME, PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SETOPTIONS = 0, 7, 24, 0x4200
# System calls are told from signals; threads and children are traced as well, and end with us.
OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x100000
SYSCALL_STOP = signal.SIGTRAP | 0x80
WAIT_ALL = 0x40000000  # __WALL: threads, too


class NotAllowed(Exception):
    """This machine lets nobody trace."""


def ptrace(request: int, pid: int, data: int = 0) -> int:
    function = ctypes.CDLL(None, use_errno=True).ptrace
    function.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    function.restype = ctypes.c_long
    return function(request, pid, None, data)


def run_until_change(argv: list[str], scene: Scene, number: int, file_limit: int) -> tuple[End, int]:
    """Runs argv until the place of the output has changed `number` times (0: to its end). Also
    returns how often it has changed."""
    def prepare() -> None:
        limit_files(file_limit)
        if ptrace(PTRACE_TRACEME, 0) != 0:
            os._exit(126)

    process = start(argv, scene, prepare)
    _, status = os.waitpid(process.pid, WAIT_ALL)
    if not os.WIFSTOPPED(status) or ptrace(PTRACE_SETOPTIONS, process.pid, OPTIONS) != 0:
        process.kill()
        process.returncode = -signal.SIGKILL  # it has been waited for, or is about to end with us
        raise NotAllowed
    end, changes = follow(process.pid, scene.place, number)
    process.returncode = end.code
    return end, changes


def follow(pid: int, place: Path, number: int) -> tuple[End, int]:
    """Steps through the system calls of a process group that has stopped at its beginning."""
    deadline = time.monotonic() + SECONDS
    state, changes = state_of(place), 0
    known = {pid}
    is_hung = was_killed = False
    resume(pid)
    code = 0
    while True:
        try:
            stopped, status = os.waitpid(-pid, WAIT_ALL)
        except ChildProcessError:  # all have ended
            return End(code, is_hung, was_killed), changes
        if not os.WIFSTOPPED(status):
            if stopped == pid:
                code = os.waitstatus_to_exitcode(status)
            continue
        state_before, state = state, state_of(place)
        changes += state != state_before
        is_hung = is_hung or time.monotonic() > deadline
        if is_hung or (number and changes >= number):
            was_killed = True
            os.killpg(pid, signal.SIGKILL)
        else:
            resume(stopped, signal_to_pass(stopped, status, known))


def resume(pid: int, passed: int = 0) -> None:
    ptrace(PTRACE_SYSCALL, pid, passed)


def signal_to_pass(pid: int, status: int, known: set[int]) -> int:
    """The signal that has stopped a process, if it is not one of tracing."""
    number = os.WSTOPSIG(status)
    if pid not in known:  # the first stop of a new thread or child
        known.add(pid)
        return 0
    return 0 if status >> 16 or number in (SYSCALL_STOP, signal.SIGTRAP) else number


def state_of(folder: Path) -> list[tuple]:
    state = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        try:
            info = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # gone since
            continue
        state.append((entry.name, info.st_ino, info.st_size, info.st_blocks, info.st_mtime_ns))
    return state
