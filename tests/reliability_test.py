#!/usr/bin/env python3
"""Tests of scripts/bench-reliability: what careless tools do is seen, and mallorn holds everywhere.

    MALLORN_BIN=build python3 tests/reliability_test.py
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

import reliability_run
from bench_tools import Tool
from reliability_cases import TESTS, Subject, flipped, some_of
from reliability_run import (ACCEPTED, CRASHED, FAILED, HELD, HUNG, LINK, LOST, NOT_RUN, PARTIAL,
                             STRAY, TORN, UNSYNCED, WRONG)

OLD, NEW = b"old model " * 1000, b"new model " * 1000
# Each is a script that gets base, patch and output as $1, $2, $3. A patch is the new file and "end".
CHECK = '[ "$(tail -c 3 "$2")" = end ] && [ "$(head -c 3 "$1")" = old ]'
STRAIGHT = 'head -c -3 "$2" > "$3"'
CAREFUL = (f'{CHECK} || exit 1; [ "$1" -ef "$3" ] && exit 1; head -c -3 "$2" > "$TMPDIR/t" && '
           '[ "$(wc -c < "$TMPDIR/t")" -eq 10000 ] && mv "$TMPDIR/t" "$3" || { rm "$TMPDIR/t"; exit 1; }')


def subject_of(script: str, folder: str, trials: int = 4) -> Subject:
    tool = Tool("stand-in", "", lambda old, new, patch, threads: [
                    "sh", "-c", 'cp "$1" "$2"; printf end >> "$2"', "sh", str(new), str(patch)],
                lambda old, patch, output, threads: [
                    "sh", "-c", script, "sh", str(old), str(patch), str(output)])
    return Subject(tool, NEW + b"end", OLD, NEW, Path(folder), trials, 1)


class StandIns(unittest.TestCase):
    """Tools whose faults are known."""

    def outcomes(self, test: str, script: str) -> set[str]:
        with tempfile.TemporaryDirectory() as folder:
            found = Counter(TESTS[test](subject_of(script, folder)))
            self.assertEqual(os.listdir(folder), [], "left by a trial")
        return set(found)

    def test_what_writes_straight_into_the_output(self) -> None:
        for test, outcomes in (
                ("nothing is wrong", {HELD}),
                ("patch cut short", {WRONG}),
                ("output is a symbolic link", {LINK}),
                ("output is a dangling link", {LINK}),
                ("output is a hard link", {LINK}),
                ("output is the base", {HELD}),
                ("file size limit", {TORN, PARTIAL}),
                ("patch by someone else", {ACCEPTED}),
                ("older patch again", {ACCEPTED})):
            with self.subTest(test):
                self.assertEqual(self.outcomes(test, STRAIGHT), outcomes)

    def test_each_moment_is_seen(self) -> None:
        outcomes = self.outcomes("killed at any moment", STRAIGHT)
        if outcomes != {NOT_RUN}:  # where nobody may trace
            self.assertEqual(outcomes, {HELD, TORN, PARTIAL})

    def test_waiting_for_the_disk_is_seen(self) -> None:
        for script, outcome in ((STRAIGHT, UNSYNCED), (f'{STRAIGHT}; sync "$3"', HELD)):
            self.assertIn(self.outcomes("power cut after exit code 0", script), ({outcome}, {NOT_RUN}))

    def test_a_full_disk_is_seen(self) -> None:
        self.assertIn(self.outcomes("disk full", STRAIGHT), ({TORN, PARTIAL}, {NOT_RUN}))

    def test_a_careful_tool_holds(self) -> None:
        for test in ("nothing is wrong", "patch cut short", "patch with bytes behind it",
                     "killed at any moment", "output is a symbolic link", "output is a hard link",
                     "output is a dangling link", "output is the base", "file size limit"):
            with self.subTest(test):
                self.assertLessEqual(self.outcomes(test, CAREFUL), {HELD, NOT_RUN})

    def test_other_faults(self) -> None:
        for script, test, outcomes in (
                ("exit 1", "nothing is wrong", {FAILED}),
                (f'{CHECK} || {{ rm -f "$3"; exit 1; }}', "patch cut short", {HELD, LOST}),
                (f"{CHECK} || kill -s SEGV $$", "patch cut short", {CRASHED}),
                (f'{CHECK} || {{ : > "$3.tmp"; exit 1; }}', "patch cut short", {STRAY}),
                (f'{CHECK} || {{ : > "$TMPDIR/t"; exit 1; }}', "patch cut short", {STRAY}),
                (f': > "$1"; {STRAIGHT}', "one bit of the base flipped", {TORN}),
                ("exit 0", "nothing is wrong", {WRONG})):
            with self.subTest(script=script):
                self.assertEqual(self.outcomes(test, script), outcomes)

    def test_a_tool_that_hangs(self) -> None:
        with mock.patch.object(reliability_run, "SECONDS", 0.2):
            self.assertEqual(self.outcomes("nothing is wrong", "sleep 60"), {HUNG})

    def test_trials_are_the_same_every_time(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            seen: list[bytes] = []
            subject = subject_of(STRAIGHT, folder)
            with mock.patch.object(Subject, "trial", lambda self, where, patch: seen.append(patch)):
                for _ in range(2):
                    list(TESTS["one bit of the patch flipped"](subject))
        self.assertEqual(len(seen), 16)
        self.assertEqual(seen[:8], seen[8:])

    def test_samples(self) -> None:
        self.assertEqual(some_of(range(1, 4), 8), [1, 2, 3])
        self.assertEqual(some_of(range(1, 101), 3), [1, 50, 100])
        self.assertEqual(flipped(b"\0\0", 9), b"\0\2")


class Program(unittest.TestCase):
    """The whole program."""

    def run_bench(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, str(SCRIPTS / "bench-reliability"),
                               *map(str, arguments)], capture_output=True, text=True, check=False)

    def outcomes(self, *arguments: object) -> list[tuple[str, str, str]]:
        """Test, tool and outcome."""
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "table.tsv"
            done = self.run_bench("--tsv", table, *arguments)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            with table.open(encoding="utf-8", newline="") as file:
                return [(row["test"], row["tool"], row["outcome"])
                        for row in csv.DictReader(file, delimiter="\t")]

    def test_mallorn_holds_everywhere(self) -> None:
        outcomes = dict.fromkeys(TESTS, "")
        for test, _, outcome in self.outcomes("--trials", 6, "--tools", "mallorn"):
            self.assertEqual(outcomes[test], "", "one outcome for all trials")
            outcomes[test] = outcome
        for test, outcome in outcomes.items():
            may_not_run = test in ("killed at any moment", "power cut after exit code 0", "disk full")
            self.assertIn(outcome, (HELD, NOT_RUN) if may_not_run else (HELD,), test)

    def test_peers_that_are_here_do_their_work(self) -> None:
        for _, tool, outcome in self.outcomes("--only", "nothing is wrong"):
            self.assertEqual(outcome, HELD, tool)

    def test_what_does_not_hold_fails_the_run(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            mallorn = Path(folder) / "mallorn"
            mallorn.write_text('#!/bin/sh\n[ "$1" = diff ] && cp "$3" "$5" || cp "$3" "$5"\n')
            mallorn.chmod(0o755)
            options = "--mallorn", mallorn, "--tools", "mallorn", "--trials", 1
            done = self.run_bench(*options, "--only", "cut")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, r"\| patch cut short \| wrong output \d+ of \d+ \|")
            done = self.run_bench(*options, "--only", "another file")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_usage(self) -> None:
        for arguments in (("--tools", "nothing"), ("--only", "no such test"), ("--trials", "0"),
                          ("/nowhere",), ("--mallorn", "/nowhere")):
            done = self.run_bench(*arguments)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (64, 1), done.stderr)

    def test_help_fits_a_screen(self) -> None:
        done = self.run_bench("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)


if __name__ == "__main__":
    unittest.main()
