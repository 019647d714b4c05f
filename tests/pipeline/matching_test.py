#!/usr/bin/env python3
"""Models put together anew cost what is new in them, wherever their parts have gone."""

from __future__ import annotations

import random
import unittest
from array import array
from collections.abc import Callable
from functools import cache

from pipelines import PipelineTest, in_parallel

from model_writers import onnx
from model_writers.gguf import PLAIN_TYPES, STRING, GgufWriter
from model_writers.values import Rng, bf16, nudge

COLUMNS = 96
ROW = 2 * COLUMNS  # bytes
LAYERS = 4
HEAD = 200  # bytes of a patch in which little happens

Matrix = list[bytes]  # rows
Model = dict[str, Matrix]


@cache
def matrix(name: str, rows: int, moved: bool) -> tuple[bytes, ...]:
    values = Rng(name).weights(rows * COLUMNS)
    if moved:
        values = nudge(values, name + " moved")
    raw = bf16(values, "<")
    return tuple(raw[at:at + ROW] for at in range(0, len(raw), ROW))


def model(moved: bool) -> Model:
    """A small language model; `moved` is the fine-tuned one."""
    tensors = {"token_embd": list(matrix("token_embd", 160, moved))}
    for layer in range(LAYERS):
        for part in "qkv":
            name = f"blk.{layer}.{part}"
            tensors[name] = list(matrix(name, 64, moved))
    return tensors


def gguf(tensors: Model) -> bytes:
    writer = GgufWriter()
    writer.key("general.architecture", STRING, "llama")
    for name, rows in tensors.items():
        writer.tensor(name, PLAIN_TYPES["BF16"], [len(rows[0]) // 2, len(rows)], b"".join(rows))
    return writer.build()


def with_embedding(tensors: Model, change: Callable[[Matrix], Matrix]) -> Model:
    return {**tensors, "token_embd": change(tensors["token_embd"])}


def merged(tensors: Model) -> Model:
    made = {name: rows for name, rows in tensors.items() if not name.startswith("blk.")}
    for layer in range(LAYERS):
        made[f"blk.{layer}.qkv"] = [row for part in "qkv"
                                    for row in tensors[f"blk.{layer}.{part}"]]
    return made


def stacked(tensors: Model) -> Model:
    made = {name: rows for name, rows in tensors.items() if not name.startswith("blk.")}
    for part in "qkv":
        made[part] = [row for layer in range(LAYERS) for row in tensors[f"blk.{layer}.{part}"]]
    return made


def without_first_layer(tensors: Model) -> Model:
    made = {"token_embd": tensors["token_embd"]}
    for layer in range(LAYERS - 1):
        for part in "qkv":
            made[f"blk.{layer}.{part}"] = tensors[f"blk.{layer + 1}.{part}"]
    return made


def new_rows(count: int) -> Matrix:
    return list(matrix("new rows", count, False))


def shuffled(rows: Matrix) -> Matrix:
    return sorted(rows, key=lambda row: Rng(row.hex()).u64())


def widened(tensors: Model) -> Model:
    return {name: [row + bytes(32) for row in rows] for name, rows in tensors.items()}


def renamed_backwards(tensors: Model) -> Model:
    return {f"t{i}": rows for i, rows in enumerate(reversed(tensors.values()))}


# What happens to a model; how many bytes of it are new, and how many steps it may take to say
# what has gone where.
CASES: dict[str, tuple[Callable[[Model], Model], int, int]] = {
    "merged": (merged, 0, LAYERS * 3),
    "stacked": (stacked, 0, LAYERS * 3),
    "first layer dropped": (without_first_layer, 0, 2),
    "renamed, the other way round": (renamed_backwards, 0, LAYERS * 3 + 1),
    "rows in front": (lambda old: with_embedding(old, lambda rows: new_rows(9) + rows), 9 * ROW, 2),
    "rows amid": (lambda old: with_embedding(old, lambda rows: rows[:70] + new_rows(9) + rows[70:]),
                  9 * ROW, 3),
    "rows dropped": (lambda old: with_embedding(old, lambda rows: rows[:30] + rows[37:110]
                                                + rows[113:]), 0, 3),
    "rows shuffled": (lambda old: with_embedding(old, shuffled), 0, 160),
    "columns of zeros": (widened, 0, 160 + LAYERS * 3 * 64),
}


class Matching(PipelineTest):
    def check_case(self, name: str) -> None:
        change, new_bytes, steps = CASES[name]
        old, tuned = model(False), model(True)
        size = self.patch_size(name, gguf(old), gguf(change(old)))
        # A step takes some 4 bytes. What is new takes most of what it has.
        self.assertLess(size, HEAD + 16 * len(change(old)) + 4 * steps + new_bytes, name)
        plain = self.patch_size(f"{name}, plain", gguf(old), gguf(tuned))
        size = self.patch_size(f"{name}, tuned", gguf(old), gguf(change(tuned)))
        self.assertLess(size, 1.1 * plain + 16 * steps + new_bytes, name)

    def test_what_has_moved_is_found(self) -> None:
        in_parallel(self.check_case, CASES)

    def test_large_tensors_that_barely_change(self) -> None:
        def large(edits: int) -> bytes:
            writer = GgufWriter()
            for name in ("a", "b"):
                weights = bytearray(random.Random(name).randbytes(6 << 20))
                for i in range(edits):
                    weights[(i + 1) * 1_234_567] ^= 1
                writer.tensor(name, PLAIN_TYPES["BF16"], [1 << 10, 3 << 10], bytes(weights))
            return writer.build()

        for edits, most in ((0, 40), (1, 80), (4, 160)):
            self.assertLess(self.patch_size(f"{edits} edits", large(0), large(edits)), HEAD + most - 40)

    def test_what_was_merged_is_split_again(self) -> None:
        old = model(False)
        self.assertLess(self.patch_size("split", gguf(merged(old)), gguf(old)), 1000)

    def test_a_base_that_no_parser_understands(self) -> None:
        old, tuned = gguf(model(False)), gguf(model(True))
        plain = self.patch_size("plain", old, tuned)
        for name, base in (("shifted", b"sixteen bytes ..." + old), ("torn", old[:-100])):
            self.assertLess(self.patch_size(name, base, old), 600, name)
            self.assertLess(self.patch_size(f"{name}, tuned", base, tuned), 1.1 * plain + 600, name)

    def test_weights_in_a_file_of_no_known_format(self) -> None:
        def container(tensors: Model) -> bytes:
            return b"{'any': 'header'}" + b"".join(b"".join(rows) for rows in tensors.values())

        old, tuned = model(False), model(True)
        plain = self.patch_size("plain", gguf(old), gguf(tuned))
        size = self.patch_size("container", container(old), container(tuned))
        self.assertLess(size, 1.15 * plain + 2000)  # the first block is taken for plain bytes

    def test_weights_that_an_onnx_model_keeps_elsewhere(self) -> None:
        """They are labelled by that model: only so do they have rows, and names."""
        for side, tensors in (("old", model(False)), ("new", model(True))):
            folder = self.home / side
            folder.mkdir()
            data, initializers = b"", []
            for name, rows in sorted(tensors.items(), reverse=side == "new"):
                place = [("location", "net.onnx_data"), ("offset", str(len(data)))]
                initializers.append(onnx.external_tensor(name, "BFLOAT16",
                                                         [len(rows), COLUMNS], place))
                data += b"".join(rows)
            (folder / "net.onnx_data").write_bytes(data)
            (folder / "net.onnx").write_bytes(onnx.model(onnx.graph("g", [], initializers)))
        old, new = self.home / "old/net.onnx_data", self.home / "new/net.onnx_data"
        plain = self.patch_size("plain", gguf(model(False)), gguf(model(True)))
        patch = self.succeed("mallorn", "diff", "-q", old, new, "-o", "-")
        self.assertLess(len(patch), plain + 300)
        table = self.shell('mallorn-parse -v --list "$1"', new)
        self.assertIn(b"labelled by", table.err)
        self.assertIn(b"blk.0.q", table.out)

    def test_rows_without_signs(self) -> None:
        """Fourfold: what few rows take says nothing of what many do."""
        def numbers(dtype: str) -> bytes:
            rng, count = random.Random(dtype), 4 * 160 * COLUMNS
            if dtype == "f":
                return array(dtype, (rng.random() for _ in range(count))).tobytes()
            return array(dtype, (rng.randrange(50000 if dtype != "B" else 90)
                                 for _ in range(count))).tobytes()

        for dtype, name in (("f", "FLOAT"), ("B", "UINT8"), ("i", "INT32"), ("q", "INT64")):
            row = COLUMNS * array(dtype).itemsize
            data = numbers(dtype)
            rows = [data[at:at + row] for at in range(0, len(data), row)]
            models = [onnx.model(onnx.graph("g", [], [onnx.raw_tensor(side, name, [len(rows), COLUMNS],
                                                                  b"".join(order))]))
                      for side, order in (("v", rows), ("w", shuffled(rows)))]
            self.assertLess(self.patch_size(name, *models), HEAD + 4.2 * len(rows), name)

    def test_part_of_a_model(self) -> None:
        """It is no model, and its tensors are guesses: all of it is in the whole one."""
        whole = gguf(model(False))
        for name, old, new in (("less", whole, whole[:-100]), ("more", whole[:-100], whole)):
            self.assertLess(self.patch_size(name, old, new), HEAD + 200, name)

    def test_explain_names_the_parts(self) -> None:
        paths = [self.home / "old", self.home / "new"]
        for path, tensors in zip(paths, (model(False), merged(model(True)))):
            path.write_bytes(gguf(tensors))
        delta = self.shell('mallorn-parse "$1" | mallorn-delta --explain "$2" > /dev/null', *paths)
        self.assertIn(b"blk.0.qkv <- parts of blk.0.q, blk.0.k, blk.0.v\n", delta.err)

    def test_parts_do_not_depend_on_threads(self) -> None:
        paths = [self.home / "old", self.home / "new"]
        for path, tensors in zip(paths, (model(False), merged(model(True)))):
            path.write_bytes(gguf(tensors))
        patches = {self.succeed("mallorn", "diff", "-q", *options, *paths, "-o", "-")
                   for options in (["--threads", "1"], ["--threads", "5"], ["--inline"])}
        self.assertEqual(len(patches), 1)


if __name__ == "__main__":
    unittest.main()
