"""The stored vectors and their lists; how each is put before a program."""

from __future__ import annotations

import contextlib
import csv
import re
import subprocess
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

import patch
import stream
from cases import BASES, DOCS, TOP, VECTORS, Programs, read
from faults import Fault
from zstd_frames import ZstdMissing

SUFFIX = {"patch": ".mlp", "stream": ".mls"}
COLUMNS = {"good": ["vector", "base", "length", "sha256", "pins", "what"],
           "bad": ["vector", "base", "status", "pins", "what"]}


def rows(group: str, side: str) -> Iterator[dict[str, str]]:
    """The list of tests/vectors/GROUP/SIDE; in streams the column `base` is called `kind`."""
    with open(VECTORS / group / side / "index.tsv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if "kind" in row:
                row["base"] = row.pop("kind")
            yield row


def content(group: str, side: str, row: dict[str, str]) -> bytes:
    return (VECTORS / group / side / (row["vector"] + SUFFIX[group])).read_bytes()


def exit_codes() -> dict[str, int]:
    """Status word -> exit code, from docs/errors.md."""
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    return {word: int(code) for word, code in re.findall(r"^\| \d+ \| `(\w+)` \| (\d+) \|", text, re.M)}


def open_file(path: bytes) -> bytes:
    """What a stream by reference names."""
    try:
        return (VECTORS / path.decode()).read_bytes()
    except OSError as error:
        raise Fault("cannot_open", str(error)) from error


def made_by_decoder(kind: str, data: bytes) -> bytes:
    """What the Python decoder makes of a vector."""
    if kind == "model":
        return stream.read_model(data, open_file)[1]
    if kind == "delta":
        return b"".join(chunk.result for chunk in stream.read_delta(data, open_file)[1])
    return patch.decode(data, read(kind))


def give(programs: Programs, kind: str, data: bytes) -> subprocess.CompletedProcess:
    """Puts a vector before the program that reads its kind: `model`, `delta`, else the path of a base."""
    if kind == "model":
        return programs.run("mallorn-delta", "-q", BASES / "abd", stdin=data)
    if kind == "delta":
        return programs.run("mallorn-pack", "-q", stdin=data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patch"
        path.write_bytes(data)
        return programs.run("mallorn-apply", "-q", TOP / "tests" / kind, path)


def status_of(done: subprocess.CompletedProcess) -> tuple[int, str]:
    """Exit code, and the status word of the first message."""
    lines = done.stderr.decode(errors="replace").splitlines()
    found = re.search(r"\[([a-z_]+)\]$", lines[0]) if lines else None
    return done.returncode, found[1] if found else "ok"


def made_by_programs(programs: Programs, kind: str, data: bytes) -> bytes | str:
    """What the programs make of a good vector: its model or result; a text if they refuse it."""
    done = give(programs, kind, data)
    if kind == "model" and done.returncode == 0:
        # Its delta stream to itself makes it again.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "stream"
            path.write_bytes(data)
            done = programs.run("mallorn-delta", "-q", path, stdin=programs.model_stream(BASES / "empty"))
        kind, data = "delta", done.stdout
        done = give(programs, kind, data) if done.returncode == 0 else done
        base = BASES / "empty"
    elif kind == "delta":
        base = next(path for path in (BASES / "abc", VECTORS / "models" / "template.old.gguf")
                    if b'"base":{"length":%d,' % path.stat().st_size in data.replace(b" ", b""))
    if kind == "delta" and done.returncode == 0:
        done = programs.run("mallorn-apply", "-q", base, stdin=done.stdout)
    return done.stdout if done.returncode == 0 else done.stderr.decode(errors="replace")


class VectorTest(unittest.TestCase):
    @contextlib.contextmanager
    def vector(self, *name: str) -> Iterator[None]:
        with self.subTest("/".join(name)):
            try:
                yield
            except ZstdMissing as missing:
                self.skipTest(f"{'/'.join(name)}: {missing}")
