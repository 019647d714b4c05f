"""What the tests of whole programs share: where the programs are, how they are run, what is left.

The build sets MALLORN_BIN to the folder of the programs; without it they are those of ../../build.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parent.parent.parent
BIN = Path(os.environ.get("MALLORN_BIN") or TOP / "build").resolve()
FRONT_END = TOP / "scripts" / "mallorn"
MODELS = TOP / "tests" / "vectors" / "models"
PAIRS = TOP / "tests" / "pairs"

# What nohup or a shell's `&` made this process ignore, the programs shall not inherit.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

PROGRAMS = sorted(path.parent.name for path in TOP.glob("mallorn-*/main.cpp"))
COMMANDS = ("diff", "patch", "verify", "info", "keygen", "sign")
ERROR_LINE = re.compile(rb"^(mallorn[a-z-]*): (error|no): [^\n]+ \[([a-z_]+)\]$")
HINT_LINE = re.compile(rb"^(mallorn[a-z-]*): hint: [^\n]+$")
SANITIZER_EXIT = 99  # so that a report cannot be taken for an exit code of the program
DEADLINE = 120  # seconds; generous, since sanitizers are slow and machines busy


def program(name: str) -> Path:
    """The path of a program, or of the front end."""
    if name == "mallorn":
        return FRONT_END
    for path in (BIN / name, BIN / name / name):
        if path.is_file():
            return path
    raise FileNotFoundError(f"{name} is not in {BIN}")


@functools.cache
def is_sanitized() -> bool:
    """Whether the programs were built with a sanitizer; then their address space is huge."""
    text = program("mallorn-apply").read_bytes()
    return any(mark in text for mark in (b"__asan_init", b"__tsan_init"))


def environment(**more: str) -> dict[str, str]:
    result = {**os.environ, "MALLORN_BIN": str(BIN), "LC_ALL": "C.UTF-8", **more}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        given = os.environ.get(name)
        result[name] = f"{given + ':' if given else ''}exitcode={SANITIZER_EXIT}"
    return result


class Done:
    """How a program ended: its exit code (negative: signal), and what it wrote."""

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def lines(self) -> list[bytes]:
        return self.err.splitlines()

    @property
    def status(self) -> str:
        """The status word of the first line on standard error, or nothing."""
        found = ERROR_LINE.match(self.lines[0]) if self.lines else None
        return found.group(3).decode() if found else ""

    def __repr__(self) -> str:
        return f"exit {self.code}, {len(self.out)} bytes, stderr {self.err!r}"


def model_pairs() -> list[tuple[Path, Path]]:
    """Every NAME.old.EXT of the tiny models with its NAME.new.EXT."""
    olds = sorted(MODELS.glob("*.old.*"))
    pairs = [(old, old.with_name(old.name.replace(".old.", ".new."))) for old in olds]
    return [(old, new) for old, new in pairs if old.suffix in (".gguf", ".onnx", ".tflite")]


def real_pairs() -> list[tuple[Path, Path]]:
    return [(next(case.glob("old.*")), next(case.glob("new.*")))
            for case in sorted(PAIRS.iterdir()) if case.is_dir()]


def small_pair() -> tuple[Path, Path]:
    return MODELS / "perturbed.old.tflite", MODELS / "perturbed.new.tflite"


class ProgramTest(unittest.TestCase):
    """Each test has an empty folder `self.home`, and a TMPDIR that must be empty at its end."""

    def setUp(self) -> None:
        scratch = Path(tempfile.mkdtemp(prefix="mallorn-test-"))
        self.addCleanup(shutil.rmtree, scratch, ignore_errors=True)
        self.home = scratch / "home"
        self.temporary = scratch / "tmp"
        self.home.mkdir()
        self.temporary.mkdir()

    def tearDown(self) -> None:
        self.assertEqual(sorted(os.listdir(self.temporary)), [], "left in TMPDIR")

    def environment(self, **more: str) -> dict[str, str]:
        return environment(TMPDIR=str(self.temporary), **more)

    def command(self, name: str, *arguments: object) -> list[str]:
        return [str(program(name)), *(os.fspath(a) if isinstance(a, os.PathLike) else str(a)
                                      for a in arguments)]

    def start(self, name: str, *arguments: object, **options: object) -> subprocess.Popen:
        options.setdefault("cwd", self.home)
        options.setdefault("env", self.environment())
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(self.command(name, *arguments), **options)

    def run_program(self, name: str, *arguments: object, stdin: bytes = b"",
                    **options: object) -> Done:
        """Runs it to its end; never accepts a sanitizer's report or a crash."""
        options.setdefault("cwd", self.home)
        options.setdefault("env", self.environment())
        options.setdefault("stdout", subprocess.PIPE)
        done = subprocess.run(self.command(name, *arguments), input=stdin, timeout=DEADLINE,
                              stderr=subprocess.PIPE, check=False, **options)
        result = Done(done.returncode, done.stdout or b"", done.stderr)
        self.assertNotEqual(result.code, SANITIZER_EXIT, done.stderr.decode(errors="replace"))
        self.assertNotIn(result.code, (-4, -6, -7, -8, -11), f"{name} crashed: {result}")
        return result

    def succeed(self, name: str, *arguments: object, stdin: bytes = b"",
                **options: object) -> bytes:
        """Runs what must succeed, silently; returns its output."""
        done = self.run_program(name, *arguments, stdin=stdin, **options)
        self.assertEqual((done.code, done.err), (0, b""), f"{name} {arguments}")
        return done.out

    def fail_with(self, code: int, status: str, name: str, *arguments: object,
                  stdin: bytes = b"", **options: object) -> Done:
        """Runs what must fail so: this exit code, one line with this status, perhaps a hint."""
        done = self.run_program(name, *arguments, stdin=stdin, **options)
        self.assertEqual((done.code, done.status), (code, status), f"{name} {arguments}: {done}")
        self.assert_one_error(done)
        return done

    def assert_one_error(self, done: Done) -> None:
        self.assertTrue(done.err.endswith(b"\n"), done)
        self.assertRegex(done.lines[0], ERROR_LINE)
        self.assertLessEqual(len(done.lines), 2, done)
        for line in done.lines[1:]:
            self.assertRegex(line, HINT_LINE)

    def make_delta(self, old: Path, new: Path, *, inline: bool = False, threads: int = 0) -> bytes:
        common = ["--threads", threads] if threads else []
        common += [] if inline else ["--by-reference"]
        stream = self.run_program("mallorn-parse", *common, "-q", old)
        self.assertEqual((stream.code, stream.err), (0, b""))
        delta = self.run_program("mallorn-delta", *common, "-q", new, stdin=stream.out)
        self.assertEqual((delta.code, delta.err), (0, b""))
        return delta.out

    def make_patch(self, old: Path, new: Path, *, inline: bool = False, threads: int = 0,
                   level: int = 0) -> bytes:
        """The pipeline, stage by stage."""
        delta = self.make_delta(old, new, inline=inline, threads=threads)
        options = ["--threads", threads] if threads else []
        options += ["--level", level] if level else []
        return self.succeed("mallorn-pack", *options, stdin=delta)


def drop_privileges() -> list[str]:
    """A command prefix without which root may write into any folder."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
