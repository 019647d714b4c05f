"""Writes sections of codec 7: the decoder, told beforehand what it is to find."""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass

from faults import Fault
from mixed import BYTES, SPARSE, MixedDecoder, Numbers, Piece, View
from patch_maker import RangeEncoder
from rank_maker import zigzag


@dataclass
class PlannedPiece(Piece):
    """A head, and what is to be found behind it."""

    made: bytes = b""


class MixedMaker(MixedDecoder):
    def __init__(self, name: str) -> None:
        self.encoder = RangeEncoder()
        super().__init__(name, self.encoder)  # type: ignore
        self.wanted_numbers: dict[str, deque[int]] = {}
        self.wanted_trees: dict[str, deque[int]] = {}
        self.elements: deque[int] = deque()

    def write(self, plans: list[PlannedPiece], base: bytes | None, length: int = 1 << 20) -> bytes:
        """For a result of `length`, or less. Stops, as a reader does, where one is wrong."""
        made = 0
        with contextlib.suppress(Fault):
            for plan in plans:
                self.expect(plan)
                piece = self.decode_head(base is not None, length - made)
                written = self.decode_piece(piece, (base or b"")[made:])
                assert written == plan.made, (self.type, plan)
                made += len(written)
        self.encoder.wanted.clear()
        return self.encoder.coded()

    def expect(self, plan: PlannedPiece) -> None:
        numbers = {"elements": [plan.elements], "zero": [zigzag(plan.zero)], "greatest": [plan.greatest],
                   "row": [plan.row], "channels": [plan.channels], "mean": [zigzag(plan.mean)],
                   "distance": [source.distance for source in plan.sources if source.axis < 3],
                   "weight": [zigzag(source.weight) for source in plan.sources]}
        trees = {"method": [plan.method], "sources": [len(plan.sources)],
                 "axis": [source.axis for source in plan.sources],
                 "byte": list(plan.made) if plan.method == BYTES else []}
        self.wanted_numbers = {name: deque(wanted) for name, wanted in numbers.items()}
        self.wanted_trees = {name: deque(wanted) for name, wanted in trees.items()}
        size = self.type.bytes
        self.elements = deque(int.from_bytes(plan.made[at:at + size], "little")
                              for at in range(0, len(plan.made), size))

    def decode_number(self, name: str) -> int:
        self.encoder.want_number(self.wanted_numbers[name].popleft())
        return super().decode_number(name)

    def decode_tree(self, name: str) -> int:
        self.encoder.want_tree(self.wanted_trees[name].popleft(), self.TREES[name])
        return super().decode_tree(name)

    def decode_place(self, piece: Piece, numbers: Numbers, view: View) -> int:
        place = numbers.place(self.elements.popleft())
        if piece.method == SPARSE:
            self.encoder.wanted.append(int(place == numbers.half))
        if piece.method != SPARSE or place != numbers.half:
            self.encoder.want_tree(place, self.type.w)
        return super().decode_place(piece, numbers, view)
