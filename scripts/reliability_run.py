"""One trial of scripts/bench-reliability: a tool applies a patch in a scene made for it, and what it
leaves there is judged.

    inputs/old  inputs/patch    what it reads, and shall not change
    place/out                   what it writes
    beside/                     where links lead to
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HELD = "held"  # exit code 0 and the new file; or another, and what was there before, or the new file
WRONG = "wrong output"  # exit code 0, and something else than the new file
ACCEPTED = "accepted"  # exit code 0 with a patch that its owner did not release, or not any more
TORN = "torn"  # neither what was there before nor the new file; or an input has changed
LOST = "lost"  # what was there before is gone
LINK = "link followed"  # what the link leads to was written, or another name of the same file
PARTIAL = "partial left"  # where nothing was, there is something, and it is not the new file
UNSYNCED = "not synced"  # exit code 0, and nobody has asked the disk to keep what was written
FAILED = "failed"  # nothing was wrong, and yet there is no result
CRASHED = "crashed"
HUNG = "hung"
STRAY = "stray left"  # a file beside the output
NOT_RUN = "not run"  # this machine does not let us
FAULTS = (WRONG, ACCEPTED, TORN, LOST, LINK, PARTIAL, UNSYNCED, FAILED, CRASHED, HUNG, STRAY)  # the worst first

CRASHES = (signal.SIGILL, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV)
# Where the output goes: to a name where nothing is, a file that is in use, and so on.
NEW_NAME, LIVE, SYMLINK, DANGLING, HARD_LINK, BASE = (
    "new name", "live", "symbolic link", "dangling link", "hard link", "base")
SECONDS = 20.0  # a trial takes less than one


@dataclass
class End:
    """How a program ended."""

    code: int  # negative: by this signal
    is_hung: bool = False
    was_killed: bool = False  # by us, as part of the trial


class Scene:
    """The files of one trial. `out_folder`: where the output goes, if not into the scene."""

    def __init__(self, folder: Path, where: str, old: bytes, patch: bytes, live: bytes,
                 out_folder: Path | None = None) -> None:
        self.folder, self.where = folder, where
        for name in ("inputs", "place", "beside", "tmp"):
            (folder / name).mkdir(parents=True)
        self.place = out_folder or folder / "place"
        self.out = self.place / "out"
        self.base = self.out if where == BASE else folder / "inputs" / "old"
        self.patch = folder / "inputs" / "patch"
        self.base.write_bytes(old)
        self.patch.write_bytes(patch)
        self.inputs = {self.patch: patch} if where == BASE else {self.patch: patch, self.base: old}
        other = folder / "beside" / "other"
        if where in (SYMLINK, HARD_LINK):
            other.write_bytes(live)
        if where == LIVE:
            self.out.write_bytes(live)
        elif where in (SYMLINK, DANGLING):
            self.out.symlink_to(os.path.relpath(other, self.place))
        elif where == HARD_LINK:
            os.link(other, self.out)
        self.before = self.found()
        self.beside_before = self.contents_beside()

    def found(self) -> bytes | None:
        """What is under the name of the output."""
        try:
            return self.out.read_bytes()
        except OSError:
            return None

    def contents_beside(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "beside").iterdir()}

    def inputs_changed(self) -> bool:
        return any(not path.is_file() or path.read_bytes() != content
                   for path, content in self.inputs.items())

    def has_strays(self) -> bool:
        return bool(set(os.listdir(self.place)) - {"out"} or os.listdir(self.folder / "tmp"))

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def judge(scene: Scene, end: End, new: bytes) -> str:
    """The worst that can be said of what a trial has left."""
    if scene.inputs_changed():
        return TORN
    if scene.contents_beside() != scene.beside_before:
        return LINK
    found = scene.found()
    if end.code == 0 and found != new:
        return WRONG
    if end.code != 0 and found not in (scene.before, new):
        return PARTIAL if scene.before is None else LOST if found is None else TORN
    return judge_end(scene, end)


def judge_end(scene: Scene, end: End) -> str:
    """What can be said where the files are as they should be."""
    if end.is_hung:
        return HUNG
    if -end.code in CRASHES:
        return CRASHED
    return STRAY if not end.was_killed and scene.has_strays() else HELD


def run(argv: list[str], scene: Scene, *, file_limit: int,
        stdout: int = subprocess.DEVNULL) -> End:
    """Runs argv to its end, without input; no file becomes longer than `file_limit` bytes."""
    process = start(argv, scene, lambda: limit_files(file_limit), stdout=stdout)
    try:
        return End(process.wait(SECONDS))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return End(process.wait(), is_hung=True)


def start(argv: list[str], scene: Scene, prepare: Callable[[], None],
          stdout: int = subprocess.DEVNULL) -> subprocess.Popen:
    """In a session of its own, with a folder for temporary files; `prepare` runs in the child."""
    environment = os.environ | {"TMPDIR": str(scene.folder / "tmp")}
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout,
                            stderr=subprocess.DEVNULL, env=environment, cwd=scene.folder,
                            start_new_session=True, preexec_fn=prepare)


def limit_files(length: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, length))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
