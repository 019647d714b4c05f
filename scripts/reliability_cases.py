"""The tests of scripts/bench-reliability: what is done to a tool, and where its output goes."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import reliability_trust
from bench_tools import OURS, Tool
from reliability_run import (BASE, DANGLING, FAILED, HARD_LINK, HELD, LIVE, NEW_NAME, NOT_RUN,
                             SYMLINK, UNSYNCED, WRONG, End, Scene, judge, judge_end, run)
from reliability_trace import NotAllowed, knows_syncs, run_until_change

BITS_OF_BASE = 8
LIVE_BYTES = 1000  # of the file in use where the disk is small
PAGE_BYTES = 4096
TO_STDOUT = ("xdelta3", "zstd", "brotli")  # write there with -c; the others cannot


@dataclass
class Subject:
    """A tool, its patch for a pair of models, and how much is tried."""

    tool: Tool
    patch: bytes
    old: bytes
    new: bytes
    folder: Path  # for scenes, one after another
    trials: int
    seed: int

    @property
    def live(self) -> bytes:
        """What the output replaces: neither old nor new."""
        return self.old[::-1]

    @property
    def file_limit(self) -> int:
        """What no file may be longer than, be it by a damaged patch."""
        return 4 * len(self.new) + (1 << 20)

    def random(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")

    @contextmanager
    def scene(self, where: str, *, old: bytes | None = None, patch: bytes | None = None,
              live: bytes | None = None, out_folder: Path | None = None) -> Iterator[Scene]:
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            yield Scene(Path(folder), where, self.old if old is None else old,
                        self.patch if patch is None else patch,
                        self.live if live is None else live, out_folder)

    def apply(self, scene: Scene) -> list[str]:
        return self.tool.apply(scene.base, scene.patch, scene.out, 1)

    def trial(self, where: str, *, file_limit: int = 0, must_work: bool = False, **files) -> str:
        with self.scene(where, **files) as scene:
            end = run(self.apply(scene), scene, file_limit=file_limit or self.file_limit)
            outcome = judge(scene, end, self.new)
            return FAILED if must_work and outcome == HELD and end.code != 0 else outcome

    def both(self, **files) -> Iterator[str]:
        """A name that is new, and one that is in use."""
        for where in (NEW_NAME, LIVE):
            yield self.trial(where, **files)


def nothing_wrong(subject: Subject) -> Iterator[str]:
    """Without this, a tool that never does anything would hold everywhere."""
    return subject.both(must_work=True)


def other_base(subject: Subject) -> Iterator[str]:
    old = subject.old
    for base in (old[::-1], subject.new, old[: len(old) // 2], old + b"\0", b""):
        yield from subject.both(old=base)


def bit_of_base(subject: Subject) -> Iterator[str]:
    for bit in subject.random("base").sample(range(8 * len(subject.old)), BITS_OF_BASE):
        yield from subject.both(old=flipped(subject.old, bit))


def cut_patch(subject: Subject) -> Iterator[str]:
    length = len(subject.patch)
    places = {0, 1, length // 4, length // 2, 3 * length // 4, length - 8, length - 1}
    for place in sorted({max(0, place) for place in places}):
        yield from subject.both(patch=subject.patch[:place])


def longer_patch(subject: Subject) -> Iterator[str]:
    for rest in (b"\0", b"\n", bytes(PAGE_BYTES), subject.patch):
        yield from subject.both(patch=subject.patch + rest)


def bit_of_patch(subject: Subject) -> Iterator[str]:
    """Bits anywhere, and as many of the first 64 bytes, where headers are."""
    bits = 8 * len(subject.patch)
    count = max(1, subject.trials // 2)
    generator = subject.random("patch")
    for limit in (min(512, bits), bits):
        for bit in generator.sample(range(limit), min(count, limit)):
            yield from subject.both(patch=flipped(subject.patch, bit))


def killed(subject: Subject) -> Iterator[str]:
    """After each change of the folder, or after some of them."""
    for where in (NEW_NAME, LIVE):
        with subject.scene(where) as scene:
            try:
                whole = run_until_change(subject.apply(scene), scene, 0, subject.file_limit)
            except NotAllowed:
                yield NOT_RUN
                return
        for number in some_of(range(1, whole.changes + 1), subject.trials):
            with subject.scene(where) as scene:
                trace = run_until_change(subject.apply(scene), scene, number, subject.file_limit)
                yield judge(scene, trace.end, subject.new)


def power_cut(subject: Subject) -> Iterator[str]:
    """Who says that it is done has waited for the disk."""
    for where in (NEW_NAME, LIVE):
        with subject.scene(where) as scene:
            try:
                trace = run_until_change(subject.apply(scene), scene, 0, subject.file_limit)
            except NotAllowed:
                yield NOT_RUN
                return
            if not knows_syncs():
                yield NOT_RUN
            elif trace.end.code == 0 and not trace.has_synced:
                yield UNSYNCED
            else:
                yield judge(scene, trace.end, subject.new)


def full_disk(subject: Subject) -> Iterator[str]:
    """A file system that has room for a part of the result."""
    for where, used in ((NEW_NAME, 0), (LIVE, PAGE_BYTES)):
        for free in shares(len(subject.new)):
            pages = (free + used) // PAGE_BYTES
            try:
                with small_disk(subject.folder, max(1, pages) * PAGE_BYTES) as disk:
                    yield subject.trial(where, live=subject.live[:LIVE_BYTES], out_folder=disk)
            except (OSError, subprocess.CalledProcessError):
                yield NOT_RUN
                return


def short_files(subject: Subject) -> Iterator[str]:
    for where in (NEW_NAME, LIVE):
        for limit in shares(len(subject.new)):
            yield subject.trial(where, file_limit=limit)


def shares(length: int) -> Iterable[int]:
    return (1, length // 4, length // 2, 3 * length // 4, length - PAGE_BYTES)


@contextmanager
def small_disk(folder: Path, length: int) -> Iterator[Path]:
    """Takes the right to mount. Throws OSError, CalledProcessError."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={length}", "tmpfs", place], check=True,
                       capture_output=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", place], check=True)


def standard_output(subject: Subject) -> Iterator[str]:
    """Full, closed, and a pipe that nobody reads: exit code 0 would be a lie."""
    with subject.scene(NEW_NAME) as scene:
        argv = to_stdout(subject, scene)
        if not argv:
            return
        with open("/dev/full", "wb") as full:
            yield judge_stdout(scene, run_to(argv, scene, full.fileno(), subject))
        closed = ["sh", "-c", 'exec "$@" >&-', "sh", *argv]
        yield judge_stdout(scene, run_to(closed, scene, subprocess.DEVNULL, subject))
        reader, writer = os.pipe()
        os.close(reader)
        try:
            yield judge_stdout(scene, run_to(argv, scene, writer, subject))
        finally:
            os.close(writer)


def run_to(argv: list[str], scene: Scene, stdout: int, subject: Subject) -> End:
    return run(argv, scene, file_limit=subject.file_limit, stdout=stdout)


def to_stdout(subject: Subject, scene: Scene) -> list[str]:
    if subject.tool.name == OURS:
        return subject.tool.apply(scene.base, scene.patch, Path("-"), 1)
    if subject.tool.name not in TO_STDOUT:
        return []
    program, *rest = subject.apply(scene)
    return [program, "-c", *(word for word in rest if word not in ("-o", str(scene.out)))]


def judge_stdout(scene: Scene, end: End) -> str:
    return WRONG if end.code == 0 else judge_end(scene, end)


def some_of(numbers: range, count: int) -> list[int]:
    """At most `count` of them, evenly spread, the first and the last among them."""
    if len(numbers) <= count:
        return list(numbers)
    return sorted({numbers[i * (len(numbers) - 1) // max(1, count - 1)] for i in range(count)})


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def at(where: str) -> Callable[[Subject], Iterator[str]]:
    """Nothing is damaged: only where the output goes is special."""
    return lambda subject: iter([subject.trial(where)])


TESTS: dict[str, Callable[[Subject], Iterator[str]]] = {
    "nothing is wrong": nothing_wrong,
    "another file as base": other_base,
    "one bit of the base flipped": bit_of_base,
    "patch cut short": cut_patch,
    "patch with bytes behind it": longer_patch,
    "one bit of the patch flipped": bit_of_patch,
    "killed at any moment": killed,
    "power cut after exit code 0": power_cut,
    "output is a symbolic link": at(SYMLINK),
    "output is a dangling link": at(DANGLING),
    "output is a hard link": at(HARD_LINK),
    "output is the base": at(BASE),
    "disk full": full_disk,
    "file size limit": short_files,
    "standard output full or closed": standard_output,
    "patch by someone else": reliability_trust.made_by_others,
    "older patch again": reliability_trust.older_patch,
}
