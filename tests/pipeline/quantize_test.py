#!/usr/bin/env python3
"""A float model becomes an int8 one, as converters make it, and back, or one in other blocks of GGUF: the old weights
predict the new."""

from __future__ import annotations

import random
import struct
import sys
import unittest
from pathlib import Path

from pipelines import TESTS, PipelineTest
from programs import TOP

sys.path.insert(0, str(TOP / "scripts"))
sys.path.insert(1, str(TESTS / "reference"))

from blocks import Block, write_block  # noqa: E402
from model_writers import onnx, tflite  # noqa: E402
from model_writers import protobuf as pb  # noqa: E402
from model_writers.gguf import BLOCK_TYPES, PLAIN_TYPES, GgufWriter  # noqa: E402
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

    def test_codes_that_lose_their_sign_or_get_one(self) -> None:
        generator = random.Random(13)
        codes = [min(max(round(generator.gauss(0, 40)), -128), 126) for _ in range(ROWS * COLUMNS)]
        tuned = [code + (generator.random() < 0.2) for code in codes]

        def write(name: str, codes: list[int], type_: str) -> Path:
            zero = 128 if type_ == "UINT8" else 0
            data = bytes((code + zero) % 256 for code in codes)
            return self.write(name, type_, data, [0.01] * ROWS, zero)

        for types in (("INT8", "UINT8"), ("UINT8", "INT8")):
            self.check(write("old", codes, types[0]), write("new", codes, types[1]), 350)
            plain = self.patch_size("plain", *(write(name, made, types[1]).read_bytes()
                                               for name, made in (("old", codes), ("new", tuned))))
            self.check(write("old", codes, types[0]), write("new", tuned, types[1]), plain + 150)

    def test_and_back(self) -> None:
        codes, scales = quantized(self.weights, False)
        data = b"".join(struct.pack(f"<{COLUMNS}b", *row) for row in codes)
        old = self.write("old", "INT8", data, scales)
        floats = [[f32(code * scale) for code in row] for row, scale in zip(codes, scales)]
        self.check(old, self.write("new", "FLOAT32", self.floats(floats)), 1000)


def half(number: float) -> int:
    return struct.unpack("<H", struct.pack("<e", number))[0]


def value(bits: int) -> float:
    return struct.unpack("<e", struct.pack("<H", bits))[0]


def clamp(number: float, low: int, high: int) -> int:
    return min(max(round(number), low), high)


def q4_k(weights: list[float]) -> bytes:
    """Scales and minima somewhat less than the extremes ask for, as searches find them."""
    groups = [weights[at:at + 32] for at in range(0, 256, 32)]
    minima = [-min(0, *group) for group in groups]
    scales = [(max(group) + minimum) / 15.7 for group, minimum in zip(groups, minima)]
    block = Block(half(max(scales) / 63), half(max(minima) / 63))
    block.group_scales = [clamp(scale / value(block.scale), 0, 63) for scale in scales]
    block.group_minima = [clamp(minimum / value(block.minimum), 0, 63) for minimum in minima]
    for group, scale, minimum in zip(groups, block.group_scales, block.group_minima):
        start, step = value(block.minimum) * minimum, value(block.scale) * scale
        block.codes += [clamp((weight + start) / step, 0, 15) for weight in group]
    return write_block("q4_k", block)


def q6_k(weights: list[float]) -> bytes:
    groups = [weights[at:at + 16] for at in range(0, 256, 16)]
    scales = [max(group, key=abs) / -32.8 for group in groups]
    block = Block(half(max(scales, key=abs) / -128))
    block.group_scales = [clamp(scale / value(block.scale), -128, 127) for scale in scales]
    for group, scale in zip(groups, block.group_scales):
        block.codes += [clamp(weight / (value(block.scale) * scale), -32, 31) for weight in group]
    return write_block("q6_k", block)


def q8_0(weights: list[float]) -> bytes:
    made = b""
    for at in range(0, len(weights), 32):
        group = weights[at:at + 32]
        block = Block(half(max(map(abs, group)) / 127))
        block.codes = [clamp(weight / value(block.scale), -127, 127) for weight in group]
        made += write_block("q8_0", block)
    return made


class QuantizeBlocks(PipelineTest):
    ROWS, COLUMNS = 96, 512

    def setUp(self) -> None:
        super().setUp()
        generator = random.Random(12)
        self.weights = [generator.gauss(0, 0.02) for _ in range(self.ROWS * self.COLUMNS)]

    def write(self, name: str, type_: str, weights: list[float]) -> Path:
        types = {"F32": lambda part: struct.pack("<256f", *part), "F16": lambda part: struct.pack("<256e", *part),
                 "Q8_0": q8_0, "Q4_K": q4_k, "Q6_K": q6_k}
        data = b"".join(types[type_](weights[at:at + 256]) for at in range(0, len(weights), 256))
        number = BLOCK_TYPES[type_].id if type_ in BLOCK_TYPES else PLAIN_TYPES[type_]
        writer = GgufWriter()
        writer.tensor("blk.0.ffn_up.weight", number, [self.COLUMNS, self.ROWS], data)
        path = self.home / f"{name}.gguf"
        path.write_bytes(writer.build())
        return path

    def size(self, old: Path, new: Path) -> int:
        self.succeed("mallorn", "diff", "-q", old, new, "-o", "p", "--force")
        self.succeed("mallorn", "patch", "-q", old, "p", "-o", "made", "--force")
        self.assertEqual((self.home / "made").read_bytes(), new.read_bytes())
        return (self.home / "p").stat().st_size

    def test_searched_scales(self) -> None:
        """In bits of a weight: next to nothing for codes, some for scales; more where a search never saw the weights."""
        for source, target, most in (("F32", "Q4_K", 0.35), ("F16", "Q6_K", 0.35), ("Q8_0", "Q4_K", 0.45),
                                     ("Q6_K", "Q4_K", 0.7), ("Q4_K", "Q6_K", 3.2)):
            with self.subTest(source=source, target=target):
                old, new = self.write("old", source, self.weights), self.write("new", target, self.weights)
                size = self.size(old, new)
                self.assertLess(8 * size / len(self.weights), most)
                self.assertIn(f"from {source.lower()}",
                              self.succeed("mallorn", "info", "-v", "p").decode())

    def test_fine_tuned(self) -> None:
        generator = random.Random(13)
        tuned = [weight + generator.gauss(0, 0.0004) for weight in self.weights]
        size = self.size(self.write("old", "Q8_0", self.weights), self.write("new", "Q4_K", tuned))
        self.assertLess(8 * size / len(tuned), 1)

    def test_in_place(self) -> None:
        old, new = self.write("old", "Q8_0", self.weights), self.write("new", "Q4_K", self.weights)
        self.size(old, new)
        self.succeed("mallorn", "patch", "-q", "--in-place", old, "p")
        self.assertEqual(old.read_bytes(), new.read_bytes())


class PackedNibbles(PipelineTest):
    """MatMulNBits of ONNX Runtime: two codes in a byte, a scale for each block, which is that of its greatest weight."""
    ROWS, COLUMNS, BLOCK = 320, 512, 32

    def matrix(self, weights: list[float], zeros: bool) -> tuple[bytes, bytes, bytes]:
        codes, scales, points = [], [], []
        for at in range(0, len(weights), self.BLOCK):
            block = weights[at:at + self.BLOCK]
            least, most = min(0, *block), max(0, *block)
            scale = value(half((most - least) / 15 if zeros else max(block, key=abs) / -8))
            zero = clamp(-least / scale, 0, 15) if zeros else 8
            codes += [clamp(weight / scale + zero, 0, 15) for weight in block]
            scales.append(scale)
            points.append(zero)

        def pack(numbers: list[int]) -> bytes:
            return bytes(low | high << 4 for low, high in zip(numbers[::2], numbers[1::2]))
        return pack(codes), struct.pack(f"<{len(scales)}f", *scales), pack(points)

    def write(self, name: str, weights: list[float], zeros: bool) -> Path:
        codes, scales, points = self.matrix(weights, zeros)
        blocks = self.COLUMNS // self.BLOCK
        tensors = [onnx.raw_tensor("w_Q4", "UINT8", [self.ROWS, blocks, self.BLOCK // 2], codes),
                   onnx.raw_tensor("w_scales", "FLOAT", [self.ROWS, blocks], scales)]
        if zeros:
            tensors.append(onnx.raw_tensor("w_zeros", "UINT8", [self.ROWS, blocks // 2], points))
        numbers = {"K": self.COLUMNS, "N": self.ROWS, "bits": 4, "block_size": self.BLOCK}
        node = onnx.node("MatMulNBits", ["x", "w_Q4", "w_scales"] + ["w_zeros"] * zeros, ["y"],
                         [onnx.attribute(key, 2, pb.integer(3, number)) for key, number in numbers.items()],
                         "com.microsoft")
        path = self.home / f"{name}.onnx"
        path.write_bytes(onnx.model(onnx.graph("g", [node], tensors), domains=["com.microsoft"]))
        return path

    def test_fine_tuned(self) -> None:
        generator = random.Random(14)
        weights = [generator.gauss(0, 0.02) for _ in range(self.ROWS * self.COLUMNS)]
        tuned = [weight + generator.gauss(0, 0.0006) for weight in weights]
        for zeros, most in ((False, 0.85), (True, 0.9)):
            with self.subTest(zeros=zeros):
                old, new = self.write("old", weights, zeros), self.write("new", tuned, zeros)
                sizes = []
                for level in ("3", "9", "19"):
                    self.succeed("mallorn", "diff", "-q", "--level", level, old, new, "-o", "p", "--force")
                    self.succeed("mallorn", "patch", "-q", old, "p", "-o", "made", "--force")
                    self.assertEqual((self.home / "made").read_bytes(), new.read_bytes())
                    sizes.append((self.home / "p").stat().st_size)
                self.assertLess(8 * sizes[-1] / len(weights), most)
                self.assertLessEqual(sizes[1], 1.01 * sizes[0])
                self.assertLessEqual(sizes[2], 1.01 * sizes[1])


if __name__ == "__main__":
    unittest.main()
