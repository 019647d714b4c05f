#!/usr/bin/env python3
"""Profile lite: a patch applies, whichever way it was made and whatever the pages of the device."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path

from pipelines import PipelineTest, in_parallel
from programs import model_pairs, real_pairs

MAX_SHARE = 1.25  # of the result: what a patch may take where nothing helps, and 1 KiB


class Lite(PipelineTest):
    def lite_patch(self, out: str, old: Path, new: Path, *options: object) -> Path:
        self.succeed("mallorn", "diff", "-q", "--profile", "lite", *options, old, new, "-o", out)
        return self.home / out

    def check_pair(self, pair: tuple[Path, Path]) -> None:
        old, new = pair
        patch = self.lite_patch(f"{new.parent.name}.{old.name}.{new.name}.patch", old, new)
        self.assertEqual(self.succeed("mallorn-apply", "-q", old, patch), new.read_bytes(), new)
        self.assertLess(patch.stat().st_size, MAX_SHARE * new.stat().st_size + 1024, new)

    def test_every_pair(self) -> None:
        in_parallel(self.check_pair, [*model_pairs(), *real_pairs()])

    def test_inline_and_by_reference_make_one_patch(self) -> None:
        old, new = next(iter(real_pairs()))
        by_reference = self.lite_patch("reference", old, new).read_bytes()
        self.assertEqual(self.lite_patch("inline", old, new, "--inline").read_bytes(), by_reference)

    def test_pages(self) -> None:
        old, new = next(iter(real_pairs()))
        for page in (64, 4096, 1 << 17, 1 << 29):
            patch = self.lite_patch(f"page-{page}", old, new, "--page-size", page)
            self.assertEqual(self.succeed("mallorn-apply", "-q", old, patch), new.read_bytes())

    def check_in_place(self, pair: tuple[Path, Path]) -> None:
        old, new = pair
        for page in (64, 4096):
            patch = self.lite_patch(f"{new.parent.name}.{new.name}.in-place-{page}", old, new, "--in-place",
                                    "--page-size", page)
            self.assertEqual(self.succeed("mallorn-apply", "-q", old, patch), new.read_bytes(), new)
            info = json.loads(self.succeed("mallorn", "info", "--json", patch))
            self.assertEqual(info["in_place_bytes"], page)
            self.assertEqual(info["journal_bytes"], page)

    def test_in_place(self) -> None:
        in_parallel(self.check_in_place, list(real_pairs()))

    def test_in_place_bytes_that_move(self) -> None:
        # Up by less than a page: what of each page does not come from the page before keeps its base.
        old, new = next(iter(real_pairs()))
        moved = self.home / "moved"
        moved.write_bytes(b"sixteen bytes..." + old.read_bytes())
        up = self.lite_patch("up", old, moved, "--in-place")
        down = self.lite_patch("down", moved, old, "--in-place")
        self.assertEqual(self.succeed("mallorn-apply", "-q", old, up), moved.read_bytes())
        self.assertEqual(self.succeed("mallorn-apply", "-q", moved, down), old.read_bytes())
        self.assertLess(up.stat().st_size, old.stat().st_size / 4)
        self.assertLess(down.stat().st_size, 2048)

    def test_in_place_with_a_journal(self) -> None:
        # Up by two pages and a little: the journal must keep as much, and no more is asked of it.
        old, new = next(iter(real_pairs()))
        moved = self.home / "moved"
        moved.write_bytes(bytes(i * i // 7 & 255 for i in range(2100)) + old.read_bytes())
        sizes = []
        for journal, needed in ((1024, 1024), (2048, 1024), (4095, 3072), (4096, 4096), (1 << 16, 4096)):
            patch = self.lite_patch(f"journal-{journal}", old, moved, "--in-place", "--page-size", 1024,
                                    "--journal", journal)
            self.assertEqual(self.succeed("mallorn-apply", "-q", old, patch), moved.read_bytes())
            info = json.loads(self.succeed("mallorn", "info", "--json", patch))
            self.assertEqual(info["journal_bytes"], needed)
            sizes.append(patch.stat().st_size)
        self.assertGreater(sizes[0], 20 * sizes[3])
        self.assertEqual(sizes[3], sizes[4])
        done = self.run_program("mallorn", "diff", "--profile", "lite", "--in-place", "--page-size", 1024, old, moved,
                                "-o", "told")
        self.assertIn(b"--journal 4096", done.err)

    def test_without_floats(self) -> None:
        for old, new in real_pairs():
            patch = self.lite_patch(f"{new.parent.name}.no-floats", old, new, "--no-floats")
            self.assertEqual(self.succeed("mallorn-apply", "-q", old, patch), new.read_bytes(), new)

    def test_empty_files(self) -> None:
        (self.home / "empty").write_bytes(b"")
        (self.home / "text").write_bytes(b"some bytes that are no model\n" * 9)
        for old, new in (("empty", "empty"), ("text", "empty"), ("empty", "text")):
            self.check_pair((self.home / old, self.home / new))

    def test_what_is_refused(self) -> None:
        old, new = next(iter(model_pairs()))
        for options in (("--profile", "medium"), ("--page-size", 4096), ("--max-ram", 4096),
                        ("--in-place",), ("--no-floats",), ("--profile", "lite", "--journal", 8192),
                        ("--profile", "lite", "--in-place", "--journal", 4095),
                        ("--profile", "lite", "--page-size", 4095),
                        ("--profile", "lite", "--page-size", 32),
                        ("--profile", "lite", "--max-ram", 1023),
                        ("--profile", "lite", "--level", 3)):
            done = self.run_program("mallorn", "diff", *options, old, new, "-o", "refused")
            self.assertEqual(done.code, 64, options)
            self.assertIn(b"[usage]", done.err)
        self.lite_patch("small", old, new, "--max-ram", 1024)

    def test_what_is_refused_is_named(self) -> None:
        for options in (("--page-size", 4096), ("--max-ram", 4096), ("--in-place",), ("--journal", 8192),
                        ("--no-floats",)):
            done = self.fail_with(64, "usage", "mallorn-pack", *options)
            self.assertIn(f"{options[0]} goes with --profile lite".encode(), done.err)
        for page in (4095, 96):
            done = self.fail_with(64, "usage", "mallorn-pack", "--profile", "lite", "--page-size", page)
            self.assertIn(f"--page-size takes a power of two from 64 to 536870912, not '{page}'".encode(), done.err)


if __name__ == "__main__":
    sys.exit(unittest.main())
