#!/usr/bin/env python3
"""Two builds make the same patches, and each takes those of the other.

MALLORN_BIN has the programs of this machine, MALLORN_OTHER_BIN those of another: as scripts/cross
leaves them. If the other build has another release of zstd, patches that hold its frames may differ in
bytes, though not in what they mean.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "pipeline"))

from pipelines import PipelineTest, in_parallel
from programs import DEADLINE, model_pairs, real_pairs

OTHER = Path(os.environ["MALLORN_OTHER_BIN"]).resolve()
HAS_SAME_ZSTD = os.environ.get("MALLORN_OTHER_ZSTD", "same") == "same"
FEATURE_ZSTD = 1
LEVELS = (1, 19)  # the fastest codecs, and the smallest

DIFF = ('"$0/mallorn-parse" -q --by-reference "$1" | "$0/mallorn-delta" -q --by-reference "$2" | '
        '"$0/mallorn-pack" -q --level "$3"')


class SameBytes(PipelineTest):
    def there(self, script: str, *arguments: object) -> bytes:
        """What a script writes that calls the other programs, as "$0/mallorn-..."."""
        done = subprocess.run(["bash", "-c", f"set -o pipefail; {script}", OTHER, *map(str, arguments)],
                              env=self.environment(MALLORN_BIN=str(OTHER)), capture_output=True,
                              check=False, stdin=subprocess.DEVNULL, timeout=10 * DEADLINE)
        self.assertEqual((done.returncode, done.stderr), (0, b""), arguments)
        return done.stdout

    def uses_zstd(self, patch: bytes) -> bool:
        info = json.loads(self.succeed("mallorn-apply", "--info", "--json", stdin=patch))
        return bool(info["features"] & FEATURE_ZSTD)

    def check_pair(self, pair: tuple[Path, Path]) -> None:
        old, new = pair
        wanted = new.read_bytes()
        kept = self.home / f"{old.parent.name}-{old.name}.mlp"
        for level in LEVELS:
            what = f"{old} at level {level}"
            patch = self.make_patch(old, new, level=level)
            other = self.there(DIFF, old, new, level)
            if HAS_SAME_ZSTD or not self.uses_zstd(patch):
                self.assertEqual(other, patch, what)
            self.assertEqual(self.succeed("mallorn-apply", old, stdin=other), wanted, what)
            kept.write_bytes(patch)
            self.assertEqual(self.there('"$0/mallorn-apply" -q "$1" "$2"', old, kept), wanted, what)

    def test_real_pairs(self) -> None:
        self.assertGreaterEqual(len(real_pairs()), 3)
        in_parallel(self.check_pair, real_pairs())

    def test_tiny_pairs(self) -> None:
        self.assertGreaterEqual(len(model_pairs()), 20)
        in_parallel(self.check_pair, model_pairs())


if __name__ == "__main__":
    unittest.main()
