"""Follows a program from system call to system call: kills it at the moment when it has changed a
folder for the Nth time, or says whether it has had anything written to the disk.

The program is traced (ptrace): it stops before and after each of its system calls, and then the folder
is looked at. So every state of the folder that a kill could leave is seen, however short it lasts, and
it is the same state on every run; a timer would have to be lucky.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from dataclasses import dataclass

import reliability_run
from reliability_run import End, Scene, limit_files, start

PTRACE_TRACEME, PTRACE_SYSCALL, PTRACE_SETOPTIONS, PTRACE_GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
# System calls are told from signals; threads and children are traced as well, and end with us.
OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x100000
SYSCALL_STOP = signal.SIGTRAP | 0x80
WAIT_ALL = 0x40000000  # __WALL: threads, too
SYNCS = {"x86_64": (74, 75), "aarch64": (82, 83), "riscv64": (82, 83)}  # fsync, fdatasync


class NotAllowed(Exception):
    """This machine lets nobody trace."""


@dataclass
class Trace:
    """What was seen of a program."""

    end: End
    changes: int = 0  # of the place of the output
    has_synced: bool = False


def ptrace(request: int, pid: int, data: object = 0, address: int = 0) -> int:
    function = ctypes.CDLL(None, use_errno=True).ptrace
    function.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    function.restype = ctypes.c_long
    return function(request, pid, address, data)


def knows_syncs() -> bool:
    return os.uname().machine in SYNCS


def run_until_change(argv: list[str], scene: Scene, number: int, file_limit: int) -> Trace:
    """Runs argv until the place of the output has changed `number` times (0: to its end). Throws
    NotAllowed."""
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
    trace = follow(process.pid, scene, number)
    process.returncode = trace.end.code
    return trace


def follow(pid: int, scene: Scene, number: int) -> Trace:
    """Steps through the system calls of a process group that has stopped at its beginning."""
    deadline = time.monotonic() + reliability_run.SECONDS
    trace = Trace(End(0))
    state = state_of(scene)
    known = {pid}
    ptrace(PTRACE_SYSCALL, pid)
    while True:
        try:
            stopped, status = os.waitpid(-pid, WAIT_ALL)
        except ChildProcessError:  # all have ended
            return trace
        if not os.WIFSTOPPED(status):
            if stopped == pid:
                trace.end.code = os.waitstatus_to_exitcode(status)
            continue
        state_before, state = state, state_of(scene)
        trace.changes += state != state_before
        trace.has_synced = trace.has_synced or is_sync(stopped, status)
        trace.end.is_hung = trace.end.is_hung or time.monotonic() > deadline
        if trace.end.is_hung or (number and trace.changes >= number):
            trace.end.was_killed = True
            os.killpg(pid, signal.SIGKILL)
        else:
            ptrace(PTRACE_SYSCALL, stopped, signal_to_pass(stopped, status, known))


def is_sync(pid: int, status: int) -> bool:
    """Whether a process has stopped before a system call that waits for the disk."""
    if os.WSTOPSIG(status) != SYSCALL_STOP:
        return False
    info = (ctypes.c_uint64 * 11)()  # struct ptrace_syscall_info
    ptrace(PTRACE_GET_SYSCALL_INFO, pid, ctypes.addressof(info), ctypes.sizeof(info))
    is_entry = info[0] & 0xFF == 1
    return is_entry and info[3] in SYNCS.get(os.uname().machine, ())


def signal_to_pass(pid: int, status: int, known: set[int]) -> int:
    """The signal that has stopped a process, if it is not one of tracing."""
    number = os.WSTOPSIG(status)
    if pid not in known:  # the first stop of a new thread or child
        known.add(pid)
        return 0
    return 0 if status >> 16 or number in (SYSCALL_STOP, signal.SIGTRAP) else number


def state_of(scene: Scene) -> list[tuple]:
    state = []
    for entry in sorted(os.scandir(scene.place), key=lambda entry: entry.name):
        try:
            info = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # gone since
            continue
        state.append((entry.name, info.st_ino, info.st_size, info.st_blocks, info.st_mtime_ns))
    return state
