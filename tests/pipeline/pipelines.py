"""What the tests of pipelines share, beside the helpers of tests/cli."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "cli"))
sys.path.insert(1, str(TESTS.parent / "scripts"))

from programs import DEADLINE, FRONT_END, PROGRAMS, Done, ProgramTest, is_sanitized, program

MEMORY_LIMIT = 1 << 30  # bytes of address space, for inputs made to exhaust memory


@contextlib.contextmanager
def limited_memory(more: int = 0) -> Iterator[None]:
    """Gives what is started meanwhile MEMORY_LIMIT of address space, and `more` for mapped files.

    The limit is set for this process, too, which needs far less: starting a program is much faster
    than with preexec_fn. A sanitizer reserves more address space than that by itself.
    """
    if is_sanitized():
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def in_parallel(work: Callable, items: Iterable) -> list:
    """work(item) for each item, which runs programs, by as many threads as there are processors."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(work, items))


class PipelineTest(ProgramTest):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.home.parent / "bin"
        self.path.mkdir()
        for name in PROGRAMS:
            (self.path / name).symlink_to(program(name))
        (self.path / "mallorn").symlink_to(FRONT_END)

    def shell(self, script: str, *arguments: object, shell: str = "sh", **more: str) -> Done:
        """Runs a script that calls the programs by name; $1, $2 are `arguments`."""
        path = f"{self.path}:{os.environ['PATH']}"
        done = subprocess.run([shell, "-c", script, shell, *map(str, arguments)], cwd=self.home,
                              env=self.environment(PATH=path, **more), capture_output=True,
                              check=False, stdin=subprocess.DEVNULL, timeout=DEADLINE)
        return Done(done.returncode, done.stdout, done.stderr)

    def patch_size(self, name: str, old: bytes, new: bytes, *options: str) -> int:
        """Of the patch, which makes the new model."""
        paths = [self.home.parent / f"{name}.{side}" for side in ("old", "new")]
        for path, content in zip(paths, (old, new)):
            path.write_bytes(content)
        patch = self.succeed("mallorn", "diff", "-q", *options, *paths, "-o", "-")
        self.assertEqual(self.succeed("mallorn-apply", paths[0], stdin=patch), new, name)
        return len(patch)

    def stand_in(self, name: str, script: str, *, only_for: Path | None = None) -> None:
        """Puts a shell script in the place of a program; "$real" is what it stands for.

        only_for: its last argument; with any other the program itself runs. (mallorn-delta runs
        mallorn-parse, too.)
        """
        head = f"#!/bin/sh\nreal='{program(name)}'\n"
        if only_for is not None:
            head += f"case \"$*\" in *'{only_for}') ;; *) exec \"$real\" \"$@\" ;; esac\n"
        self.remove_stand_in(name)
        (self.path / name).unlink()
        (self.path / name).write_text(f"{head}{script}\n", encoding="utf-8")
        (self.path / name).chmod(0o755)

    def remove_stand_in(self, name: str) -> None:
        (self.path / name).unlink()
        (self.path / name).symlink_to(program(name))

    def use_stand_ins(self) -> dict[str, str]:
        return self.environment(MALLORN_BIN=str(self.path))
