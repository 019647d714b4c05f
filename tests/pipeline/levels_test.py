#!/usr/bin/env python3
"""A higher level never makes a larger patch, but for texts of megabytes, where levels from 4 to 18 may
choose what is applied in time."""

from __future__ import annotations

import random
import unittest

from pipelines import PipelineTest, in_parallel
from model_writers.gguf import PLAIN_TYPES, STRING, GgufWriter
from programs import real_pairs

LEVELS = (["--level", "3"], ["--level", "9"], ["--level", "19"], ["--max"])


def runs(rng: random.Random, values: int, longest: int, size: int) -> bytes:
    """Runs of two bytes each, of so many kinds."""
    kinds = [rng.randbytes(2) for _ in range(values)]
    made = bytearray()
    while len(made) < size:
        made += rng.choice(kinds) * rng.randrange(longest // 50 + 1, longest)
    return bytes(made[:size])


def edited(rng: random.Random, content: bytes, edits: int) -> bytes:
    made = bytearray(content)
    for _ in range(edits):
        at = 2 * rng.randrange(len(made) // 2)
        length = rng.randrange(1, 200)
        made[at:at + 2 * length] = rng.randbytes(2) * length
    return bytes(made[:len(content)])


def pruned(rng: random.Random, rows: int, columns: int, columns_left: int) -> bytes:
    """Most rows are zeros, and most columns."""
    made = bytearray(rows * columns)
    left = rng.sample(range(columns), columns_left)
    for row in range(rows):
        if rng.random() < 0.7:
            continue
        for column in left:
            made[row * columns + column] = max(-127, min(127, round(rng.gauss(0, 40)))) & 255
    return bytes(made)


def gguf(dtype: str, columns: int, data: bytes) -> bytes:
    writer = GgufWriter()
    writer.key("general.architecture", STRING, "llama")
    width = {"I8": 1, "I16": 2}[dtype]
    writer.tensor("weights", PLAIN_TYPES[dtype], [columns, len(data) // width // columns], data)
    return writer.build()


def pairs() -> dict[str, tuple[bytes, bytes]]:
    rng = random.Random(18)
    made = {}
    for values, longest in ((4, 500), (200, 500), (5000, 3000)):
        old, new = (runs(rng, values, longest, 200_000) for _ in range(2))
        name = f"{values} values, runs of up to {longest}"
        made[f"{name}, others"] = old, new
        made[f"{name}, edited"] = old, edited(rng, old, 1000)
        made[f"{name}, int16"] = gguf("I16", 100, old), gguf("I16", 100, new)
        made[f"{name}, int16, edited"] = gguf("I16", 100, old), gguf("I16", 100, edited(rng, old, 300))
    for columns in (16, 120):
        made[f"pruned to {columns}"] = (gguf("I8", 256, bytes(64 * 256)),
                                        gguf("I8", 256, pruned(rng, 800, 256, columns)))
    return made


class Levels(PipelineTest):
    def sizes(self, name: str, old: bytes, new: bytes) -> list[int]:
        return [self.patch_size(name, old, new, *level) for level in LEVELS]

    def check(self, named: tuple[str, tuple[bytes, bytes]]) -> None:
        name, (old, new) = named
        sizes = self.sizes(name, old, new)
        sizes[-1] -= sizes[-1] // 100  # its chunks are fewer: mostly for the better
        self.assertEqual(sizes, sorted(sizes, reverse=True), name)

    def test_made_ones(self) -> None:
        in_parallel(self.check, pairs().items())

    def test_real_ones(self) -> None:
        in_parallel(self.check, [(old.parent.name, (old.read_bytes(), new.read_bytes()))
                                 for old, new in real_pairs()])


if __name__ == "__main__":
    unittest.main()
