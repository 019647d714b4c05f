#!/usr/bin/env python3
"""Writes the hostile fixtures into a folder, and OUTDIR/index.tsv that lists them.

    hostile_models.py OUTDIR [--large] [--only CLASS,...]

The classes, file names and columns of the index are explained in tests/hostile/README.md.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import hostile_any
import hostile_external
import hostile_gguf
import hostile_onnx
import hostile_tflite
import hostile_zip
from model_writers.fixture import INDEX_HEADING, Fixture, write

PARTS = (hostile_gguf, hostile_tflite, hostile_zip, hostile_onnx, hostile_external, hostile_any)


def fixtures(large: bool, only: set[int]) -> Iterator[Fixture]:
    """One at a time: together they would not fit into a small memory."""
    for part in PARTS:
        for fixture in part.fixtures(large):
            if not only or int(fixture.file[:2]) in only:
                yield fixture


def generate(folder: Path, large: bool = False, only: set[int] = frozenset()) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for fixture in fixtures(large, only):
        lines.append(fixture.index_line(write(fixture, folder)))
    lines.sort()
    (folder / "index.tsv").write_text(INDEX_HEADING + "".join(lines), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="write the hostile model files")
    parser.add_argument("outdir", type=Path, help="an empty folder, or one that is made")
    parser.add_argument("--large", action="store_true",
                        help="also those that take more than 40 MB of disk")
    parser.add_argument("--only", metavar="CLASS,...", default="",
                        help="only these classes, by number")
    options = parser.parse_args()
    if options.outdir.exists() and any(options.outdir.iterdir()):
        print(f"hostile_models.py: error: {options.outdir} is not empty", file=sys.stderr)
        return 1
    only = {int(number) for number in options.only.split(",") if number}
    generate(options.outdir, options.large, only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
