"""Permuted steps: docs/format/structure.md, section 14."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from dtypes import BLOCKS, NAMES, SCALARS

MOST_BYTES = 1 << 28
MOST_STEPS = 255
MOST_PICKS = 1 << 16
WIDTHS = {"c64": 8, "c128": 16}


def element_bytes(dtype: int) -> int | None:
    """Of a dtype that may be permuted: of a block, if it has blocks."""
    name = NAMES.get(dtype, "opaque")
    if name == "opaque":
        return None
    return WIDTHS.get(name) or (SCALARS.get(name) or BLOCKS[name])[0]


@dataclass
class Permutation:
    """`order[i]` is the axis of the base that axis i of the result is; `picks[a]` are the indices of
    axis a of the base that the result has, empty if it has all."""

    order: list[int]
    lengths: list[int]
    first: int = 0
    picks: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.picks = self.picks or [[] for _ in self.lengths]

    def sizes(self) -> list[int]:
        return [len(picks) or length for picks, length in zip(self.picks, self.lengths)]

    def seen(self, dtype: int, result_bytes: int) -> int | None:
        """Bytes of the tensor; None if a step of that length may not have this permutation."""
        width = element_bytes(dtype)
        if width is None or sorted(self.order) != list(range(len(self.lengths))):
            return None
        total, made = width * prod(self.lengths), width * prod(self.sizes())
        if min(self.lengths) < 2 or max(total, made) > MOST_BYTES or result_bytes % width:
            return None
        if any(not 0 <= pick < length for picks, length in zip(self.picks, self.lengths) for pick in picks):
            return None
        return total if width * self.first + result_bytes <= made else None

    def place(self, element: int) -> int:
        """Where element `element` of the result is in the base."""
        index = [0] * len(self.lengths)
        sizes = self.sizes()
        for axis in reversed(self.order):
            element, at = divmod(element, sizes[axis])
            index[axis] = self.picks[axis][at] if self.picks[axis] else at
        return sum(at * prod(self.lengths[axis + 1:]) for axis, at in enumerate(index))

    def gathered(self, dtype: int, tensor: bytes, result_bytes: int) -> bytes:
        width = element_bytes(dtype)
        assert width is not None
        places = (self.place(self.first + k) * width for k in range(result_bytes // width))
        return b"".join(tensor[place:place + width] for place in places)
