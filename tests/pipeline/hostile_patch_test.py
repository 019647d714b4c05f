#!/usr/bin/env python3
"""Patches whose headers lie, with checks and digests that are right, and patches that swell: refused
in little memory, and the output is what it was."""

from __future__ import annotations

import hashlib
import struct
import sys
import unittest

from pipelines import TESTS, PipelineTest, in_parallel, limited_memory
from programs import MODELS, Done, is_sanitized, real_pairs, small_pair

sys.path.insert(0, str(TESTS / "reference"))

from faults import crc32c  # noqa: E402

BEFORE = b"what was here before"
REFUSALS = (65, 69, 74, 76)
SIZES = (0, 1, 2**31, 2**32, 2**40, 2**63, 2**64 - 1)
SWOLLEN = 200_000_000 if not is_sanitized() else 8_000_000  # bytes of the result of a bomb
# Where the fields of a header are (docs/format/patch.md, section 4), and as what.
FEATURES, MEMORY, BODY, FILES, MODEL_ID, BASE, RESULT = (
    (8, "<I"), (12, "<I"), (20, "<Q"), (60, "<B"), (61, "<B"), (62, "<Q"), (102, "<Q"))
HEADER_LENGTH, SIGNATURES, PROFILE = (6, "<B"), (7, "<B"), (5, "<B")
BODY_DIGEST = slice(28, 60)
HEADER_BYTES = 146


def value_of(patch: bytes, field: tuple[int, str]) -> int:
    return struct.unpack_from(field[1], patch, field[0])[0]


def with_value(patch: bytes, field: tuple[int, str], value: int) -> bytes:
    """The header says `value`, and its check is right again."""
    head = bytearray(patch[:HEADER_BYTES])
    struct.pack_into(field[1], head, field[0], value)
    return checked(head) + patch[HEADER_BYTES:]


def with_body(patch: bytes, body: bytes) -> bytes:
    """Another body, whose length and digest the header has."""
    head = bytearray(patch[:HEADER_BYTES])
    struct.pack_into(BODY[1], head, BODY[0], len(body))
    head[BODY_DIGEST] = hashlib.sha256(body).digest()
    return checked(head) + body


def checked(head: bytearray) -> bytes:
    head[-4:] = struct.pack("<I", crc32c(bytes(head[:-4])))
    return bytes(head)


class HostilePatch(PipelineTest):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(limited_memory())
        nothing, whole = self.home.parent / "nothing", self.home.parent / "whole"
        nothing.write_bytes(b"")
        whole.write_bytes(bytes(range(256)) * 400)
        self.pairs = {"chunks": small_pair(), "values": real_pairs()[0], "whole": (nothing, whole),
                      "copies": (MODELS / "described.old.tflite", MODELS / "described.new.tflite"),
                      "lite": small_pair()}
        self.patches = {name: self.make_patch(*pair) for name, pair in self.pairs.items()}
        delta = self.make_delta(*self.pairs["lite"])
        self.patches["lite"] = self.succeed("mallorn-pack", "--profile", "lite", stdin=delta)

    def apply(self, name: str, patch: bytes, number: int) -> Done:
        out = self.home / f"{number}"
        out.write_bytes(BEFORE)
        done = self.run_program("mallorn-apply", "--threads", 1, self.pairs[name][0], "-o", out, "--force",
                                stdin=patch)
        expected = BEFORE if done.code else self.pairs[name][1].read_bytes()
        self.assertEqual(out.read_bytes(), expected, f"{name}: {done}")
        out.unlink()
        return done

    def refuse_all(self, lies: list[tuple[str, bytes]]) -> None:
        def check(job: tuple[int, tuple[str, bytes]]) -> None:
            number, (name, patch) = job
            done = self.apply(name, patch, number)
            self.assertIn(done.code, REFUSALS, f"{name}: {patch[:HEADER_BYTES].hex()}: {done}")
            self.assert_one_error(done)
        in_parallel(check, enumerate(lies))
        self.assertEqual(list(self.home.iterdir()), [], "left behind")

    def test_the_truth(self) -> None:
        """What the tests below make of a patch is a patch if nothing is changed."""
        for name, patch in self.patches.items():
            for same in (with_value(patch, RESULT, value_of(patch, RESULT)),
                         with_body(patch, patch[HEADER_BYTES:])):
                self.assertEqual(same, patch)
                self.assertEqual(self.apply(name, same, 0).code, 0)

    def test_lengths(self) -> None:
        lies = []
        for name, patch in self.patches.items():
            for field in (BASE, RESULT, BODY):
                truth = value_of(patch, field)
                lies += [(name, with_value(patch, field, value))
                         for value in {*SIZES, truth - 1 & 2**64 - 1, truth + 1} - {truth}]
        self.refuse_all(lies)

    def test_counts_and_kinds(self) -> None:
        lies = []
        for name, patch in self.patches.items():
            for field, values in ((FILES, (0, 2, 255)), (MODEL_ID, (1, 64, 65, 255)),
                                  (HEADER_LENGTH, (0, 145, 147, 210, 211, 255)),
                                  (SIGNATURES, (1, 4, 5, 255)),
                                  (PROFILE, (2, 255)),
                                  (FEATURES, (1 << 10, 1 << 31, 2**32 - 1))):
                lies += [(name, with_value(patch, field, value)) for value in values]
        self.refuse_all(lies)

    def test_memory_that_is_claimed_is_not_taken(self) -> None:
        """More than the limit that this process has: nothing is allocated by what a header says."""
        for name, patch in self.patches.items():
            done = self.apply(name, with_value(patch, MEMORY, 2**32 - 1), 0)
            self.assertIn(done.code, (0, *REFUSALS), done)

    def test_bodies(self) -> None:
        """Records cut, doubled, taken away and put in another order, under digests that fit.

        (One byte more may be right: the last that a range decoder reads need not matter.)
        """
        lies = []
        for name, patch in self.patches.items():
            body = patch[HEADER_BYTES:]
            middle = len(body) // 2
            lies += [(name, with_body(patch, other)) for other in (
                b"\0", body[:-1], body[:middle], body[:middle] + b"\0", body + b"\1" * 8, body + body,
                body[:-1] + body, body[middle:] + body[:middle], b"\xff" * 9 + b"\1" + body,
                b"\xff" * 20, b"\x80" * 1000 + body)]
        self.refuse_all(lies)

    def test_patches_of_others(self) -> None:
        """The header of one with the body of another."""
        names = list(self.patches)
        self.refuse_all([(one, with_body(self.patches[one], self.patches[other][HEADER_BYTES:]))
                         for one in names for other in names if one != other])


class Bombs(PipelineTest):
    """A few bytes that become many."""

    def test_results_that_swell(self) -> None:
        old, new = self.home.parent / "old", self.home.parent / "new"
        old.write_bytes(b"")
        with new.open("wb") as file:
            file.truncate(SWOLLEN)
        patch = self.make_patch(old, new)
        self.assertLess(len(patch), 100_000)
        out = self.home / "out"
        out.write_bytes(BEFORE)
        with limited_memory():
            for length in (0, 1000, SWOLLEN - 1, SWOLLEN + 1, 2**40):
                done = self.run_program("mallorn-apply", old, "-o", out, "--force",
                                        stdin=with_value(patch, RESULT, length))
                self.assertIn(done.code, (65, 74), f"{length}: {done}")
                self.assertEqual(out.read_bytes(), BEFORE)
            with limited_memory(1 << 28):
                self.succeed("mallorn-apply", "--verify", old, stdin=patch)


if __name__ == "__main__":
    unittest.main()
