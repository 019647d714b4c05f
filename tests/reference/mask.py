"""Codec 5: docs/format/mask.md."""

from __future__ import annotations

from dataclasses import dataclass

from faults import Fault
from range_coder import BitModel, Number, RangeDecoder, Tree

LIMIT = 127
KNOWN = 16
LEVELS = 16
MAX_NUMBER = 1 << 20
MAX_COLUMNS = 1 << 16
MAX_CELLS = 1 << 25
OPAQUE = 0


@dataclass
class Shape:
    """Widths in bytes."""

    is_segments_first: int
    rows: int
    columns: int
    ones: int
    index_bytes: int
    segment_bytes: int

    def cells(self) -> int:
        return self.rows * self.columns

    def length(self) -> int:
        return self.ones * self.index_bytes + (self.rows + 1) * self.segment_bytes


def check_shape(shape: Shape, room: int, cells_before: int) -> None:
    """Section 4."""
    if (shape.rows > MAX_NUMBER or shape.columns > MAX_COLUMNS or shape.ones > MAX_NUMBER
            or cells_before + shape.cells() > MAX_CELLS):
        raise Fault("corrupt_data", "a mask beyond the limits")
    if (shape.index_bytes > 4 or shape.segment_bytes > 4 or shape.ones > shape.cells()
            or shape.columns > 1 << 8 * shape.index_bytes
            or shape.ones >= 1 << 8 * shape.segment_bytes):
        raise Fault("corrupt_data", "a mask that does not fit its arrays")
    if shape.length() > room:
        raise Fault("corrupt_data", "arrays longer than the section")


def known(p: int) -> BitModel:
    model = BitModel()
    model.p, model.n = min(max(p, 32), 60000), KNOWN
    return model


class Cells:
    """Section 5: the cells of one mask."""

    def __init__(self, coder: RangeDecoder, shape: Shape) -> None:
        self.coder = coder
        self.ones_left, self.cells_left = shape.ones, shape.cells()
        self.average = max(64, min(60000, (shape.ones << 16) // shape.cells()))
        self.scale = (1 << 18) // self.average
        self.columns = [known(self.average) for _ in range(shape.columns)]
        self.cells = [[known(self.average * (2 * i + 1) * (2 * j + 1) // 64) for j in range(LEVELS)]
                      for i in range(LEVELS)]

    def level(self, density: BitModel) -> int:
        return min(density.p * self.scale >> 16, LEVELS - 1)

    def decode_row(self) -> list[int]:
        """The columns of its ones."""
        row = known(self.average)
        found = []
        for index, column in enumerate(self.columns):
            if self.ones_left in (0, self.cells_left):
                bit = int(self.ones_left != 0)
            else:
                bit = self.cells[self.level(column)][self.level(row)].decode(self.coder, LIMIT)
            column.update(bit, LIMIT)
            row.update(bit, LIMIT)
            self.ones_left -= bit
            self.cells_left -= 1
            if bit:
                found.append(index)
        return found


class MaskDecoder:
    """Section 3."""

    def __init__(self, coder: RangeDecoder) -> None:
        self.coder = coder
        self.order = BitModel()
        self.size, self.ones = Number(), Number()
        self.index_width, self.segment_width = Tree(2), Tree(2)
        self.cells_before = 0

    def decode(self, length: int) -> bytes:
        made = b""
        while len(made) < length:
            shape = self.decode_shape()
            check_shape(shape, length - len(made), self.cells_before)
            self.cells_before += shape.cells()
            made += self.decode_arrays(shape)
        return made

    def decode_shape(self) -> Shape:
        order = self.order.decode(self.coder)
        sizes = [model.decode(self.coder) for model in (self.size, self.size, self.ones)]
        widths = [1 << width.decode(self.coder) for width in (self.index_width, self.segment_width)]
        return Shape(order, *sizes, *widths)

    def decode_rows(self, shape: Shape) -> list[list[int]]:
        if shape.cells() == 0:
            return [[] for _ in range(shape.rows)]
        cells = Cells(self.coder, shape)
        return [cells.decode_row() for _ in range(shape.rows)]

    def decode_arrays(self, shape: Shape) -> bytes:
        indices, ends = b"", [0]
        for row in self.decode_rows(shape):
            indices += b"".join(column.to_bytes(shape.index_bytes, "little") for column in row)
            ends.append(ends[-1] + len(row))
        segments = b"".join(end.to_bytes(shape.segment_bytes, "little") for end in ends)
        return segments + indices if shape.is_segments_first else indices + segments


def decode_mask(dtype: int, coded: bytes, base: bytes | None, length: int) -> bytes:
    if dtype != OPAQUE or base is not None:
        raise Fault("corrupt_data", "codec 5 with a dtype, or a prediction")
    coder = RangeDecoder(coded)
    made = MaskDecoder(coder).decode(length)
    coder.check_end()
    return made
