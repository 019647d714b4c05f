#!/usr/bin/env python3
"""Tensors whose axes an exporter has put in another order cost next to nothing for that."""

from __future__ import annotations

import random
import unittest
from array import array

from pipelines import in_parallel

from in_place import InPlaceTest
from model_writers.gguf import PLAIN_TYPES, STRING, GgufWriter
from programs import is_sanitized

HEAD = 250  # bytes of a patch in which little happens
STEP = 16  # bytes that a tensor may take whose order alone is new

Tensor = tuple[str, list[int], bytes]  # name, shape, elements of f32
# OIHW and a fully connected layer; pairs of one shape, sides of one length.
SHAPES = {"conv1": [16, 3, 3, 3], "conv2": [32, 16, 3, 3], "conv3": [32, 16, 3, 3], "dw": [32, 1, 5, 5],
          "square": [48, 48], "fc1": [120, 64], "fc2": [120, 64], "bias": [120]}

# Of matrices, what becomes of 48 columns.
COLUMNS = {"fewer": [column for column in range(48) if column % 5 not in (1, 3)],
           "moved": random.Random("moved").sample(range(48), 48),
           "mirrored": list(range(47, -1, -1))}


def product(shape: list[int]) -> int:
    made = 1
    for length in shape:
        made *= length
    return made


def weights(name: str, elements: int, is_tuned: bool) -> bytes:
    """Of about one size; tuned ones differ in their lowest bits."""
    made = bytearray(random.Random(name).randbytes(4 * elements))
    made[3::4] = bytes(0x3C | byte & 0x80 for byte in made[3::4])
    if is_tuned:
        made[0::4] = random.Random(name + " tuned").randbytes(elements)
    return bytes(made)


def model(is_tuned: bool, shapes: dict[str, list[int]]) -> list[Tensor]:
    return [(name, shape, weights(name, product(shape), is_tuned)) for name, shape in shapes.items()]


def transposed(rows: int, elements: bytes) -> bytes:
    numbers = array("I", elements)
    columns = len(numbers) // rows
    return b"".join(numbers[column::columns].tobytes() for column in range(columns))


def without(rows: int, elements: bytes, kept: list[int]) -> bytes:
    """The columns `kept`, in that order."""
    size = len(elements) // rows
    columns = size // 4
    numbers = array("I", elements)
    return array("I", (numbers[row * columns + column] for row in range(rows) for column in kept)).tobytes()


def narrower(tensor: Tensor, kept: list[int]) -> Tensor:
    """A matrix that has those columns."""
    name, shape, elements = tensor
    if len(shape) != 2 or shape[1] <= max(kept):
        return tensor
    return name, [shape[0], len(kept)], without(shape[0], elements, kept)


def channels_last(tensor: Tensor) -> Tensor:
    """OIHW to OHWI; a matrix the other way round."""
    name, shape, elements = tensor
    if len(shape) == 2:
        return name, shape[::-1], transposed(shape[0], elements)
    if len(shape) < 4:
        return tensor
    outputs, inputs, height, width = shape
    size = len(elements) // outputs
    moved = b"".join(transposed(inputs, elements[at:at + size]) for at in range(0, len(elements), size))
    return name, [outputs, height, width, inputs], moved


def outputs_last(tensor: Tensor) -> Tensor:
    """OIHW to IHWO, as of a depthwise kernel; a matrix the other way round."""
    name, shape, elements = tensor
    return name, [*shape[1:], shape[0]], transposed(shape[0], elements)


def renamed(tensor: Tensor) -> Tensor:
    name, *rest = channels_last(tensor)
    return f"onnx::{name[::-1]}", *rest  # type: ignore[return-value]


def gguf(tensors: list[Tensor]) -> bytes:
    writer = GgufWriter()
    writer.key("general.architecture", STRING, "llama")
    for name, shape, elements in tensors:
        writer.tensor(name, PLAIN_TYPES["F32"], shape[::-1], elements)
    return writer.build()


class Matrix:
    """Of elements of one, two or four bytes."""

    TYPES = {1: "I8", 2: "F16", 4: "F32"}

    def __init__(self, rows: list[bytes], width: int) -> None:
        self.rows, self.width = rows, width

    @classmethod
    def random(cls, rng: random.Random, rows: int, columns: int, width: int) -> Matrix:
        made = bytearray(rng.randbytes(rows * columns * width))
        if width > 1:  # of about one size
            made[width - 1::width] = bytes(0x3C | byte & 0x80 for byte in made[width - 1::width])
        row = columns * width
        return cls([bytes(made[at:at + row]) for at in range(0, len(made), row)], width)

    def elements(self, row: bytes) -> list[bytes]:
        return [row[at:at + self.width] for at in range(0, len(row), self.width)]

    def without(self, rows: list[int], columns: list[int]) -> Matrix:
        gone, lost = set(rows), set(columns)
        return Matrix([b"".join(element for i, element in enumerate(self.elements(row)) if i not in lost)
                       for i, row in enumerate(self.rows) if i not in gone], self.width)

    def shuffled(self, rng: random.Random, has_rows: bool = True) -> Matrix:
        order = rng.sample(range(len(self.rows[0]) // self.width), len(self.rows[0]) // self.width)
        rows = rng.sample(self.rows, len(self.rows)) if has_rows else self.rows
        return Matrix([b"".join(map(self.elements(row).__getitem__, order)) for row in rows], self.width)

    def tuned(self, rng: random.Random) -> Matrix:
        """One code in eight is the next one, or the one before."""
        return Matrix([bytes(byte ^ 1 if rng.random() < 0.125 else byte for byte in row) for row in self.rows],
                      self.width)

    def raw(self) -> bytes:
        return b"".join(self.rows)

    def gguf(self, name: str) -> bytes:
        writer = GgufWriter()
        writer.key("general.architecture", STRING, "llama")
        shape = [len(self.rows[0]) // self.width, len(self.rows)]
        writer.tensor(name, PLAIN_TYPES[self.TYPES[self.width]], shape, self.raw())
        return writer.build()


def insert(rng: random.Random, row: bytes, width: int, count: int) -> bytes:
    """As many new elements, anywhere."""
    elements = [row[at:at + width] for at in range(0, len(row), width)]
    for _ in range(count):
        elements.insert(rng.randrange(len(elements) + 1), rng.randbytes(width))
    return b"".join(elements)


class Permuted(InPlaceTest):
    def check_order(self, order) -> None:
        old, tuned = model(False, SHAPES), model(True, SHAPES)
        name = order.__name__
        for source, target in ((old, list(map(order, old))), (list(map(order, old)), old)):
            size = self.patch_size(f"{name} equal", gguf(source), gguf(target))
            self.assertLess(size, HEAD + (STEP + 16) * len(SHAPES), name)
        plain = self.patch_size(f"{name} plain", gguf(old), gguf(tuned))
        size = self.patch_size(f"{name} tuned", gguf(old), gguf(list(map(order, tuned))))
        self.assertLess(size, 1.01 * plain + (STEP + 16) * len(SHAPES), name)

    def test_axes_in_another_order(self) -> None:
        in_parallel(self.check_order, [channels_last, outputs_last, renamed])

    def test_columns_that_fell_out_or_moved(self) -> None:
        old, tuned = model(False, SHAPES), model(True, SHAPES)
        plain = self.patch_size("columns plain", gguf(old), gguf(tuned))
        for name, kept in COLUMNS.items():
            size = self.patch_size(f"{name} equal", gguf(old), gguf([narrower(t, kept) for t in old]))
            self.assertLess(size, HEAD + 3 * (STEP + len(kept)), name)
            size = self.patch_size(f"{name} tuned", gguf(old), gguf([narrower(t, kept) for t in tuned]))
            self.assertLess(size, 1.02 * plain + 3 * (STEP + len(kept)), name)

    def test_columns_that_came_in_cost_what_they_are(self) -> None:
        old = model(False, SHAPES)
        narrow = [narrower(tensor, [c for c in range(64) if c % 7 != 3]) for tensor in old]
        added = sum(len(tensor[2]) for tensor in old) - sum(len(tensor[2]) for tensor in narrow)
        self.assertLess(self.patch_size("wider", gguf(narrow), gguf(old)), HEAD + 1.25 * added)

    def test_axes_of_thousands_of_indices(self) -> None:
        def check(case: tuple[int, list[int], bool]) -> None:
            length, kept, has_rows = case
            matrix = "long", [4, length], weights("long", 4 * length, False)
            pair = [matrix, narrower(matrix, kept)]
            if has_rows:
                pair = list(map(channels_last, pair))
            name = f"{'rows' if has_rows else 'columns'} {len(kept)} of {length}"
            self.assertLess(self.patch_size(name, gguf(pair[:1]), gguf(pair[1:])), HEAD + 2.2 * len(kept), name)

        in_parallel(check, [(length, kept, has_rows) for length in (7999, 8200, 40000) for has_rows in (False, True)
                            for kept in (random.Random(length).sample(range(length), length),
                                         [index for index in range(length) if index % 5 not in (1, 3)])])

    def test_rows_and_columns_that_came_in_at_once(self) -> None:
        def check(case: tuple[str, int, int, int]) -> None:
            kind, rows, columns, width = case
            rng = random.Random(str(case))
            new_rows, new_columns = (sorted(rng.sample(range(length), length // 8)) for length in (rows, columns))
            wide = Matrix.random(rng, rows, columns, width)
            old = wide.without(new_rows, new_columns)
            added = len(wide.raw()) - len(old.raw())
            most = HEAD + 1.3 * added
            for name in ("w", "renamed"):
                self.assertLess(self.patch_size(f"{case} {name}", old.gguf("w"), wide.gguf(name)), most, case)
            if width == 1:
                plain = self.patch_size(f"{case} plain", old.gguf("w"), old.tuned(rng).gguf("w"))
                size = self.patch_size(f"{case} tuned", old.gguf("w"), wide.tuned(rng).gguf("w"))
                self.assertLess(size, most + 1.2 * plain, case)
            order = wide.shuffled(rng)
            self.assertLess(self.patch_size(f"{case} moved", wide.gguf("w"), order.gguf("w")),
                            HEAD + 2.2 * (rows + columns), case)

        in_parallel(check, [(kind, rows, columns, width) for kind, rows, columns in (("even", 120, 200), ("long", 64, 2000))
                            for width in (1, 2, 4)])

    def test_columns_that_came_in_and_others_that_changed_a_little(self) -> None:
        def check(case: tuple[int, int]) -> None:
            rows, columns = case
            rng = random.Random(str(case))
            wide = Matrix.random(rng, rows, columns, 1)
            old = wide.without([], sorted(rng.sample(range(columns), columns // 20)))
            plain = self.patch_size(f"{case} plain", old.gguf("w"), old.tuned(rng).gguf("w"))
            added = len(wide.raw()) - len(old.raw())
            size = self.patch_size(f"{case} wider", old.gguf("w"), wide.tuned(rng).gguf("w"))
            self.assertLess(size, HEAD + 1.2 * plain + 1.3 * added + columns // 8, case)
            size = self.patch_size(f"{case} moved", wide.gguf("w"), wide.tuned(rng).shuffled(rng, False).gguf("w"))
            self.assertLess(size, HEAD + 1.2 * plain + 2.2 * columns, case)

        in_parallel(check, [(16, 3000), (32, 4000), (64, 4000)])

    def test_rows_that_each_have_others_among_their_elements(self) -> None:
        """No axis has changed so: no more is known of them than that their bytes have moved."""
        def check(case: tuple[int, int]) -> None:
            width, inserted = case
            rng = random.Random(str(case))
            old = Matrix.random(rng, 64, 1000, width)
            new = Matrix([insert(rng, row, width, inserted) for row in old.rows], width)
            for name in ("w", "renamed"):
                size = self.patch_size(f"{case} {name}", old.gguf("w"), new.gguf(name))
                self.assertLess(size, HEAD + 64 * inserted * (width + 2), case)

        in_parallel(check, [(1, 10), (1, 60), (4, 10), (4, 100)])

    def test_one_patch_by_reference_and_inline(self) -> None:
        for change in (channels_last, lambda tensor: narrower(tensor, COLUMNS["fewer"])):
            self.check_ways(change)

    def check_ways(self, change) -> None:
        paths = [self.home.parent / side for side in ("old", "new")]
        for path, tensors in zip(paths, (model(False, SHAPES), map(change, model(True, SHAPES)))):
            path.write_bytes(gguf(list(tensors)))
        for options in ([], ["--fast"], ["--max"], ["--profile", "lite"]):
            patches = {self.succeed("mallorn", "diff", "-q", *options, *more, *paths, "-o", "-")
                       for more in ([], ["--inline"])}
            self.assertEqual(len(patches), 1, options)
            made = self.succeed("mallorn-apply", "-q", paths[0], stdin=patches.pop())
            self.assertEqual(made, paths[1].read_bytes(), options)

    def test_chunks_that_each_read_all_of_a_tensor(self) -> None:
        # Two tensors that change places besides, so that each chunk overwrites what others read.
        shapes = {"a": [900, 700], "b": [500, 1000], "c": [31, 7]}
        within = [] if is_sanitized() else ["--memory", "64M"]  # a sanitizer needs more
        old, tuned = model(False, shapes), model(True, shapes)
        for name, tensors in (("equal", old), ("tuned", tuned)):
            new = [channels_last(tensor) for tensor in (tensors[1], tensors[0], tensors[2])]
            for options in ((), ("--fast",)):
                with self.subTest(name=name, options=options):
                    self.use((gguf(old), gguf(new)), *options)
                    made = self.succeed("mallorn-apply", "-q", *within, "model", self.patch)
                    self.assertEqual(made, self.new)
                    self.succeed(*self.line)
                    self.assert_new()
            if name == "equal":
                self.assertLess(self.patch.stat().st_size, 600)

    def test_an_update_in_place_and_back(self) -> None:
        for change in (outputs_last, lambda tensor: narrower(tensor, COLUMNS["moved"])):
            self.use((gguf(model(False, SHAPES)), gguf(list(map(change, model(True, SHAPES))))))
            self.succeed(*self.line)
            self.assert_new()

    def test_tables_name_the_order(self) -> None:
        old, new = model(False, SHAPES), list(map(channels_last, model(True, SHAPES)))
        self.use((gguf(old), gguf(new)))
        table = self.succeed("mallorn", "info", "--base", "model", self.patch).decode()
        told = self.run_program("mallorn", "diff", "--explain", self.home.parent / "old",
                                self.home.parent / "new", "-o", "-").err.decode()
        for text in (table, told):
            lines = {line.split()[-1]: line for line in text.splitlines() if line}
            self.assertIn("permuted 1,0", text)
            self.assertIn("permuted 0,2,1", text)
            self.assertNotIn("permuted", lines["bias"])


if __name__ == "__main__":
    unittest.main()
