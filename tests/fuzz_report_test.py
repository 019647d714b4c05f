#!/usr/bin/env python3
"""Tests of scripts/fuzz_report.py: what is read from the output of a libFuzzer target."""

from __future__ import annotations

import csv
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

import fuzz_report

ENDED = """\
INFO: Seed: 1
#4	INITED cov: 377 ft: 496 corp: 3/4118b exec/s: 0 rss: 40Mb
#20	NEW    cov: 380 ft: 510 corp: 4/5Kb lim: 2540 exec/s: 95 rss: 99Mb L: 1/2 MS: 1 EraseBytes-
#65	REDUCE cov: 380 ft: 520 corp: 5/5Kb lim: 2540 exec/s: 95 rss: 99Mb L: 1/2 MS: 1 EraseBytes-
#900	DONE   cov: 483 ft: 1861 corp: 344/489Kb lim: 2540 exec/s: 95 rss: 332Mb
Done 901 runs in 171 second(s)
stat::number_of_executed_units: 901
stat::new_units_added:          341
"""
CRASHED = """\
#4	INITED cov: 377 ft: 496 corp: 3/4118b exec/s: 0 rss: 40Mb
#8	pulse  cov: 377 ft: 496 corp: 3/4118b exec/s: 0 rss: 40Mb
==1==ERROR: AddressSanitizer: heap-buffer-overflow
"""


class Report(unittest.TestCase):
    def test_a_search_that_ended(self) -> None:
        found = fuzz_report.read_log("chunk", ENDED, 90, 0, ["chunk-slow-unit-1"])
        self.assertEqual(found, fuzz_report.Search("chunk", 1.5, 901, 483, 1861, 344, 341, False, []))
        self.assertEqual(fuzz_report.line_of(found).split(),
                         ["chunk", "1.5", "901", "483", "1861", "344", "341", "nothing"])

    def test_a_search_that_found_something(self) -> None:
        found = fuzz_report.read_log("chunk", CRASHED, 6, 1, ["chunk-crash-77"])
        self.assertEqual((found.executions, found.edges, found.has_failed, found.found),
                         (8, 377, True, ["chunk-crash-77"]))
        self.assertTrue(fuzz_report.line_of(found).endswith("  chunk-crash-77"))
        self.assertIn("1 failed: chunk", fuzz_report.total([found]))

    def test_a_program_that_did_not_start(self) -> None:
        found = fuzz_report.read_log("chunk", "no such program\n", 0, 127, [])
        self.assertTrue(fuzz_report.line_of(found).endswith("  failed"))

    def test_tables_grow(self) -> None:
        found = fuzz_report.read_log("chunk", ENDED, 90, 0, [])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table"
            for _ in range(2):
                fuzz_report.add_to_table(path, [found])
            rows = list(csv.DictReader(path.open(encoding="utf-8"), delimiter="\t"))
        self.assertEqual([row["executions"] for row in rows], ["901", "901"])


if __name__ == "__main__":
    unittest.main()
