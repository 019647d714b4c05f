"""scripts/bench --speed: how fast each type of weights is decoded, on one core and on two.

Pairs come from scripts/make-finetune. Large models are coded by `tokens` (level 3, the default for
them); an eighth of the size by the adaptive codecs (level 19). The decoder's own speed is what
`mallorn patch -v` says of the processor time of decoding; all else is wall time of whole commands.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import make_big_pair
from bench_cases import UsageError
from bench_measure import Effort, is_same_file, measure_limit

MAKE_FINETUNE = Path(__file__).with_name("make-finetune")
# Rows: how they are called, the type, the update, the level, and the part of SIZE that is taken.
FAST, ADAPTIVE = 3, 19
TYPES = ("f32", "f16", "bf16", "i8", "q8_0", "q4_0", "q4_k", "q6_k")
CORES = (1, 2)
NOTE = re.compile(r"note: (.+?): ([\d,]+) bytes in ([\d.]+) s of a processor")
# What is neither a codec's nor the chunk's: SHA-256 and writing, the same for every patch.
NOT_DECODING = {"hashed", "written"}


@dataclass(frozen=True)
class Row:
    type: str
    update: str  # "none": old and new are one file
    level: int
    part: float  # of SIZE

    @property
    def name(self) -> str:
        return f"{self.type} {self.update}"


def all_rows() -> list[Row]:
    pairs = [(name, "medium") for name in TYPES] + [("i8", "light")]
    return ([Row("f32", "none", FAST, 1.0)]
            + [Row(name, update, FAST, 1.0) for name, update in pairs]
            + [Row(name, update, ADAPTIVE, 0.125) for name, update in pairs])


@dataclass
class Speeds:
    """In MB of the new model, 10^6 bytes, a second; by number of cores where there are several."""

    row: Row
    codec: str = ""
    percent: float = 0.0  # the patch, of the new model
    diff: dict[int, float] = field(default_factory=dict)
    apply: dict[int, float] = field(default_factory=dict)
    limit: dict[int, float] = field(default_factory=dict)
    decoder: float = 0.0
    portable: float = 0.0


class RunFailed(Exception):
    """A command of ours did not do its work."""


def run(size_text: str, mallorn: Path, effort: Effort, progress: Callable[[str], None]) -> bool:
    """Prints a table; false when a command or a round trip failed. Files go to $TMPDIR."""
    try:
        size_bytes = make_big_pair.parse_size(size_text)
    except ValueError as error:
        raise UsageError(f"--speed {size_text}: {error}") from None
    print(f"models of {size_text}, an eighth of that at level {ADAPTIVE}\n\n{HEAD}")
    is_good = True
    with tempfile.TemporaryDirectory(prefix="bench-speed-") as folder:
        for row in all_rows():
            progress(f"{row.name}, level {row.level}")
            try:
                speeds = measure_row(row, int(size_bytes * row.part), mallorn, effort, Path(folder))
            except RunFailed as error:
                is_good = False
                print(f"{row.name:12} FAILED {error}")
            else:
                progress("")
                print(line_of(speeds), flush=True)
    print(TAIL)
    return is_good


HEAD = (f"{'weights':12} {'codec':8} {'patch %':>8} {'diff 1':>7} {'diff 2':>7} {'apply 1':>8} "
        f"{'apply 2':>8} {'limit 1':>8} {'limit 2':>8} {'decoder':>8} {'portable':>9}")
TAIL = ("MB/s: size of the new model over the time, on one core and on two; decoder, portable: over the "
        "processor\ntime of decoding alone, with all instructions of this processor and without")


def line_of(speeds: Speeds) -> str:
    def both(by_cores: dict[int, float], width: int) -> str:
        return " ".join(f"{by_cores[cores]:{width}.0f}" if cores in by_cores else f"{'-':>{width}}"
                        for cores in CORES)

    return " ".join([
        f"{speeds.row.name:12} {speeds.codec:8} {speeds.percent:8.3f}", both(speeds.diff, 7),
        both(speeds.apply, 8), both(speeds.limit, 8),
        f"{speeds.decoder:8.0f} {speeds.portable:9.0f}"])


def measure_row(row: Row, size_bytes: int, mallorn: Path, effort: Effort, folder: Path) -> Speeds:
    old, new = make_pair(row, size_bytes, folder)
    patch, output = folder / "patch", folder / "output"
    new_mb = new.stat().st_size / 1e6
    speeds = Speeds(row)
    for cores in CORES[:len(os.sched_getaffinity(0))]:
        diff = [str(mallorn), "diff", "-q", str(old), str(new), "-o", str(patch), "--force", "--level",
                str(row.level), "--threads", str(cores)]
        apply = [str(mallorn), "patch", "-v", str(old), str(patch), "-o", str(output), "--force",
                 "--threads", str(cores)]
        seconds, _ = best_of(effort.diff_repeats, diff, cores, effort)
        speeds.diff[cores] = new_mb / seconds
        seconds, notes = best_of(effort.apply_repeats, apply, cores, effort)
        speeds.apply[cores] = new_mb / seconds
        if not is_same_file(new, output):
            raise RunFailed("the result differs from the new file")
        if cores == 1:
            speeds.codec, speeds.decoder = decoding(notes)
            _, notes = best_of(effort.apply_repeats, apply, cores, effort, MALLORN_PORTABLE="1")
            speeds.portable = decoding(notes)[1]
        output.unlink()
        with Affinity(cores):
            limit = measure_limit(row.name, old, new, folder, Effort(
                cores, effort.apply_repeats, 1, effort.timeout_seconds))
        speeds.limit[cores] = new_mb / limit.apply.seconds
    speeds.percent = patch.stat().st_size / new.stat().st_size * 100
    return speeds


def make_pair(row: Row, size_bytes: int, folder: Path) -> tuple[Path, Path]:
    """The pair of a row; of all that there were before, only this one is kept."""
    case = folder / f"{row.type}_{'light' if row.update == 'none' else row.update}"
    models = sorted(case.glob("*.*"))
    if not models or abs(models[0].stat().st_size / size_bytes - 1) > 0.5:
        for other in folder.iterdir():
            shutil.rmtree(other) if other.is_dir() else other.unlink()
        ended = subprocess.run(
            [str(MAKE_FINETUNE), "--only", row.type, "--size", f"{max(size_bytes / 1e6, 0.1):.6f}",
             str(folder)], capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise RunFailed(ended.stderr.strip())
    old, new = (next(case.glob(f"{version}.*")) for version in ("old", "new"))
    return old, old if row.update == "none" else new


class Affinity:
    """Keeps this process, and what it starts meanwhile, to so many cores."""

    def __init__(self, cores: int) -> None:
        self.cores = cores

    def __enter__(self) -> None:
        self.before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(self.before)[:self.cores])

    def __exit__(self, *unused: object) -> None:
        os.sched_setaffinity(0, self.before)


def best_of(repeats: int, argv: list[str], cores: int, effort: Effort,
            **environment: str) -> tuple[float, str]:
    """The least wall time, and what the run that decoded fastest said."""
    seconds, notes = float("inf"), ""
    with Affinity(cores):
        for _ in range(repeats):
            start = time.monotonic()
            ended = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                   env={**os.environ, **environment}, check=False,
                                   timeout=effort.timeout_seconds)
            seconds = min(seconds, time.monotonic() - start)
            if ended.returncode != 0:
                raise RunFailed(ended.stderr.strip())
            if not notes or decoding(ended.stderr)[1] > decoding(notes)[1]:
                notes = ended.stderr
    return seconds, notes


def decoding(notes: str) -> tuple[str, float]:
    """The codec that made most, "copy" if none did, and bytes over time of decoding, in MB/s: of all
    codecs, or, where nothing was decoded, of steps and checks."""
    spent = {what: (int(count.replace(",", "")), float(seconds))
             for what, count, seconds in NOTE.findall(notes) if what not in NOT_DECODING}
    codecs = {what.removeprefix("decoded by "): times for what, times in spent.items()
              if what.startswith("decoded by ")}
    if codecs:
        made, seconds = (sum(part) for part in zip(*codecs.values()))
        return max(codecs, key=lambda name: codecs[name][0]), made / 1e6 / max(seconds, 1e-9)
    made = max((count for count, _ in spent.values()), default=0)
    return "copy", made / 1e6 / max(sum(seconds for _, seconds in spent.values()), 1e-9)
