"""Runs one command and measures it: wall time, peak memory, how it ended.

Used by scripts/bench; docs/benchmark.md says what the figures mean. Linux only: memory comes from
/proc and wait4. Two sources are joined, because each alone is wrong:
  - wait4's ru_maxrss is exact, but it is the largest single process of the tree, and a child starts
    with the peak of the process that forked it (ours), so small values say nothing;
  - VmHWM in /proc is kept by the kernel for each process, so that a late sample still knows the
    peak, but what lives for a few milliseconds is missed or seen too early.
Where neither can know, the memory is reported as not measured (0).
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass


SHORT_SECONDS = 0.02  # below, samples are too few to be trusted


@dataclass
class Measure:
    """What one command took. `error` is empty when it ended with exit code 0."""

    seconds: float = 0.0
    rss_bytes: int = 0  # sum of the peaks of its processes, mapped file pages included; 0: unknown
    anon_bytes: int = 0  # highest sum of private memory seen at one moment; valid if rss_bytes is
    error: str = ""


def run(argv: list[str], timeout_seconds: float) -> Measure:
    """Runs argv to its end, without input. A command that cannot start is an error, too."""
    floor_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with tempfile.TemporaryFile() as messages:
        start = time.monotonic()
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages,
                start_new_session=True)
        except OSError as error:
            return Measure(error=f"cannot start {argv[0]}: {error.strerror}")
        sampler = Sampler(process.pid, start + timeout_seconds)
        try:
            sampler.start()
            # WNOWAIT leaves a zombie, so the sampler can never look at, or kill, a reused pid.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            seconds = time.monotonic() - start
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            sampler.stop()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        largest_bytes = usage.ru_maxrss * 1024
        rss_bytes = sampler.peak_rss_bytes()
        if largest_bytes > floor_bytes:
            rss_bytes = max(rss_bytes, largest_bytes)
        elif seconds < SHORT_SECONDS:
            rss_bytes = 0
        return Measure(seconds, rss_bytes, sampler.anon_bytes,
                       how_it_failed(process.returncode, sampler.timed_out, messages))


def how_it_failed(exit_code: int, timed_out: bool, messages) -> str:
    if timed_out:
        return "timeout"
    if exit_code == 0:
        return ""
    end = messages.seek(0, os.SEEK_END)
    messages.seek(max(0, end - 2000))
    lines = messages.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    how = f"signal {-exit_code}" if exit_code < 0 else f"exit {exit_code}"
    return f"{how}: {last[:120]}" if last else how


class Sampler(threading.Thread):
    """Looks at a process and its descendants until stopped; kills the group at the deadline."""

    def __init__(self, root_pid: int, deadline: float) -> None:
        super().__init__(daemon=True)
        self.root_pid = root_pid
        self.deadline = deadline
        self.rss_by_pid: dict[int, int] = {}
        self.anon_bytes = 0
        self.timed_out = False
        self.is_done = threading.Event()

    def run(self) -> None:
        start = time.monotonic()
        while True:
            self.sample()
            now = time.monotonic()
            if now > self.deadline and not self.timed_out:
                self.timed_out = True
                os.killpg(self.root_pid, signal.SIGKILL)
            # Often at first, because most runs are short; later seldom, to take no time from the
            # command that is measured.
            age = now - start
            if self.is_done.wait(0.001 if age < 0.05 else 0.005 if age < 2 else 0.02):
                return

    def stop(self) -> None:
        self.is_done.set()
        if self.is_alive():
            self.join()

    def sample(self) -> None:
        anon_bytes = 0
        for pid in process_tree(self.root_pid):
            peak, anon = read_memory(pid)
            anon_bytes += anon
            self.rss_by_pid[pid] = max(peak, self.rss_by_pid.get(pid, 0))
        self.anon_bytes = max(self.anon_bytes, anon_bytes)

    def peak_rss_bytes(self) -> int:
        return sum(self.rss_by_pid.values())


def process_tree(root_pid: int) -> list[int]:
    """The process and its living descendants. Processes may end while we look: they are skipped."""
    pids = [root_pid]
    for pid in pids:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as children:
                    pids += [int(child) for child in children.read().split()]
        except OSError:
            continue
    return pids


def read_memory(pid: int) -> tuple[int, int]:
    """Peak resident and present anonymous bytes of one process; zeros when it is gone."""
    peak = anon = 0
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    peak = int(line.split()[1]) * 1024
                elif line.startswith("RssAnon:"):
                    anon = int(line.split()[1]) * 1024
                    break
    except OSError:
        pass
    return peak, anon
