"""Asks mallorn-parse where the tensors of a model are."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

NAME = "mallorn-parse"


def find_parse(mallorn: Path) -> Path | None:
    """The program that the script `mallorn` runs, looked for as that script does."""
    home = os.environ.get("MALLORN_BIN")
    if home:
        places = [Path(home) / NAME, Path(home) / NAME / NAME]
    else:
        here = mallorn.resolve().parent
        places = [here / NAME, here.parent / "build" / NAME / NAME]
    return next((place for place in places if place.is_file() and os.access(place, os.X_OK)), None)


def tensor_ranges(parse: Path, model: Path) -> list[dict]:
    """The tensors in order of their place, as docs/format/stream.md describes them. A program that
    fails raises CalledProcessError."""
    manifest = json.loads(subprocess.run([parse, "--quiet", "--manifest", model], check=True,
                                         capture_output=True).stdout)
    return [part for part in manifest["ranges"] if part["kind"] == "tensor"]
