#!/usr/bin/env python3
"""Applies a patch, slowly: a second reader of the format, written from docs/format alone.

    mallorn_decode.py BASE PATCH [RESULT]      (without RESULT: only checks)

Its work is to keep the documents complete; mallorn-apply is what applies patches. Python's standard
library is enough, with the command `zstd` (or python3-zstandard) for what is coded with zstd.

    patch.py         header, records, chunks, sections     patch.md
    signatures.py    what is signed, with ed25519.py       sign.md
    structure.py     steps                                 structure.md
    byte_model.py    bytes, with expectations.py           structure.md
    range_coder.py   bits, trees, numbers                  structure.md
    planes.py        codec 2, with dtypes.py               planes.md, dtypes.md
    blocks.py        codec 3                               blocks.md, planes.md
    weights.py       codec 3, from another dtype           blocks.md, conversions.md
    values.py        codec 4                               values.md, blocks.md
    mask.py          codec 5                               mask.md
    tokens.py        codec 6                               tokens.md, blocks.md
    mixed.py         codec 7, with mixed_law.py            mixed.md, values.md
    edits.py         codec 8, with derived.py              edits.md, values.md
    grid.py          codec 9                               grid.md, values.md
    conversions.py   converted predictions                 conversions.md, blocks.md
    lite.py          the body of profile lite              lite.md
    zstd_frames.py   codec 1 and zstd runs                 planes.md, patch.md
    journal.py       journals of updates in place          journal.md
    stream.py        model and delta streams, manifest.py  stream.md
"""

from __future__ import annotations

import sys
from pathlib import Path

import patch
from faults import Fault


def main(arguments: list[str]) -> int:
    if len(arguments) not in (2, 3):
        print("usage: mallorn_decode.py BASE PATCH [RESULT]", file=sys.stderr)
        return 64
    base, patch_bytes = (Path(argument).read_bytes() for argument in arguments[:2])
    try:
        result = patch.decode(patch_bytes, base)
    except Fault as fault:
        print(f"mallorn_decode.py: error: {fault}", file=sys.stderr)
        return 65
    if len(arguments) == 3:
        Path(arguments[2]).write_bytes(result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
