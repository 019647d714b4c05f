#!/usr/bin/env python3
"""One patch, however it is made; and the new model out of it, bit for bit."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import unittest
from pathlib import Path

from pipelines import PipelineTest, in_parallel
from programs import TOP, model_pairs, real_pairs

BY_HAND = 'set -o pipefail; mallorn-parse "$1" | mallorn-delta "$2" | mallorn-pack'
BY_REFERENCE = ('set -o pipefail; mallorn-parse --by-reference "$1" | '
                'mallorn-delta --by-reference "$2" | mallorn-pack')


class SamePatch(PipelineTest):
    def front_end(self, out: str, old: Path, new: Path, *options: object) -> bytes:
        self.succeed("mallorn", "diff", "-q", *options, old, new, "-o", out)
        return (self.home / out).read_bytes()

    def quiet(self, script: str) -> str:
        return re.sub(r"(mallorn-\w+)", r"\1 -q", script)

    def check_pair(self, pair: tuple[Path, Path]) -> None:
        old, new = pair
        name = f"{old.parent.name}-{old.name}"
        patch = self.front_end(name, old, new)
        by_hand = self.shell(self.quiet(BY_HAND), old, new, shell="bash")
        self.assertEqual((by_hand.code, by_hand.err), (0, b""), name)
        self.assertEqual(by_hand.out, patch, f"{name}: by hand")
        by_reference = self.shell(self.quiet(BY_REFERENCE), old, new, shell="bash")
        self.assertEqual(by_reference.out, patch, f"{name}: by reference, by hand")
        self.assertEqual(self.succeed("mallorn", "diff", "-q", old, new, "-o", "-"), patch)
        for options in (["--inline"], ["--threads", "1"], ["--threads", "8"],
                        ["--inline", "--threads=7"], ["--explain"]):
            done = self.run_program("mallorn", "diff", "-q", "--force", *options, old, new, "-o",
                                    name)
            self.assertEqual(done.code, 0, done)
            self.assertEqual((self.home / name).read_bytes(), patch, f"{name}: {options}")
        # The result of delta may itself be a model stream.
        stream = self.home / f"{name}.stream"
        stream.write_bytes(self.succeed("mallorn-parse", "-q", new))
        from_stream = self.shell('mallorn-parse -q "$1" | mallorn-delta "$2" | mallorn-pack', old,
                                 stream)
        self.assertEqual(from_stream.out, patch, f"{name}: result as a stream")
        self.check_result(name, old, new, patch)

    def check_result(self, name: str, old: Path, new: Path, patch: bytes) -> None:
        wanted = new.read_bytes()
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
        info = json.loads(self.succeed("mallorn", "info", "--json", name))
        for side, path in (("base", old), ("result", new)):
            content = path.read_bytes()
            self.assertEqual(info[side], {"length": len(content),
                                          "sha256": hashlib.sha256(content).hexdigest()})

    def test_real_pairs(self) -> None:
        self.assertGreaterEqual(len(real_pairs()), 3)
        in_parallel(self.check_pair, real_pairs())

    def test_tiny_pairs(self) -> None:
        self.assertGreaterEqual(len(model_pairs()), 20)
        in_parallel(self.check_pair, model_pairs())

    def test_several_chunks(self) -> None:
        """Longer than one chunk, so that threads have something to share."""
        old, new = self.home / "large.old.gguf", self.home / "large.new.gguf"
        subprocess.run([sys.executable, TOP / "scripts" / "make_big_pair.py", "6M", old, new],
                       check=True)
        self.check_pair((old, new))
        info = json.loads(self.succeed("mallorn", "info", "--json", f"{self.home.name}-{old.name}"))
        self.assertGreater(info["chunks"], 2)

    def test_level_is_passed_on(self) -> None:
        old, new = real_pairs()[0]
        by_level = {level: self.make_patch(old, new, level=level) for level in (1, 19)}
        self.assertEqual(self.front_end("one", old, new, "--level", 1), by_level[1])
        self.assertEqual(self.front_end("nineteen", old, new, "--level=19"), by_level[19])
        self.assertLessEqual(len(by_level[19]), len(by_level[1]))

    def test_real_pairs_pay_off(self) -> None:
        """A patch of a fine-tuned model is far smaller than the model; no more is promised here."""
        for old, new in real_pairs():
            self.assertLess(len(self.make_patch(old, new)), new.stat().st_size / 2)


if __name__ == "__main__":
    unittest.main()
