#!/usr/bin/env python3
"""Damaged patches: every prefix is refused, every flipped bit is refused or without effect."""

from __future__ import annotations

import random
import unittest
from collections.abc import Iterable
from pathlib import Path

from pipelines import PipelineTest, in_parallel, limited_memory
from model_writers.gguf import BLOCK_TYPES, GgufWriter, make_blocks, nudge_blocks
from programs import MODELS, Done, is_sanitized, real_pairs, small_pair

REFUSALS = (65, 69, 76)  # a changed digest or length of the base looks like a wrong base
SEED = 2
FAST = ("planes", "tokens")
# Every bit and every prefix is tried within one process (tests/apply/rebuild_test.cpp).
FLIPS = 240 if not is_sanitized() else 60  # of each patch, at most
PREFIXES = 80 if not is_sanitized() else 30


def sample(count: int, limit: int, important: Iterable[int] = ()) -> list[int]:
    """At most `limit` of range(count): the important ones first, the rest at random."""
    chosen = [i for i in important if i < count]
    others = sorted(set(range(count)) - set(chosen))
    if len(chosen) + len(others) > limit:
        others = random.Random(SEED).sample(others, max(0, limit - len(chosen)))
    return chosen + others


class Damage(PipelineTest):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(limited_memory())
        whole = self.home / "whole"
        whole.write_bytes(bytes(range(256)) * 3)
        nothing = self.home / "nothing"
        nothing.write_bytes(b"")
        self.cases = {  # kinds of patches: by chunks, copies alone, the whole result, floats
            "chunks": small_pair(),
            "copies": (MODELS / "described.old.tflite", MODELS / "described.new.tflite"),
            "whole": (nothing, whole),
            "values": real_pairs()[-1],
            "planes": self.large_pair("IQ4_NL"),
            "tokens": self.large_pair("Q4_0"),
        }
        self.patches = {name: self.make_patch(*pair, level=3 if name in FAST else 0)
                        for name, pair in self.cases.items()}

    def large_pair(self, name: str) -> tuple[Path, Path]:
        """Blocks of weights: too many for adaptive codecs if it has to be fast."""
        old = new = make_blocks(name, 4000, name)
        for round in range(4):  # of few bytes that move planes make less
            new = nudge_blocks(name, new, f"moved {round}")
        paths = self.home / f"{name}.old", self.home / f"{name}.new"
        for path, data in zip(paths, (old, new)):
            writer = GgufWriter()
            writer.tensor("weights", BLOCK_TYPES[name].id, [32, 4000], data)
            path.write_bytes(writer.build())
        return paths

    def apply(self, case: str, patch: bytes, *options: object) -> Done:
        return self.run_program("mallorn-apply", "--threads", 1, *options, self.cases[case][0],
                                stdin=patch)

    def test_the_cases_are_of_the_kinds_that_they_are_for(self) -> None:
        for case, codec in (("values", b"values"), ("planes", b"planes"), ("tokens", b"tokens"), ("whole", None)):
            info = self.succeed("mallorn-apply", "--info", "--json", stdin=self.patches[case])
            self.assertIn(codec or b'"copied_bytes":0', info)

    def test_prefixes(self) -> None:
        for case, patch in self.patches.items():
            def check(length: int, case: str = case, patch: bytes = patch) -> None:
                done = self.apply(case, patch[:length])
                self.assertEqual((done.code, done.status), (65, "truncated"), f"{length}: {done}")
            ends = (0, 1, 4, 151, 152, 153, len(patch) - 1)  # 152: the header
            in_parallel(check, sample(len(patch), PREFIXES, ends))

    def test_bit_flips(self) -> None:
        for case, patch in self.patches.items():
            wanted = self.cases[case][1].read_bytes()

            def check(bit: int, case: str = case, patch: bytes = patch,
                      wanted: bytes = wanted) -> bool:
                damaged = bytearray(patch)
                damaged[bit // 8] ^= 1 << bit % 8
                done = self.apply(case, bytes(damaged))
                if done.code == 0:
                    self.assertEqual(done.out, wanted, f"bit {bit} of {case}: a wrong result")
                    return True
                self.assertIn(done.code, REFUSALS, f"bit {bit} of {case}: {done}")
                self.assert_one_error(done)
                return False
            harmless = in_parallel(check, sample(8 * len(patch), FLIPS))
            self.assertEqual(sum(harmless), 0, f"{case}: digests cover every bit of a patch")

    def test_trailing_garbage(self) -> None:
        for case, patch in self.patches.items():
            for garbage in (b"\0", b"\n", patch, bytes(70_000)):
                done = self.apply(case, patch + garbage)
                self.assertEqual((done.code, done.status), (65, "trailing_bytes"), done)

    def test_bytes_lost_or_doubled(self) -> None:
        generator = random.Random(SEED)
        for case, patch in self.patches.items():
            for _ in range(20):
                at, length = generator.randrange(len(patch)), generator.randrange(1, 9)
                for damaged in (patch[:at] + patch[at + length:],
                                patch[:at] + patch[at:at + length] + patch[at:]):
                    self.assertIn(self.apply(case, damaged).code, REFUSALS)

    def test_wrong_base(self) -> None:
        for case, patch in self.patches.items():
            old, new = self.cases[case]
            for number, content in enumerate((new.read_bytes() + b"x", old.read_bytes() + b"\0",
                                              old.read_bytes()[:-1] + b"\xFF")):
                base = self.home / f"base{number}"
                base.write_bytes(content)
                for options in ((), ("--threads", 8)):
                    done = self.fail_with(76, "base_mismatch", "mallorn-apply", base, *options,
                                          stdin=patch)
                    self.assertEqual(done.out, b"", "written before the base was checked")

    def test_nothing_wrong_is_left_in_a_file(self) -> None:
        """Bits in the coded data, with an output file: it is not there afterwards."""
        patch = self.patches["planes"]
        out = self.home / "out"

        def check(bit: int) -> None:
            damaged = bytearray(patch)
            damaged[bit // 8] ^= 1 << bit % 8
            name = f"{out}{bit}"
            done = self.apply("planes", bytes(damaged), "-o", name)
            self.assertIn(done.code, REFUSALS)
            self.assertFalse(Path(name).exists())
        in_parallel(check, sample(8 * len(patch), 64))


if __name__ == "__main__":
    unittest.main()
