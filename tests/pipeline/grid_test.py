#!/usr/bin/env python3
"""Updates of f32 weights that use few of all floats: fake-quantized, clustered, short floats kept in f32."""

from __future__ import annotations

import math
import random
import struct
import unittest
from array import array
from collections.abc import Callable

from pipelines import in_parallel

from in_place import InPlaceTest
from model_writers.gguf import PLAIN_TYPES, STRING, GgufWriter

HEAD = 300  # bytes of a patch in which little happens
ROW, ROWS = 96, 200
WEIGHTS = ROW * ROWS
NAMES = ("down", "gate", "up")

Weights = dict[str, list[float]]
Change = Callable[[list[float]], list[float]]


def rounded(numbers: list[float]) -> list[float]:
    return list(array("f", numbers))


def weights(spread: float = 0.0) -> Weights:
    """The same each time, but for how far they were trained."""
    generator, training = random.Random(16), random.Random(17)
    return {name: rounded([generator.gauss(0, 0.05) + training.gauss(0, spread) for _ in range(WEIGHTS)])
            for name in NAMES}


def quantized(codes: int, lane: int) -> Change:
    """As training does that knows of quantization, with a scale for so many neighbours."""
    def change(numbers: list[float]) -> list[float]:
        made: list[float] = []
        for at in range(0, len(numbers), lane):
            part = numbers[at:at + lane]
            scale = rounded([max(map(abs, part)) / codes])[0]
            made += [round(number / scale) * scale for number in part]
        return rounded(made)
    return change


def clustered(numbers: list[float]) -> list[float]:
    ordered = sorted(numbers)
    centres = [ordered[(2 * i + 1) * len(ordered) // 32] for i in range(16)]
    return [min(centres, key=lambda centre: abs(centre - number)) for number in numbers]


def cut_to(bits: int) -> Change:
    """The nearest numbers of so many bits of mantissa."""
    def change(numbers: list[float]) -> list[float]:
        return [math.ldexp(round(math.ldexp(part, bits + 1)), exponent - bits - 1)
                for part, exponent in map(math.frexp, numbers)]
    return change


def halves(numbers: list[float]) -> list[float]:
    return list(struct.unpack(f"<{len(numbers)}e", struct.pack(f"<{len(numbers)}e", *numbers)))


def gguf(model: Weights, kind: str = "F32") -> bytes:
    writer = GgufWriter()
    writer.key("general.architecture", STRING, "llama")
    for name, numbers in model.items():
        data = array("f", numbers).tobytes()
        if kind == "BF16":
            data = b"".join(data[at + 2:at + 4] for at in range(0, len(data), 4))
        writer.tensor(name, PLAIN_TYPES[kind], [ROW, ROWS], data)
    return writer.build()


class Grid(InPlaceTest):
    def setUp(self) -> None:
        super().setUp()
        self.old, self.new = weights(), weights(0.002)

    @staticmethod
    def changed(model: Weights, change: Change) -> Weights:
        return {name: change(numbers) for name, numbers in model.items()}

    def check(self, name: str, old: Weights, new: Weights, bound: float, *options: str) -> None:
        self.assertLess(self.patch_size(name, gguf(old), gguf(new), *options), bound, name)

    def test_what_follows_from_the_base(self) -> None:
        scales = 2 * ROWS * len(NAMES)
        changes: dict[str, tuple[Change, float]] = {
            "bf16": (cut_to(7), 0), "tf32": (cut_to(10), 0), "f16": (halves, 0),
            "tensor": (quantized(127, WEIGHTS), 100), "rows": (quantized(127, ROW), scales),
            "4-bit": (quantized(7, ROW), scales), "clustered": (clustered, 500)}

        def one(item: tuple[str, tuple[Change, float]]) -> None:
            name, (change, more) = item
            self.check(name, self.old, self.changed(self.old, change), HEAD + more)
            self.check(f"{name}-fast", self.old, self.changed(self.old, change), HEAD + more, "--fast")

        in_parallel(one, list(changes.items()))

    def test_what_is_trained_on(self) -> None:
        """About as many bits for a weight as the codes of other formats take."""
        changes: dict[str, tuple[Change, float]] = {
            "tensor": (quantized(127, WEIGHTS), 3.4), "rows": (quantized(127, ROW), 4.2),
            "4-bit": (quantized(7, ROW), 1.2), "clustered": (clustered, 0.9)}

        def one(item: tuple[str, tuple[Change, float]]) -> None:
            name, (change, bits) = item
            self.check(name, self.changed(self.old, change), self.changed(self.new, change),
                       HEAD + len(NAMES) * WEIGHTS * bits / 8)

        in_parallel(one, list(changes.items()))

    def test_bf16_in_f32_costs_what_bf16_does(self) -> None:
        old, new = (self.changed(model, cut_to(7)) for model in (self.old, self.new))
        size = self.patch_size("bf16", gguf(old, "BF16"), gguf(new, "BF16"))
        self.check("bf16-in-f32", old, new, size + 100)


if __name__ == "__main__":
    unittest.main()
