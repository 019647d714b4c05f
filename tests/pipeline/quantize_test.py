#!/usr/bin/env python3
"""A float model becomes an int8 one, as converters make it, and back: the old weights predict the new."""

from __future__ import annotations

import random
import struct
import sys
import unittest
from pathlib import Path

from pipelines import PipelineTest
from programs import TOP

sys.path.insert(0, str(TOP / "scripts"))

from model_writers import tflite  # noqa: E402
from model_writers.flatbuffer import FlatBufferWriter  # noqa: E402

ROWS, COLUMNS = 48, 200


def f32(number: float) -> float:
    return struct.unpack("<f", struct.pack("<f", number))[0]


def quantized(weights: list[list[float]], is_even: bool) -> tuple[list[list[int]], list[float]]:
    """A scale for each row; halves away from zero, or to even."""
    scales = [f32(max(map(abs, row)) / 127) for row in weights]
    codes = []
    for row, scale in zip(weights, scales):
        steps = [f32(number / scale) for number in row]
        codes.append([round(step) if is_even else int(step + (0.5 if step >= 0 else -0.5))
                      for step in steps])
    return codes, scales


class Quantize(PipelineTest):
    def setUp(self) -> None:
        super().setUp()
        generator = random.Random(11)
        # Multiples of a 256th of the largest: many are halfway between two codes.
        self.weights = [[f32(generator.randrange(-127, 128) / 64 * (row + 1)) for _ in range(COLUMNS - 1)]
                        + [f32(127 / 32 * (row + 1))] for row in range(ROWS)]

    def write(self, name: str, type_: str, data: bytes, scales: list[float] | None = None,
              zero: int = 0) -> Path:
        quantization = tflite.quantisation(scales, [zero] * len(scales)) if scales else None
        tensors = [tflite.tensor("dense/kernel", type_, [ROWS, COLUMNS], 1, quantization),
                   tflite.tensor("scores", "FLOAT32", [1, ROWS])]
        graph = tflite.subgraph(tensors, [], [1], [tflite.operator(0, [0], [1])], "main")
        model = tflite.model([tflite.operator_code(tflite.CUSTOM, "Consume")], [graph],
                             [tflite.buffer(b""), tflite.buffer(data)])
        path = self.home / f"{name}.tflite"
        path.write_bytes(FlatBufferWriter(model).bytes())
        return path

    def floats(self, rows: list[list[float]]) -> bytes:
        return b"".join(struct.pack(f"<{COLUMNS}f", *row) for row in rows)

    def check(self, old: Path, new: Path, most: int) -> None:
        self.succeed("mallorn", "diff", "-q", old, new, "-o", "p", "--force")
        self.succeed("mallorn", "patch", "-q", old, "p", "-o", "made", "--force")
        self.assertEqual((self.home / "made").read_bytes(), new.read_bytes())
        self.assertLess((self.home / "p").stat().st_size, most)
        self.succeed("mallorn", "patch", "-q", "--in-place", old, "p")
        self.assertEqual(old.read_bytes(), new.read_bytes())

    def test_int8_by_channel(self) -> None:
        for is_even in (False, True):
            old = self.write("old", "FLOAT32", self.floats(self.weights))
            codes, scales = quantized(self.weights, is_even)
            data = b"".join(struct.pack(f"<{COLUMNS}b", *row) for row in codes)
            # Scales that are bytes, names and digests: of the 9,600 weights, nothing.
            self.check(old, self.write("new", "INT8", data, scales), 1000)

    def test_uint8_by_tensor(self) -> None:
        old = self.write("old", "FLOAT32", self.floats(self.weights))
        largest = max(max(map(abs, row)) for row in self.weights)
        scale, zero = f32(2 * largest / 255), 128
        codes = [[min(max(round(f32(number / scale)) + zero, 0), 255) for number in row]
                 for row in self.weights]
        self.check(old, self.write("new", "UINT8", b"".join(map(bytes, codes)), [scale], zero), 600)

    def test_and_back(self) -> None:
        codes, scales = quantized(self.weights, False)
        data = b"".join(struct.pack(f"<{COLUMNS}b", *row) for row in codes)
        old = self.write("old", "INT8", data, scales)
        floats = [[f32(code * scale) for code in row] for row, scale in zip(codes, scales)]
        self.check(old, self.write("new", "FLOAT32", self.floats(floats)), 1000)


if __name__ == "__main__":
    unittest.main()
