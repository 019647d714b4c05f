"""What the lists of vectors share: where things are, one case, and the programs of a build."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
VECTORS = TOP / "tests" / "vectors"
BASES = VECTORS / "patch" / "base"
SIGNATURES = VECTORS / "sign" / "ed25519.tsv"
JOURNALS = VECTORS / "journal" / "journals.tsv"
DOCS = TOP / "docs"


@dataclass
class Case:
    """A vector. `base` is the path of a base below tests/, or a word that says the kind of a stream."""

    name: str
    base: str
    data: bytes
    spec: str
    what: str
    result: bytes | None = None  # good ones: the result of a patch or delta stream, or the model
    status: str = "ok"


def read(path: str) -> bytes:
    """A file below tests/."""
    return (TOP / "tests" / path).read_bytes()


class Programs:
    def __init__(self, build: Path) -> None:
        self.build = build.resolve()

    def path(self, name: str) -> Path:
        for path in (self.build / name, self.build / name / name):
            if path.is_file():
                return path
        sys.exit(f"{name} is not in {self.build}")

    def run(self, name: str, *arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess:
        """In tests/vectors, where the paths of vectors by reference begin."""
        return subprocess.run([self.path(name), *map(str, arguments)], input=stdin, cwd=VECTORS,
                              capture_output=True, check=False,
                              env={**os.environ, "MALLORN_BIN": str(self.build)})

    def output(self, name: str, *arguments: object, stdin: bytes = b"") -> bytes:
        done = self.run(name, *arguments, stdin=stdin)
        if done.returncode != 0:
            sys.exit(f"{name} {arguments}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def model_stream(self, model: Path) -> bytes:
        return self.output("mallorn-parse", "-q", model)

    def delta_stream(self, base: Path, result: Path) -> bytes:
        return self.output("mallorn-delta", "-q", result, stdin=self.model_stream(base))

    def patch(self, base: Path, result: Path, *options: str) -> bytes:
        return self.output("mallorn-pack", "-q", *options, stdin=self.delta_stream(base, result))
