"""How far floats move: docs/format/values.md, section 11."""

from __future__ import annotations

from dataclasses import dataclass

from range_coder import BitModel, Number, RangeDecoder

TOTAL, LONG, NUMBERS = 1 << 15, 15, 24
SIZES, PHASE_SIZES, SIGN_SIZES, EXACT = 32, 12, 20, 11
SIGN_LIMIT = 255


class SymbolModel:
    def __init__(self) -> None:
        self.bounds = [i * TOTAL // 16 for i in range(17)]
        self.seen = [2] * 16
        self.left = 1

    def decode(self, coder: RangeDecoder) -> int:
        symbol = coder.symbol(self.bounds)
        self.seen[symbol] += 16
        self.left -= 1
        if self.left == 0:
            self.learn()
        return symbol

    def learn(self) -> None:
        total = sum(self.seen)
        share = (TOTAL - 16 << 16) // total
        for i in range(15, 0, -1):
            self.bounds[i] = self.bounds[i + 1] - 1 - (self.seen[i] * share >> 16)
        if total > 60000:
            self.seen = [seen + 1 >> 1 for seen in self.seen]
        self.left = min(1 + total // 128, 64)


@dataclass
class Cell:
    """What a symbol stands for."""

    least: int
    bits: int

    @property
    def length(self) -> int:
        return 1024 * (self.least + (1 << self.bits >> 1)).bit_length()


def cell(symbol: int, even: int) -> Cell:
    number, left = (symbol - 1, 0) if symbol < 9 else (2 * symbol - 10, 1) if symbol < 13 else (4 * symbol - 36, 2)
    return Cell((number << even) + 1, left + even)


def symbol_of(magnitude: int, even: int) -> int:
    """The other way."""
    if magnitude == 0:
        return 0
    number = magnitude - 1 >> even
    if number >= NUMBERS:
        return LONG
    return 1 + number if number < 8 else 5 + number // 2 if number < 16 else 9 + number // 4


@dataclass
class Place:
    """Where a float is expected."""

    u: int
    grain: int
    guess: int
    phase: int | None  # None: it is expected to stay
    unit: int
    s: int

    @property
    def even(self) -> int:
        return max(self.s - EXACT, 0) >> 2

    @property
    def context(self) -> int:
        if self.phase is None or self.s >= PHASE_SIZES:
            return self.s
        return SIZES + 4 * self.s + (3 - self.phase if self.phase < 4 else self.phase - 4)

    @property
    def models_sign(self) -> bool:
        return self.phase is not None and self.s < SIGN_SIZES


class MoveModel:
    def __init__(self) -> None:
        self.symbols = [SymbolModel() for _ in range(SIZES + 4 * PHASE_SIZES)]
        self.signs = [[BitModel() for _ in range(8)] for _ in range(SIGN_SIZES)]
        self.long = Number()

    def decode(self, coder: RangeDecoder, place: Place) -> tuple[int, int]:
        """The move, and its length in 1024ths."""
        symbol = self.symbols[place.context].decode(coder)
        if symbol == 0:
            return 0, 0
        found = cell(symbol, place.even)
        bits = 0 if symbol == LONG else found.bits
        if place.models_sign:
            below = self.signs[place.s][place.phase or 0].decode(coder, SIGN_LIMIT)
            more = coder.more(0, bits)
        else:
            more, below = divmod(coder.more(0, bits + 1), 2)
        size, length = found.least + more, found.length
        if symbol == LONG:
            size = (NUMBERS << place.even) + 1 + self.long.decode(coder) & (1 << 32) - 1
            length = 1024 * min(size.bit_length(), 31)
        return -size if below else size, length
