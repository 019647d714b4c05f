#!/usr/bin/env python3
"""Writes the golden vectors of tests/vectors (stream, patch, sign, journal), or checks them.

    make_vectors.py BUILD            write vectors that are not there yet, and the lists
    make_vectors.py BUILD --all      write all of them anew: only with a new version of the format
    make_vectors.py BUILD --check    write nothing; exit 1 if the stored ones do not decode as listed

BUILD is a build directory. The cases are in tests/reference: good_patches.py, bad_patches.py,
stream_cases.py, sign_cases.py, journal_cases.py. A vector that is stored pins how it is read. How it was written may change: programs
get better, releases of zstd differ. So --check compares what comes out of the stored ones.
"""

import argparse
import hashlib
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "tests" / "reference"))

import bad_patches  # noqa: E402
import good_patches  # noqa: E402
import journal_cases  # noqa: E402
import sign_cases  # noqa: E402
import stream_cases  # noqa: E402
from cases import JOURNALS, SIGNATURES, VECTORS, Case, Programs  # noqa: E402
from vectors import (COLUMNS, SUFFIX, content, exit_codes, give, made_by_programs, rows,  # noqa: E402
                     status_of)

BUDGET = 120 * 1024  # bytes, of all vectors together
TABLES = {SIGNATURES: sign_cases.table, JOURNALS: journal_cases.table}


def all_cases(programs: Programs) -> dict[tuple[str, str], list[Case]]:
    return {("patch", "good"): [*good_patches.by_programs(programs), *good_patches.made_up()],
            ("patch", "bad"): list(bad_patches.cases()),
            ("stream", "good"): list(stream_cases.good(programs)),
            ("stream", "bad"): list(stream_cases.bad())}


def line(side: str, case: Case) -> str:
    result = case.result or b""
    outcome = [str(len(result)), hashlib.sha256(result).hexdigest()] if side == "good" else [case.status]
    return "\t".join([case.name, case.base, *outcome, case.spec, case.what]) + "\n"


def heading(group: str, side: str) -> str:
    names = ["kind" if group == "stream" and name == "base" else name for name in COLUMNS[side]]
    return "\t".join(names) + "\n"


def write(programs: Programs, is_anew: bool) -> None:
    for (group, side), cases in all_cases(programs).items():
        folder = VECTORS / group / side
        folder.mkdir(parents=True, exist_ok=True)
        assert len({case.name for case in cases}) == len(cases), "two vectors of one name"
        for case in cases:
            path = folder / (case.name + SUFFIX[group])
            if is_anew or not path.exists():
                path.write_bytes(case.data)
        (folder / "index.tsv").write_text(heading(group, side) + "".join(line(side, c) for c in cases),
                                          encoding="utf-8")
    for path, table in TABLES.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(table(), encoding="utf-8")


def faults_of(programs: Programs, group: str, side: str) -> list[str]:
    """What the programs make of the stored vectors of one folder that is not as listed."""
    codes = exit_codes()
    wrong = []
    listed = list(rows(group, side))
    stored = {path.stem for path in (VECTORS / group / side).glob("*" + SUFFIX[group])}
    wrong += [f"{name}: listed or stored alone" for name in stored ^ {row["vector"] for row in listed}]
    for row in listed:
        data = content(group, side, row)
        if side == "bad":
            found = status_of(give(programs, row["base"], data))
            expected = codes[row["status"]], row["status"]
        else:
            made = made_by_programs(programs, row["base"], data)
            found = made if isinstance(made, str) else (len(made), hashlib.sha256(made).hexdigest())
            expected = int(row["length"]), row["sha256"]
        if found != expected:
            wrong.append(f"{row['vector']}: {found}, expected {expected}")
    return [f"{group}/{side}/{fault}" for fault in wrong]


def check(programs: Programs) -> int:
    wrong = [fault for group in SUFFIX for side in COLUMNS
             for fault in faults_of(programs, group, side)]
    wrong += [f"{path.name}: not as its cases have it" for path, table in TABLES.items()
              if path.read_text(encoding="utf-8") != table()]
    size = sum(path.stat().st_size for group in SUFFIX for path in (VECTORS / group).rglob("*.ml?"))
    if size > BUDGET:
        wrong.append(f"{size} bytes of vectors, at most {BUDGET}")
    print("\n".join(wrong) or f"all vectors decode as listed ({size} bytes)")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    programs = Programs(arguments.build)
    if arguments.check:
        return check(programs)
    write(programs, arguments.all)
    return check(programs)


if __name__ == "__main__":
    sys.exit(main())
