#!/usr/bin/env python3
"""One patch, however it is made; and the new model out of it, bit for bit."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import unittest
from pathlib import Path

from pipelines import PipelineTest, in_parallel
from programs import TOP, model_pairs, real_pairs

BY_HAND = 'mallorn-parse -q "$1" | mallorn-delta -q "$2" | mallorn-pack -q'
BY_REFERENCE = ('mallorn-parse -q --by-reference "$1" | mallorn-delta -q --by-reference "$2" | '
                'mallorn-pack -q')
WITH_THREADS = ('mallorn-parse -q --threads 1 "$1" | mallorn-delta -q --threads 8 "$2" | '
                'mallorn-pack -q --threads 7')


class SamePatch(PipelineTest):
    """Each pair of models goes two ways that differ in all they can; a few pairs go every way."""

    def front_end(self, out: str, old: Path, new: Path, *options: object) -> bytes:
        self.succeed("mallorn", "diff", "-q", *options, old, new, "-o", out)
        return (self.home / out).read_bytes()

    def by_hand(self, script: str, old: Path, new: Path) -> bytes:
        done = self.shell(f"set -o pipefail; {script}", old, new, shell="bash")
        self.assertEqual((done.code, done.err), (0, b""), f"{old}: {script}")
        return done.out

    def as_stream(self, model: Path, name: str) -> Path:
        stream = self.home / f"{name}.stream"
        stream.write_bytes(self.succeed("mallorn-parse", "-q", model))
        return stream

    def check_pair(self, pair: tuple[Path, Path]) -> None:
        """By reference from the files; inline, by other threads, from a result that is a stream."""
        old, new = pair
        name = f"{old.parent.name}-{old.name}"
        patch = self.front_end(name, old, new)
        self.assertEqual(self.by_hand(WITH_THREADS, old, self.as_stream(new, name)), patch, name)
        self.succeed("mallorn", "patch", old, name, "-o", f"{name}.made")
        self.assertEqual((self.home / f"{name}.made").read_bytes(), new.read_bytes())
        made = self.succeed("mallorn-apply", "--threads", 1, old, stdin=patch)
        self.assertEqual(made, new.read_bytes())
        self.check_info(name, old, new)

    def check_info(self, patch: str, old: Path, new: Path) -> None:
        info = json.loads(self.succeed("mallorn", "info", "--json", patch))
        for side, path in (("base", old), ("result", new)):
            content = path.read_bytes()
            self.assertEqual(info[side], {"length": len(content),
                                          "sha256": hashlib.sha256(content).hexdigest()})

    def check_every_way(self, pair: tuple[Path, Path]) -> None:
        old, new = pair
        name = f"{old.parent.name}-{old.name}"
        patch = self.front_end(name, old, new)
        self.assertEqual(self.succeed("mallorn", "diff", "-q", old, new, "-o", "-"), patch)
        for options in (["--threads", "1"], ["--inline", "--threads=8"]):
            self.assertEqual(self.front_end(name, old, new, "--force", *options), patch,
                             f"{name}: {options}")
        explained = self.run_program("mallorn", "diff", "--explain", old, new, "-o", "-")
        self.assertEqual((explained.code, explained.out), (0, patch), name)
        self.check_table(explained.err.decode(), patch, new)
        self.check_tensors(explained.err.decode(), name, old, new)
        for script in (BY_HAND, BY_REFERENCE):
            self.assertEqual(self.by_hand(script, old, new), patch, f"{name}: {script}")
        stream = self.as_stream(new, name)
        self.assertEqual(self.by_hand(BY_HAND, old, stream), patch, f"{name}: result as a stream")
        self.check_every_way_back(name, old, new)

    def check_table(self, table: str, patch: bytes, new: Path) -> None:
        """Tensors and what lies between them are all of the result, and nearly all of the patch."""
        head, *lines = table.splitlines()
        self.assertEqual(head.split()[-1], "tensor")
        made, coded = (int(text.replace(",", "")) for text in lines[-1].split()[5:7])
        self.assertEqual(made, new.stat().st_size, table)
        if "the whole result by itself" not in table:
            self.assertLess(coded, len(patch), table)

    def check_tensors(self, explained: str, patch: str, old: Path, new: Path) -> None:
        """A patch says of its tensors what was said when it was made."""
        if "the whole result by itself" in explained:
            return
        info = self.succeed("mallorn", "info", "-q", "--base", old, patch).decode()
        table = info[info.index("\ndtype") + 1:]
        self.check_table(table, (self.home / patch).read_bytes(), new)
        told = {(line[:29], line[107:].split(" = ")[0]): line for line in table.splitlines()}
        lines = explained.splitlines()
        self.assertEqual(len(lines), len(table.splitlines()))
        for line in lines[1:-2]:
            made, coded = line[:29] + line[38:84], int(line[85:97].replace(",", ""))
            other = told[line[:29], line[107:].split(" = ")[0]]
            if coded >= 10:  # few bytes may be those of a neighbour
                self.assertEqual(other[:29] + other[38:84], made)
                self.assertEqual(int(other[85:97].replace(",", "")), coded, f"{line}\n{other}")

    def check_every_way_back(self, name: str, old: Path, new: Path) -> None:
        patch, wanted = (self.home / name).read_bytes(), new.read_bytes()
        for threads in (1, 8):
            self.assertEqual(self.succeed("mallorn-apply", "--threads", threads, old, stdin=patch),
                             wanted)
        self.succeed("mallorn", "verify", old, name)
        self.succeed("mallorn", "patch", old, name, "-o", f"{name}.made")
        self.assertEqual((self.home / f"{name}.made").read_bytes(), wanted)
        done = self.shell('cat "$1" | mallorn patch "$2" - -o "$3"', name, old, f"{name}.piped")
        self.assertEqual((done.code, done.err), (0, b""))
        self.assertEqual((self.home / f"{name}.piped").read_bytes(), wanted)
        self.assertEqual(self.succeed("mallorn", "patch", old, name, "-o", "-"), wanted)
        self.check_info(name, old, new)

    def test_every_way(self) -> None:
        tiny = [pair for pair in model_pairs() if pair[0].name.startswith("all-types.")]
        self.assertEqual(len(tiny), 3)
        in_parallel(self.check_every_way, tiny)

    def test_real_pairs(self) -> None:
        self.assertGreaterEqual(len(real_pairs()), 3)
        in_parallel(self.check_pair, real_pairs())
        # A patch of a fine-tuned model is far smaller than the model; no more is promised here.
        for old, new in real_pairs():
            patch = self.home / f"{old.parent.name}-{old.name}"
            self.assertLess(patch.stat().st_size, new.stat().st_size / 2)

        old, new = min(real_pairs(), key=lambda pair: pair[1].stat().st_size)
        name = f"{old.parent.name}-{old.name}"
        explained = self.run_program("mallorn", "diff", "--explain", old, new, "-o", "-")
        self.check_tensors(explained.err.decode(), name, old, new)

    def test_tiny_pairs(self) -> None:
        self.assertGreaterEqual(len(model_pairs()), 20)
        in_parallel(self.check_pair, model_pairs())

    def test_several_chunks(self) -> None:
        """Longer than one chunk, so that threads have something to share."""
        old, new = self.home / "large.old.gguf", self.home / "large.new.gguf"
        subprocess.run([sys.executable, TOP / "scripts" / "make_big_pair.py", "6M", old, new],
                       check=True)
        self.check_pair((old, new))
        patch = f"{self.home.name}-{old.name}"
        self.assertGreater(json.loads(self.succeed("mallorn", "info", "--json", patch))["chunks"], 2)
        for options in (["--threads", "1"], ["--inline", "--threads", "8"]):
            self.assertEqual(self.front_end("again", old, new, "--force", *options),
                             (self.home / patch).read_bytes(), options)
        self.assertEqual(self.succeed("mallorn", "patch", "--threads", "8", old, patch, "-o", "-"),
                         new.read_bytes())

    def test_level_is_passed_on(self) -> None:
        old, new = min(real_pairs(), key=lambda pair: pair[0].stat().st_size)
        fast = self.make_patch(old, new, level=1)
        self.assertEqual(self.front_end("fast", old, new, "--level", 1), fast)
        self.assertLess(len(self.front_end("default", old, new)), len(fast))
        self.assertEqual(self.front_end("faster", old, new, "--fast"), self.make_patch(old, new, level=3))

    def test_the_most_effort_makes_the_smallest(self) -> None:
        for old, new in real_pairs():
            name = old.parent.name
            most = self.front_end(f"{name}-max", old, new, "--max", "--threads", 1)
            self.assertLessEqual(len(most), len(self.front_end(f"{name}-default", old, new)))
            self.succeed("mallorn", "verify", old, f"{name}-max")
            self.assertEqual(self.front_end(f"{name}-again", old, new, "--max", "--threads", 3), most)


if __name__ == "__main__":
    unittest.main()
