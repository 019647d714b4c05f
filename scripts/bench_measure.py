"""Measures one tool on one case: patch, times, memory, and whether the result is the new file."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import bench_process
from bench_process import Measure
from bench_tools import LIMIT, Tool

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Effort:
    threads: int
    apply_repeats: int
    diff_repeats: int
    timeout_seconds: float


@dataclass
class Result:
    """One line of the outcome. `error` is empty when the round trip gave the new file."""

    case: str
    tool: str
    source: str  # 'run', or 'list' for a figure that was measured elsewhere
    new_bytes: int
    patch_bytes: int = 0
    counted_bytes: int = 0  # patch_bytes, for peers plus the digest allowance
    diff: Measure = field(default_factory=Measure)
    apply: Measure = field(default_factory=Measure)
    error: str = ""

    @property
    def is_ok(self) -> bool:
        return not self.error

    @property
    def percent(self) -> float:
        return 100 * self.counted_bytes / self.new_bytes if self.new_bytes else 0.0

    def speed(self, measure: Measure) -> float | None:
        """MB of the new model, 10^6 bytes, a second; None when nothing was measured."""
        return self.new_bytes / 1e6 / measure.seconds if measure.seconds else None


def measure_tool(tool: Tool, case: str, old: Path, new: Path, folder: Path,
                 effort: Effort) -> Result:
    """Makes a patch, applies it, compares. Writes patch and output into folder."""
    patch, output = folder / f"{tool.name}.patch", folder / "output"
    result = Result(case, tool.name, "run", new.stat().st_size)
    result.diff = best_of(effort.diff_repeats, tool.diff(old, new, patch, effort.threads), patch,
                          effort)
    if result.diff.error:
        result.error = f"diff: {result.diff.error}"
        return result
    if not patch.is_file():
        result.error = "diff: wrote no patch"
        return result
    result.patch_bytes = result.counted_bytes = patch.stat().st_size
    result.apply = best_of(effort.apply_repeats,
                           tool.apply(old, patch, output, effort.threads), output, effort)
    if result.apply.error:
        result.error = f"apply: {result.apply.error}"
    elif not is_same_file(new, output):
        result.error = "apply: the result differs from the new file"
    output.unlink(missing_ok=True)
    return result


def best_of(repeats: int, argv: list[str], product: Path, effort: Effort) -> Measure:
    """The fastest run; memory is the largest seen, as sampling can only miss some."""
    best: Measure | None = None
    for _ in range(repeats):
        product.unlink(missing_ok=True)  # no tool may profit from, or stumble over, an old output
        measure = bench_process.run(argv, effort.timeout_seconds)
        if measure.error:
            return measure
        if best:
            measure.seconds = min(measure.seconds, best.seconds)
            measure.rss_bytes = max(measure.rss_bytes, best.rss_bytes)
            measure.anon_bytes = max(measure.anon_bytes, best.anon_bytes)
        best = measure
    assert best is not None
    return best


def measure_limit(case: str, old: Path, new: Path, folder: Path, effort: Effort) -> Result:
    """What no safe patcher can beat on this machine: diff must read and hash both files, apply
    must in addition write the new one. Hashes and copy run side by side, as many as threads."""
    result = Result(case, LIMIT, "run", new.stat().st_size)
    result.diff.seconds = min(
        timed_jobs([(hash_file, old), (hash_file, new)], effort.threads)
        for _ in range(effort.diff_repeats))
    output = folder / "output"
    for repeat in range(effort.apply_repeats):
        output.unlink(missing_ok=True)
        seconds = timed_jobs([(hash_file, old), (hash_file, new), (copy_file, new, output)],
                             effort.threads)
        result.apply.seconds = min(seconds, result.apply.seconds) if repeat else seconds
    output.unlink()
    return result


def timed_jobs(jobs: list[tuple], threads: int) -> float:
    start = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(*job) for job in jobs]:
            done.result()
    return time.monotonic() - start


def hash_file(path: Path) -> None:
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")


def copy_file(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def is_same_file(one: Path, other: Path) -> bool:
    """Compares all bytes, in bounded memory: what we hold would count against short commands."""
    if not other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as a, other.open("rb") as b:
        while chunk := a.read(CHUNK_BYTES):
            if chunk != b.read(CHUNK_BYTES):
                return False
    return True
