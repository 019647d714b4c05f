"""Tests scripts/make-finetune: quantisers against decoders written here, and the update statistics.

    MALLORN_BIN=build python3 tests/make_finetune_test.py

Needs numpy: where this interpreter has none, Debian's is asked; where that has none, it is skipped.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
DEBIAN_PYTHON = "/usr/bin/python3"
SKIPPED = 77
sys.path.insert(0, str(SCRIPTS))

try:
    import numpy as np
except ImportError:
    if sys.executable == DEBIAN_PYTHON or not os.access(DEBIAN_PYTHON, os.X_OK):
        sys.exit(SKIPPED)
    os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON, *sys.argv])

import finetune_code_floor as code_floor  # noqa: E402
import finetune_floor as floor  # noqa: E402
import finetune_types as types  # noqa: E402
import finetune_weights as weights  # noqa: E402
import model_manifest  # noqa: E402


def sample(rows: int = 4, columns: int = 1024) -> np.ndarray:
    return (0.02 * np.random.RandomState(1).standard_normal((rows, columns))).astype(np.float32)


def fields(data: bytes, *lengths: int) -> list[np.ndarray]:
    """The fields of blocks, each a matrix of bytes."""
    blocks = np.frombuffer(data, np.uint8).reshape(-1, sum(lengths))
    return np.split(blocks, np.cumsum(lengths)[:-1], axis=1)


def halves(part: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(part).view("<f2").astype(np.float32)


def decode_q8_0(data: bytes) -> np.ndarray:
    scale, codes = fields(data, 2, 32)
    return halves(scale) * np.ascontiguousarray(codes).view(np.int8)


def decode_q4_0(data: bytes) -> np.ndarray:
    scale, codes = fields(data, 2, 16)
    return halves(scale) * (np.concatenate([codes & 15, codes >> 4], axis=1).astype(int) - 8)


def decode_q4_k(data: bytes) -> np.ndarray:
    scale, minimum, packed, codes = fields(data, 2, 2, 12, 128)
    result = []
    for j in range(8):  # as get_scale_min_k4 reads them
        if j < 4:
            step, base = packed[:, j] & 63, packed[:, j + 4] & 63
        else:
            step = packed[:, j + 4] & 15 | packed[:, j - 4] >> 6 << 4
            base = packed[:, j + 4] >> 4 | packed[:, j] >> 6 << 4
        part = codes[:, 32 * (j // 2):32 * (j // 2) + 32] >> 4 * (j % 2) & 15
        result.append(halves(scale) * step[:, None] * part - halves(minimum) * base[:, None])
    return np.concatenate(result, axis=1)


def decode_q6_k(data: bytes) -> np.ndarray:
    low, high, steps, scale = fields(data, 128, 64, 16, 2)
    result = np.zeros((len(low), 256), np.float32)
    for at in range(256):
        half, quarter, l = at // 128, at % 128 // 32, at % 32
        code = (low[:, 64 * half + 32 * (quarter % 2) + l] >> 4 * (quarter // 2) & 15
                | (high[:, 32 * half + l] >> 2 * quarter & 3) << 4)
        step = np.ascontiguousarray(steps[:, at // 16:at // 16 + 1]).view(np.int8)[:, 0]
        result[:, at] = halves(scale)[:, 0] * step * (code.astype(int) - 32)
    return result


class Types(unittest.TestCase):
    def test_blocks_give_back_the_weights_as_well_as_their_bits_allow(self) -> None:
        matrix = sample()
        for encode, decode, block_bits, largest_error in (
                (types.q8_0, decode_q8_0, 8.5, 0.006), (types.q4_0, decode_q4_0, 4.5, 0.1),
                (types.q4_k, decode_q4_k, 4.5, 0.08), (types.q6_k, decode_q6_k, 6.5625, 0.021)):
            with self.subTest(encode.__name__):
                data = encode(matrix)
                self.assertEqual(len(data), matrix.size * block_bits / 8)
                error = decode(data).reshape(matrix.shape) - matrix
                self.assertLess(np.sqrt(np.mean(error ** 2) / np.mean(matrix ** 2)), largest_error)

    def test_the_search_is_better_than_the_plain_scale(self) -> None:
        blocks = sample().reshape(-1, 8, 32)
        scale, minimum = (part[..., None] for part in types.search_scale_and_minimum(blocks))
        plain_low = blocks.min(axis=-1, keepdims=True)
        plain_scale = (blocks.max(axis=-1, keepdims=True) - plain_low) / 15

        def error(step: np.ndarray, low: np.ndarray) -> float:
            return np.mean((np.clip(np.rint((blocks - low) / step), 0, 15) * step + low
                            - blocks) ** 2)
        self.assertLess(error(scale, -minimum), 0.95 * error(plain_scale, plain_low))

    def test_the_extreme_weight_of_q4_0_has_code_0(self) -> None:
        block = np.zeros((1, 32), np.float32)
        block[0, 5], block[0, 20] = 0.75, -0.5
        scale, codes = fields(types.q4_0(block), 2, 16)
        self.assertEqual(halves(scale)[0, 0], -0.75 / 8)
        self.assertEqual((codes[0, 5] & 15, codes[0, 0] & 15), (0, 8))
        self.assertEqual(codes[0, 4] >> 4, 13)  # -0.5 / (-0.75 / 8) = 5.33, plus 8

    def test_blocks_of_zeros_are_zeros(self) -> None:
        zeros = np.zeros((1, 256), np.float32)
        for encode, decode in ((types.q8_0, decode_q8_0), (types.q4_0, decode_q4_0),
                               (types.q4_k, decode_q4_k), (types.q6_k, decode_q6_k)):
            self.assertFalse(decode(encode(zeros)).any(), encode.__name__)

    def test_bf16_rounds_to_nearest_even(self) -> None:
        bits = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0x3F807FFF], "<u4")
        self.assertEqual(np.frombuffer(types.bf16(bits.view("<f4")), "<u2").tolist(),
                         [0x3F80, 0x3F82, 0x3F81, 0x3F80])

    def test_int4_are_halves_of_bytes_the_first_lower(self) -> None:
        data, scales = types.int4_per_channel(sample())
        codes = np.frombuffer(data, np.uint8)
        codes = (np.stack([codes & 15, codes >> 4], axis=1).ravel().astype(np.int8) ^ 8) - 8
        numbers = codes.reshape(4, -1) * scales[:, None]
        self.assertEqual(np.abs(codes).reshape(4, -1).max(axis=1).tolist(), [7] * 4)
        self.assertLessEqual(float(np.abs(numbers - sample()).max() / scales.max()), 0.5001)

    def test_int8_uses_the_whole_range_of_each_row(self) -> None:
        data, scales = types.int8_per_channel(sample())
        codes = np.frombuffer(data, np.int8).reshape(4, -1).astype(np.float32)
        self.assertEqual(np.abs(codes).max(axis=1).tolist(), [127] * 4)
        self.assertLess(np.abs(codes * scales[:, None] - sample()).max(), scales.max() * 0.501)


class Weights(unittest.TestCase):
    def setUp(self) -> None:
        self.source = [sample(64, 200), 3 * sample(32, 300)]
        self.old = weights.resample(self.source, 1 << 19, seed=1)

    def test_samples_repeat_with_the_seed_only(self) -> None:
        again, other = (weights.resample(self.source, 1 << 19, seed) for seed in (1, 2))
        self.assertTrue(all((a == b).all() for a, b in zip(self.old, again)))
        self.assertLess(np.corrcoef(self.old[3].ravel(), other[3].ravel())[0, 1], 0.02)

    def test_samples_have_the_size_asked_for_and_no_weight_twice(self) -> None:
        self.assertEqual(sum(tensor.size for tensor in self.old), 1 << 19)
        for tensor in self.old:
            self.assertAlmostEqual(np.log2(weights.norm([tensor]) / np.sqrt(tensor.size)
                                           / weights.TENSOR_RMS), 0, delta=0.6)
            self.assertGreater(np.unique(tensor).size, 0.99 * tensor.size)
        self.assertAlmostEqual(kurtosis(tensor), 4, delta=0.5)  # the source has 3: a longer tail

    def test_updates_have_the_size_and_statistics_stated(self) -> None:
        new, strides = weights.fine_tune(self.old, 2e-3, seed=5)
        updates = [n.astype(float) - o for n, o in zip(new, self.old)]
        self.assertAlmostEqual(weights.norm(updates) / weights.norm(self.old), 2e-3, delta=2e-6)
        for number, (update, tensor) in enumerate(zip(updates, self.old)):
            self.assertLess(abs(np.corrcoef(abs(update).ravel(), abs(tensor).ravel())[0, 1]), 0.02)
            rows = np.log2(np.sqrt(np.mean(update ** 2, axis=1))).std()
            if number == weights.EMBEDDING:
                self.assertTrue(1.2 < rows < 2.5, rows)
                self.assertTrue(4 < kurtosis(update) < 15, kurtosis(update))
            else:
                self.assertTrue(0.25 < rows < 0.55, rows)
                self.assertTrue(2 < kurtosis(update) < 5, kurtosis(update))
            farthest = (abs(update) - 1e-7) / (2 * strides[number])
            self.assertLess(farthest.max(), 1.01)
            self.assertGreater(farthest.max(), 0.99)

    def test_the_floor_adds_up(self) -> None:
        # Of all that a weight may become the probabilities add up to one.
        for type_name, step in (("f16", 2.0**-13), ("bf16", 2.0**-10), ("f32", 2.0**-26)):
            cell = floor.CELLS[type_name]
            for number in (-0.1875, 0.2):
                old = np.full(200, number, np.float32)
                new = (old + step * np.arange(-100, 100)).astype(np.float32)
                bits = floor.cost(cell(old), cell(new), np.full(200, 20.3 * step))
                self.assertAlmostEqual((2.0**-bits).sum(), 1, delta=1e-6, msg=type_name)
        self.assertIsNone(floor.bits_per_weight("q4_k", [], [], []))

    def test_the_floor_of_blocks_adds_up(self) -> None:
        # The same of all codes and scales that a block may get: here of three weights.
        for rule, codes in ((code_floor.Rule(3, False, 16), [3, -1, 2]),
                            (code_floor.Rule(3, False, 16), [-3, 0, 3]),
                            (code_floor.Rule(2, True, 16), [-2, 1, -1])):
            for sign in (1, -1) if rule.is_signed else (1,):
                with self.subTest(rule=rule, codes=codes, sign=sign):
                    self.assertAlmostEqual(self.all_that_may_become(rule, codes, sign), 1, delta=1e-5)

    def all_that_may_become(self, rule: code_floor.Rule, codes: list[int], sign: int) -> float:
        scale = np.float16(sign * 0.01)
        numbers = np.arange(-rule.top, rule.top + (not rule.is_signed))
        becomes = np.stack(np.meshgrid(numbers, numbers, numbers), axis=-1).reshape(-1, 3)
        becomes = becomes[code_floor.are_largest(rule, becomes).any(axis=1)]
        bits = np.float16(0.01).view(np.uint16) + np.arange(-90, 90, dtype=np.int64)
        scales = bits.astype(np.uint16).view(np.float16)
        if rule.is_signed:
            scales = np.concatenate([scales, -scales])
        count = len(becomes) * len(scales)
        old = code_floor.blocks(np.tile(codes, (count, 1)), floor.f16_cell(np.full(count, scale)))
        new = code_floor.blocks(np.tile(becomes, (len(scales), 1)),
                                floor.f16_cell(np.repeat(scales, len(becomes))))
        cost = code_floor.cost(rule, old, new, np.tile([0.0003, 0.0005, 0.0004], (count, 1)))
        return float((2.0**-cost[cost > 0]).sum())  # what is impossible counts as nothing

    def test_the_floor_grows_with_the_update(self) -> None:
        old = [tensor[:16] for tensor in self.old]
        for type_name in ("bf16", "i8", "i4", "q8_0", "q4_0"):
            last = 0.0
            for size in (1e-5, 1e-4, 1e-3):
                bits = floor.bits_per_weight(type_name, old, *weights.fine_tune(old, size, seed=5))
                self.assertGreater(bits, last, type_name)
                last = bits
            self.assertLess(last, 2, type_name)

    def test_blocks_of_zeros_take_nothing(self) -> None:
        old = [np.zeros((1, 1024), np.float32)]
        for type_name in ("i8", "q8_0", "q4_0"):
            self.assertEqual(floor.bits_per_weight(type_name, old, old, [old[0] + 1]), 0)


def kurtosis(values: np.ndarray) -> float:
    return np.mean(values.astype(float) ** 4) / np.mean(values.astype(float) ** 2) ** 2


class Program(unittest.TestCase):
    """The whole program; $MALLORN_BIN is the folder of the build."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.home = Path(holder.name)

    def make(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, str(SCRIPTS / "make-finetune"), *arguments],
                              capture_output=True, text=True)

    def tensors(self, model: Path) -> list[dict]:
        return model_manifest.tensor_ranges(
            model_manifest.find_parse(SCRIPTS / "mallorn"), model)

    def test_pairs_of_every_type_are_models_of_that_type(self) -> None:
        ended = self.make("--size", "0.1", str(self.home))
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        cases = sorted(path for path in self.home.iterdir() if path.is_dir())
        self.assertEqual(len(cases), 27)
        for case in cases:
            target = json.loads((case / "target.json").read_text())
            for version in ("old", "new"):
                model, = case.glob(f"{version}.*")
                found = self.tensors(model)
                self.assertEqual({part["dtype"] for part in found}, {target["type"]}, case.name)
                self.assertEqual(sum(np.prod(part["shape"]) for part in found), target["weights"])
        lines = (self.home / "pairs.tsv").read_text().splitlines()
        self.assertEqual(len(lines), 28)
        self.assertIn("q4_k_medium\tgguf\tfine-tune", lines)

    def test_the_same_options_give_the_same_bytes(self) -> None:
        models = []
        for name, *options in (("a",), ("b",), ("c", "--seed", "7")):
            ended = self.make("--size", "0.1", "--only", "q4_0", *options, str(self.home / name))
            self.assertEqual(ended.returncode, 0, ended.stderr)
            models.append([path.read_bytes()
                           for path in sorted((self.home / name).glob("*/*.gguf"))])
        self.assertEqual(models[0], models[1])
        self.assertNotEqual(models[0], models[2])

    def test_wrong_use_is_refused(self) -> None:
        empty = self.home / "empty"
        empty.write_bytes(b"no model")
        for code, arguments in ((64, ["--only", "q9"]), (64, ["--size", "-1"]), (64, []),
                                (66, ["--source", str(empty)])):
            with self.subTest(arguments):
                ended = self.make(*arguments, *([str(self.home / "x")] if arguments else []))
                self.assertEqual(ended.returncode, code, ended.stderr)
                self.assertTrue(ended.stderr.startswith("make-finetune: error: "), ended.stderr)

    def test_help_fits_on_a_screen(self) -> None:
        ended = self.make("--help")
        self.assertEqual(ended.returncode, 0)
        self.assertLessEqual(max(map(len, ended.stdout.splitlines())), 80)


if __name__ == "__main__":
    unittest.main()
