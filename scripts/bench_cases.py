"""Finds the pairs of models to compare, and what is known about them from lists beside them."""

from __future__ import annotations

import csv
import fnmatch
import json
from dataclasses import dataclass
from pathlib import Path

PAIRS_FILE = "pairs.tsv"  # columns case, format, kind; more are allowed
BEST_PEERS_FILE = "best-peers.tsv"  # columns case, new, tool, patch
TARGET_FILE = "target.json"  # beside the pair: the fields of Target


class UsageError(Exception):
    """The command line or a list names something that cannot be used."""


@dataclass(frozen=True)
class ListedPeer:
    """The smallest patch of a pair by some peer, measured at another time or on another machine."""

    tool: str
    patch_bytes: int


@dataclass(frozen=True)
class Target:
    """What a patch may take for each weight of the new model; written by make-finetune."""

    type: str  # of the weights, as `mallorn info` names it
    update: str
    weights: int
    bits_per_weight: float
    floor: float | None = None  # what no coder goes below, where the generator says so


@dataclass(frozen=True)
class Case:
    name: str
    old: Path
    new: Path
    format: str
    kind: str  # empty when no list tells
    listed: ListedPeer | None
    target: Target | None = None

    @property
    def new_bytes(self) -> int:
        return self.new.stat().st_size


def find_cases(folders: list[Path], best_peers: Path | None, only: str) -> list[Case]:
    """All cases of the folders in order of name; `only` is a pattern or a part of the name."""
    cases: list[Case] = []
    if best_peers and not best_peers.exists():
        raise UsageError(f"{best_peers}: no such file")
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder")
        is_case = bool(model_in(folder, "old") and model_in(folder, "new"))
        home = folder.resolve().parent if is_case else folder
        pairs = read_table(home / PAIRS_FILE, ("case",))
        listed = read_table(best_peers or home / BEST_PEERS_FILE, ("case", "new", "tool", "patch"))
        for case_folder in [folder.resolve()] if is_case else sorted(folder.iterdir()):
            old, new = model_in(case_folder, "old"), model_in(case_folder, "new")
            if old and new and is_wanted(case_folder.name, only):
                cases.append(make_case(case_folder.name, old, new, pairs, listed))
    if not cases:
        raise UsageError("no pair <case>/old.* new.* found" + (f" for --only {only}" if only else ""))
    return cases


def make_case(name: str, old: Path, new: Path, pairs: dict[str, dict[str, str]],
              listed: dict[str, dict[str, str]]) -> Case:
    facts = pairs.get(name, {})
    row = listed.get(name)
    # A list made from other files would be a comparison with nothing.
    if row and row["new"] != str(new.stat().st_size):
        raise UsageError(f"{name}: the list of best peers was made for another file: "
                         f"{row['new']} bytes, here {new.stat().st_size}")
    if row and not row["patch"].isdecimal():
        raise UsageError(f"{name}: the list of best peers has no number of bytes: {row['patch']}")
    return Case(name, old, new, facts.get("format") or new.suffix.lstrip("."),
                facts.get("kind") or "",
                ListedPeer(row["tool"], int(row["patch"])) if row else None,
                read_target(old.with_name(TARGET_FILE)))


def read_target(path: Path) -> Target | None:
    if not path.exists():
        return None
    try:
        return Target(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path}: {error}") from None


def model_in(folder: Path, stem: str) -> Path | None:
    return next((path for path in sorted(folder.glob(f"{stem}.*")) if path.is_file()), None)


def is_wanted(name: str, only: str) -> bool:
    return only in name or fnmatch.fnmatchcase(name, only)


def read_table(path: Path, columns: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """A tab-separated table by its column `case`; empty when there is no such file."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for column in columns:
        if rows and rows[0].get(column) is None:
            raise UsageError(f"{path}: no column named {column}")
    return {row["case"]: row for row in rows}
