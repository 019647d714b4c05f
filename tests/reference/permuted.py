"""Permuted steps: docs/format/structure.md, section 14."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from dtypes import NAMES, SCALARS

MOST_BYTES = 1 << 28
MOST_STEPS = 255
WIDTHS = {"c64": 8, "f8_e4m3fn": 1, "f8_e4m3fnuz": 1, "f8_e5m2": 1, "f8_e5m2fnuz": 1}


def element_bytes(dtype: int) -> int | None:
    """Of a dtype that may be permuted."""
    name = NAMES.get(dtype, "opaque")
    if name in ("opaque", "c128", "i4", "u4", "i2", "u2", "f4_e2m1") or name not in SCALARS:
        return None
    return WIDTHS.get(name, SCALARS[name][0])


@dataclass
class Permutation:
    """`order[i]` is the axis of the base that axis i of the result is."""

    order: list[int]
    lengths: list[int]
    first: int = 0

    def seen(self, dtype: int, result_bytes: int) -> int | None:
        """Bytes of the tensor; None if a step of that length may not have this permutation."""
        width = element_bytes(dtype)
        if width is None or sorted(self.order) != list(range(len(self.lengths))):
            return None
        total = width * prod(self.lengths)
        if min(self.lengths) < 2 or total > MOST_BYTES or result_bytes % width:
            return None
        return total if width * self.first + result_bytes <= total else None

    def place(self, element: int) -> int:
        """Where element `element` of the result is in the base."""
        index = [0] * len(self.lengths)
        for axis in reversed(self.order):
            element, index[axis] = divmod(element, self.lengths[axis])
        return sum(at * prod(self.lengths[axis + 1:]) for axis, at in enumerate(index))

    def gathered(self, dtype: int, tensor: bytes, result_bytes: int) -> bytes:
        width = element_bytes(dtype)
        assert width is not None
        places = (self.place(self.first + k) * width for k in range(result_bytes // width))
        return b"".join(tensor[place:place + width] for place in places)
