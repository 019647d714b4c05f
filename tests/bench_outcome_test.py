#!/usr/bin/env python3
"""Tests of what scripts/bench makes of its measurements: means, charts, and the big pair."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

sys.dont_write_bytecode = True
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

import bench_outcome
import bench_plot
import bench_targets
import make_big_pair
from bench_cases import Case, Target
from bench_measure import Result
from bench_process import Measure


def result(tool: str, counted_bytes: int, source: str = "run", error: str = "",
           seconds: float = 1.0) -> Result:
    return Result("case", tool, source, 2_000_000, counted_bytes, counted_bytes,
                  Measure(seconds), Measure(seconds), error)


def outcome(*results: Result, kind: str = "") -> bench_outcome.Outcome:
    case = FakeCase("case", Path("old"), Path("new"), "raw", kind, None)
    return bench_outcome.Outcome(case, list(results))


class FakeCase(Case):
    """A case without files."""

    @property
    def new_bytes(self) -> int:
        return 2_000_000


class Outcomes(unittest.TestCase):
    """Best peers and means."""

    def test_the_best_peer_is_neither_ours_nor_failed_nor_the_limit(self) -> None:
        found = outcome(result("mallorn", 5), result("limit", 0), result("a", 7, error="wrong"),
                        result("b", 20), result("c", 10, source="list"))
        self.assertEqual((found.best_peer.tool, found.best_run_peer.tool), ("c", "b"))
        self.assertEqual(bench_outcome.ratios(found, found.ours)["size"], 0.5)

    def test_a_run_goes_before_an_equal_figure_from_a_list(self) -> None:
        found = outcome(result("c", 10, source="list"), result("b", 10))
        self.assertEqual(found.best_peer.source, "run")

    def test_means_leave_out_what_failed(self) -> None:
        means = bench_outcome.size_means([
            outcome(result("mallorn", 20), result("b", 10), kind="k"),
            outcome(result("mallorn", 10), result("b", 20)),
            outcome(result("mallorn", 1, error="wrong"), result("b", 20))])
        self.assertEqual([(m.name, m.pairs) for m in means], [("all pairs", 2), ("k", 1)])
        self.assertAlmostEqual(means[0].mean, 1.0)
        self.assertEqual((means[0].not_larger, means[0].worst), (1, 2.0))

    def test_the_plain_baseline_is_for_related_pairs_first(self) -> None:
        means = bench_outcome.plain_means([
            outcome(result("mallorn", 5), result("plain", 10), result("b", 1), kind="fine-tune"),
            outcome(result("mallorn", 8), result("plain", 10), kind="related-update"),
            outcome(result("mallorn", 30), result("plain", 10), kind="retrained"),
            outcome(result("mallorn", 30), result("plain", 1, error="wrong"), kind="fine-tune")])
        self.assertEqual((means[0].name, means[0].pairs, means[0].worst), ("related pairs", 2, 0.8))
        self.assertAlmostEqual(means[0].mean, 0.4 ** 0.5)
        self.assertEqual((means[1].name, means[1].pairs, means[1].not_larger), ("all pairs", 3, 2))

    def test_max_is_held_against_ours_and_never_the_best_peer(self) -> None:
        outcomes = [outcome(result("mallorn", 10), result("mallorn-max", 5), result("b", 8), kind="k"),
                    outcome(result("mallorn", 10), result("mallorn-max", 20)),
                    outcome(result("mallorn", 10), result("mallorn-max", 1, error="wrong")),
                    outcome(result("mallorn", 10))]
        means = bench_outcome.max_means(outcomes)
        self.assertEqual([(m.name, m.pairs, m.worst) for m in means], [("all pairs", 2, 2.0), ("k", 1, 0.5)])
        self.assertAlmostEqual(means[0].mean, 1.0)
        self.assertEqual(outcomes[0].best_peer.tool, "b")

    def test_a_target_is_for_the_whole_patch(self) -> None:
        found = outcome(result("mallorn", 101))
        found.case = FakeCase("case", Path("old"), Path("new"), "raw", "", None,
                              Target("f32", "light", 800, 1.0))
        found.weight_bytes = 100
        line, = bench_targets.reached([found, outcome(result("mallorn", 1))])
        self.assertEqual((line.weight_bits, line.holds), (1.0, False))
        self.assertEqual(line.diff_mb_per_s, 2.0)

    def test_speed_is_compared_with_each_peer(self) -> None:
        speed, = bench_outcome.speed_means([
            outcome(result("mallorn", 1, seconds=1), result("zstd", 1, seconds=8)),
            outcome(result("mallorn", 1, seconds=4), result("zstd", 1, seconds=2))])
        self.assertEqual((speed.peer, speed.pairs, speed.diff_faster), ("zstd", 2, 1))
        self.assertAlmostEqual(speed.diff_mean, 0.5)  # the root of 1/8 * 2


class Plot(unittest.TestCase):
    """The chart."""

    def test_complete_cases_are_drawn(self) -> None:
        rows = []
        for case, ours, peer in (("one", 0.5, 2.0), ("two", 30.0, 20.0), ("half", 5.0, None)):
            rows.append({"case": case, "kind": "<k>", "tool": "mallorn", "percent": ours,
                         "is_best_peer": 0, "error": ""})
            rows.append({"case": case, "kind": "<k>", "tool": "b", "percent": peer,
                         "is_best_peer": "1", "error": ""})
        drawing = xml.fromstring(bench_plot.draw(rows))
        texts = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("one", texts)
        self.assertIn("<k>", texts)
        self.assertNotIn("half", texts)
        self.assertIn("0.25", texts)
        bars = {(bar.get("class"), float(bar.get("width")))
                for bar in drawing.iter("{http://www.w3.org/2000/svg}rect")}
        self.assertIn(("ours", 0.3 * bench_plot.PLOT_WIDTH), bars)
        self.assertIn(("peer", 0.2 * bench_plot.PLOT_WIDTH), bars)

    def test_no_case_gives_an_empty_chart(self) -> None:
        xml.fromstring(bench_plot.draw([]))


class BigPair(unittest.TestCase):
    """The synthetic pair."""

    def test_the_pair_is_plausible_and_always_the_same(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            paths = Path(folder) / "old", Path(folder) / "new"
            make_big_pair.make_pair(*paths, make_big_pair.parse_size("4M"))
            old, new = (path.read_bytes() for path in paths)
        for data, digest in ((old, OLD_SHA256), (new, NEW_SHA256)):
            self.assertEqual(data[:8], b"GGUF\x03\0\0\0")
            self.assertEqual(hashlib.sha256(data).hexdigest(), digest)
        self.assertAlmostEqual(len(old) / (4 << 20), 1, delta=0.02)
        shift = len(new) - len(old)
        self.assertIn(shift, (32, 64))
        # Tensors at the end of the file: the same bytes, moved, but for a few.
        tail = len(old) // 2
        changed = sum(a != b for a, b in zip(old[-tail:], new[-tail:]))
        self.assertTrue(0.005 < changed / tail < 0.1, changed / tail)


OLD_SHA256 = "0b960e8445eb643fb663446331a3463d594c18c7cf65cc9ec9c5f9d8b7ec3aad"
NEW_SHA256 = "38eb7b582c8a4a9b8b6378d03113ad33eea009be801875f0adb092687c83ca88"


if __name__ == "__main__":
    unittest.main()
