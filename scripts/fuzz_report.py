"""Reads what a libFuzzer target has said, and shows it: the lines and the table of scripts/fuzz."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

HEAD = (f"{'target':16} {'CPU min':>8} {'executions':>12} {'edges':>7} {'features':>9} "
        f"{'inputs':>7} {'new':>6}  found")
COLUMNS = ["target", "cpu_minutes", "executions", "edges", "features", "inputs", "new_inputs",
           "found"]
# `#123	DONE   cov: 483 ft: 1861 corp: 344/489Kb ...`; parts may be missing when little was seen.
STATUS_LINE = re.compile(r"^#(\d+)\s+[A-Za-z-]+\s+(.*)$", re.MULTILINE)
FAILURES = ("crash", "leak", "oom", "timeout")


@dataclass
class Search:
    """What one target has done in one run."""

    target: str
    cpu_minutes: float
    executions: int = 0
    edges: int = 0
    features: int = 0
    inputs: int = 0  # of the corpus, at the end
    new_inputs: int = 0
    has_failed: bool = False
    found: list[str] = field(default_factory=list)  # files


def read_log(target: str, log: str, cpu_seconds: float, exit_code: int, files: list[str]) -> Search:
    search = Search(target, cpu_seconds / 60, has_failed=exit_code != 0)
    search.found = [name for name in files
                    if name.removeprefix(f"{target}-").startswith(FAILURES)]
    for executions, rest in STATUS_LINE.findall(log):
        search.executions = max(search.executions, int(executions))
        search.edges = number_in(rest, r"cov: (\d+)") or search.edges
        search.features = number_in(rest, r"ft: (\d+)") or search.features
        search.inputs = number_in(rest, r"corp: (\d+)") or search.inputs
    # Behind the last status line, if it ended by itself.
    search.executions = number_in(log, r"number_of_executed_units: (\d+)") or search.executions
    search.new_inputs = number_in(log, r"new_units_added: +(\d+)")
    return search


def number_in(text: str, pattern: str) -> int:
    found = re.search(pattern, text)
    return int(found.group(1)) if found else 0


def line_of(search: Search) -> str:
    found = ", ".join(search.found) or ("failed" if search.has_failed else "nothing")
    return (f"{search.target:16} {search.cpu_minutes:8.1f} {search.executions:12} {search.edges:7} "
            f"{search.features:9} {search.inputs:7} {search.new_inputs:6}  {found}")


def total(searches: list[Search]) -> str:
    minutes = sum(search.cpu_minutes for search in searches)
    executions = sum(search.executions for search in searches)
    failed = [search.target for search in searches if search.has_failed]
    return (f"{len(searches)} targets, {minutes:.1f} CPU minutes, {executions} executions, "
            f"{len(failed)} failed{': ' if failed else ''}{', '.join(failed)}")


def add_to_table(path: Path, searches: list[Search]) -> None:
    """Runs add up: the same target may have several lines."""
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        if is_new:
            writer.writerow(COLUMNS)
        for search in searches:
            writer.writerow([search.target, f"{search.cpu_minutes:.2f}", search.executions,
                             search.edges, search.features, search.inputs, search.new_inputs,
                             " ".join(search.found)])
