"""The table of tools that scripts/bench compares: their commands, their settings, where they are.

A peer takes part when its programs are found on PATH. Its setting is the one that made the smallest
patches over model files among those that a careful user of the tool would choose; where a tool has
two that are worth having, it has two rows. Tools that take a number of threads get ours.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model_manifest import find_parse

OURS = "mallorn"
MAX = "mallorn-max"  # ours with --max: no peer either, and run only where it is asked for
LITE = "mallorn-lite"  # patches for small devices: only when asked for
DEVICE_PEERS = ("hpatchlite", "detools-heatshrink", "detools-hdiff-heatshrink")
LIMIT = "limit"  # measured by bench_measure itself, without a program
PLAIN = "plain"  # bench_plain.py: no tool that anyone uses, so never the best peer

Command = Callable[[Path, Path, Path, int], list[str]]


@dataclass(frozen=True)
class Tool:
    name: str
    setting: str  # what the reader of a table needs to know to repeat it
    diff: Command  # (old, new, patch, threads) -> argv
    apply: Command  # (old, patch, output, threads) -> argv


def ours(mallorn: Path, name: str = OURS, options: tuple[str, ...] = ()) -> Tool:
    return Tool(
        name, " ".join(["mallorn diff", *options]) + ", mallorn patch",
        lambda old, new, patch, threads: [
            str(mallorn), "diff", *options, str(old), str(new), "-o", str(patch), "--force",
            "--threads", str(threads)],
        lambda old, patch, output, threads: [
            str(mallorn), "patch", str(old), str(patch), "-o", str(output), "--force",
            "--threads", str(threads)])


def plain(mallorn: Path) -> Tool | None:
    """Needs the mallorn-parse that `mallorn` runs, and zstd."""
    parse = find_parse(mallorn)
    if not parse or not programs("zstd"):
        return None
    command = [sys.executable, str(Path(__file__).with_name("bench_plain.py"))]
    return Tool(PLAIN, "XOR with the old tensor of the name, byte planes, zstd -19; all else as zstd",
                lambda old, new, patch, threads: [
                    *command, "diff", str(parse), str(old), str(new), str(patch)],
                lambda old, patch, output, threads: [
                    *command, "apply", str(parse), str(old), str(patch), str(output)])


def bsdiff() -> Tool | None:
    if not programs("bsdiff", "bspatch"):
        return None
    return Tool("bsdiff", "bsdiff, bspatch",
                lambda old, new, patch, threads: ["bsdiff", str(old), str(new), str(patch)],
                lambda old, patch, output, threads: ["bspatch", str(old), str(output), str(patch)])


def xdelta3() -> Tool | None:
    """Of -S none, djw and lzma the last is the smallest over all, though not on every file."""
    if not programs("xdelta3"):
        return None

    def window(old: Path) -> str:
        # The default, 64 MiB, would hide the rest of a larger old file.
        return str(max(old.stat().st_size, 1 << 26))

    return Tool("xdelta3", "xdelta3 -9 -S lzma -B <old size>",
                lambda old, new, patch, threads: [
                    "xdelta3", "-e", "-f", "-9", "-S", "lzma", "-B", window(old), "-s", str(old),
                    str(new), str(patch)],
                lambda old, patch, output, threads: [
                    "xdelta3", "-d", "-f", "-B", window(old), "-s", str(old), str(patch),
                    str(output)])


def zstd() -> Tool | None:
    if not programs("zstd"):
        return None

    def window_log(old: Path, new: Path) -> int:
        return min(31, max(17, (old.stat().st_size + new.stat().st_size).bit_length()))

    return Tool("zstd", "zstd -19 --long=<both files> --patch-from",
                lambda old, new, patch, threads: [
                    "zstd", "-q", "-f", "-19", f"--long={window_log(old, new)}",
                    f"--patch-from={old}", str(new), "-o", str(patch)],
                lambda old, patch, output, threads: [
                    "zstd", "-q", "-d", "-f", "--long=31", f"--patch-from={old}", str(patch),
                    "-o", str(output)])


def hdiffz_tools() -> list[Tool]:
    """Two rows: -SD is what the tool recommends and what applies fast; without it patches of
    fine-tuned models are smaller. -d leaves out hdiffz's own check, as we check every result."""
    if not programs("hdiffz", "hpatchz"):
        return []
    help_text = output_of(["hdiffz", "-h"])
    rows = []
    for name, options, codecs in (
            ("hdiffz", ["-m-1", "-SD"], ["-c-lzma2-9-64m", "-c-zstd-21", "-c-zlib-9"]),
            ("hdiffz-m", ["-m-1"], ["-c-lzma-9-64m", "-c-zstd-21", "-c-zlib-9"])):
        codec = next((c for c in codecs if re.match(r"-c-\w+", c)[0] + "[" in help_text), "")
        rows.append(hdiffz(name, options + ([codec] if codec else [])))
    return rows


def hdiffz(name: str, options: list[str]) -> Tool:
    return Tool(name, " ".join(["hdiffz", *options]),
                lambda old, new, patch, threads: [
                    "hdiffz", "-f", "-d", f"-p-{threads}", *options, str(old), str(new),
                    str(patch)],
                lambda old, patch, output, threads: [
                    "hpatchz", "-f", f"-p-{min(threads, 5)}", str(old), str(patch), str(output)])


def detools_tools() -> list[Tool]:
    """The second row is detools' own hdiffpatch mode, the best on some small models; those with
    heatshrink are for small devices."""
    if shutil.which("detools"):
        program = ["detools"]
    elif importlib.util.find_spec("detools"):
        program = [sys.executable, "-m", "detools"]
    else:
        return []
    return [detools("detools", program, ["-c", "lzma"]),
            detools("detools-hdiff", program,
                    ["-t", "hdiffpatch", "-a", "hdiffpatch", "-c", "lzma"]),
            detools("detools-heatshrink", program, ["-c", "heatshrink"]),
            detools("detools-hdiff-heatshrink", program,
                    ["-t", "hdiffpatch", "-a", "hdiffpatch", "-c", "heatshrink"])]


def detools(name: str, program: list[str], options: list[str]) -> Tool:
    return Tool(name, " ".join(["detools", "create_patch", *options]),
                lambda old, new, patch, threads: [
                    *program, "create_patch", *options, str(old), str(new), str(patch)],
                lambda old, patch, output, threads: [
                    *program, "apply_patch", str(old), str(patch), str(output)])


def hpatchlite() -> Tool | None:
    """For small devices. A dictionary of 1 KiB: the default, 32 KiB, is more than they have."""
    if not programs("hdiffi", "hpatchi"):
        return None
    return Tool("hpatchlite", "hdiffi -m-1 -c-tuz-1k",
                lambda old, new, patch, threads: [
                    "hdiffi", "-f", "-d", "-m-1", "-c-tuz-1k", str(old), str(new), str(patch)],
                lambda old, patch, output, threads: [
                    "hpatchi", "-f", str(old), str(patch), str(output)])


def brotli() -> Tool | None:
    """Only from brotli 1.1 on, whose program can take the old file as a dictionary."""
    if not programs("brotli") or "--dictionary" not in output_of(["brotli", "--help"]):
        return None

    def window(new: Path) -> str:
        # 0 lets brotli choose, which is smaller than the largest; the plain format ends at 16 MiB.
        bits = new.stat().st_size.bit_length()
        return "--lgwin=0" if bits <= 24 else f"--large_window={min(bits, 30)}"

    return Tool("brotli", "brotli -q 11 --lgwin=0 -D <old> (above 16 MiB --large_window)",
                lambda old, new, patch, threads: [
                    "brotli", "-f", "-q", "11", window(new), "-D", str(old), "-o", str(patch),
                    str(new)],
                lambda old, patch, output, threads: [
                    "brotli", "-d", "-f", "--large_window=30", "-D", str(old), "-o", str(output),
                    str(patch)])


def installed_peers() -> tuple[list[Tool], list[str]]:
    """The peers found on this machine, and the names of those that were not."""
    found: list[Tool] = []
    missing: list[str] = []
    for name, tools in (("bsdiff", [bsdiff()]), ("xdelta3", [xdelta3()]), ("zstd", [zstd()]),
                        ("hdiffz", hdiffz_tools()), ("detools", detools_tools()),
                        ("hpatchlite", [hpatchlite()]), ("brotli", [brotli()])):
        present = [tool for tool in tools if tool]
        found += present
        if not present:
            missing.append(name)
    return found, missing


def programs(*names: str) -> bool:
    return all(shutil.which(name) for name in names)


def output_of(argv: list[str]) -> str:
    result = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    return result.stdout + result.stderr
