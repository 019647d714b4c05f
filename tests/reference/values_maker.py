"""Writes sections of codec 4: the decoder, told beforehand what it is to find."""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass, field

from blocks import place_of
from faults import Fault
from moves import LONG, NUMBERS, cell, symbol_of
from moves import Place as MovePlace
from patch_maker import RangeEncoder
from rank_maker import PlannedRanks, RankMaker, want_code, zigzag
from residuals import Guess, signed
from values import BYTES, CODE, DIRECT, FLOAT, PREDICTED, SPARSE, Piece, Type, ValuesDecoder


@dataclass
class PlannedPiece(PlannedRanks, Piece):
    """A head, and what is to be found behind it. Gains by row or column."""

    made: bytes = b""
    gains: list[int] = field(default_factory=list)


def want_move(encoder: RangeEncoder, place: MovePlace, move: int) -> None:
    """What a move model is to find: docs/format/values.md, section 11, the other way."""
    symbol, below = symbol_of(abs(move), place.even), [int(move < 0)]
    encoder.wanted.append(symbol)
    if symbol == 0:
        return
    found = cell(symbol, place.even)
    encoder.wanted.extend(below if place.models_sign else [])
    if symbol != LONG:
        encoder.want_tree(abs(move) - found.least, found.bits)
    encoder.wanted.extend([] if place.models_sign else below)
    if symbol == LONG:
        encoder.want_number(abs(move) - (NUMBERS << place.even) - 1)


class ValuesMaker(RankMaker, ValuesDecoder):
    def __init__(self, name: str | Type) -> None:
        super().__init__(name)
        self.wanted_trees: dict[str, int] = {}
        self.gains: deque[int] = deque()
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
        zeros = [plan.result_zero, plan.base_zero] if plan.method == PREDICTED else [plan.result_zero]
        numbers = {"elements": [plan.elements], "zero": [zigzag(zero) for zero in zeros],
                   "greatest": [plan.greatest], "columns": [plan.columns], "ranks": [plan.ranks],
                   "exponent": [zigzag(plan.exponent)], "unit": plan.units, "gain": []}
        self.wanted_numbers = {name: deque(wanted) for name, wanted in numbers.items()}
        self.wanted_trees = {"method": plan.method, "axis": plan.axis}
        self.gains = deque(plan.gains)
        self.wanted_factors = deque(plan.factors())
        elements = list(plan.made) if plan.method == BYTES else self.type.elements(plan.made)
        if self.type.kind == FLOAT and self.type.one is None and plan.method == PREDICTED:
            elements = [self.type.order(u) for u in elements]
        elif self.type.kind == CODE and plan.method == PREDICTED:
            elements = [self.type.number(u) - plan.result_zero for u in elements]
        elif self.type.kind == CODE and plan.method in (DIRECT, SPARSE):
            elements = [signed(self.type.number(u) - plan.result_zero, 8) for u in elements]
        self.elements = deque(elements)

    # --- heads and gains

    def decode_tree(self, name: str) -> int:
        self.encoder.want_tree(self.wanted_trees[name], 2)
        return super().decode_tree(name)

    def decode_gain_kind(self) -> int:
        gain = self.gains.popleft()
        kind = 0 if gain == self.type.one else 1 if gain == self.last_gain else 2
        if kind == 2:
            self.wanted_numbers["gain"].append(zigzag(gain - self.type.one))
        self.encoder.want_tree(kind, 2)
        return super().decode_gain_kind()

    # --- elements

    def decode_byte(self) -> int:
        self.encoder.want_tree(self.elements.popleft(), 8)
        return super().decode_byte()

    def decode_direct_code(self) -> int:
        self.encoder.want_tree(self.elements.popleft() + 128, 8)
        return super().decode_direct_code()

    def decode_sparse(self) -> int:
        x = self.elements.popleft()
        self.encoder.wanted.append(int(x == 0))
        if x != 0:
            self.encoder.wanted.append(int(x < 0))
            self.encoder.want_tree(-1 - x if x < 0 else x - 1, 7)
        return super().decode_sparse()

    def decode_float(self, greatest: int) -> int:
        u, m = self.elements.popleft(), self.type.m
        order = self.type.order(u)
        d = greatest - self.type.field(order)
        self.encoder.want_tree(min(d, 15), 4)
        if d >= 15:
            self.encoder.want_number(d - 15)
        self.encoder.wanted.append(int(order < 0))
        self.encoder.want_tree(u % (1 << m), m)
        return super().decode_float(greatest)

    def decode_code(self, predicted: int, bounds: tuple[int, int], setting: int) -> int:
        number = self.elements.popleft()
        want_code(self.encoder, place_of(predicted, bounds), number)
        return super().decode_code(predicted, bounds, setting)

    def decode_predicted_float(self, place: MovePlace) -> tuple[int, int]:
        self.wanted_float = self.elements.popleft()
        move = self.type.order(self.wanted_float, place.grain) - place.guess
        move = signed(-move if place.phase is None and place.guess < 0 else move, self.type.w)
        want_move(self.encoder, place, move)
        return super().decode_predicted_float(place)

    def decode_stays(self, u: int) -> int:
        self.encoder.wanted.append(int(u == self.wanted_float))
        return super().decode_stays(u)

    def decode_within_grain(self, order: int, grain: int) -> int:
        m, place = self.type.m, order if order >= 0 else -1 - order
        magnitude = self.wanted_float % (1 << self.type.w - 1)
        if grain > 1 and place == 0 and grain - 1 > m:
            d = grain - 1 - m - (magnitude >> m)
            self.encoder.want_tree(min(d, 15), 4)
            if d >= 15:
                self.encoder.want_number(d - 15)
            self.encoder.want_tree(magnitude, m)
        elif grain > 1 and place >> m == 0:
            self.encoder.want_tree(magnitude, min(m + 1 - place.bit_length(), grain - 1))
        return super().decode_within_grain(order, grain)

    def wanted_residual(self, guess: Guess) -> int:
        return signed(self.elements.popleft() - guess.number, self.type.w)
