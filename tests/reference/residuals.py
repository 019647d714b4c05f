"""Residuals and ranks: docs/format/values.md, sections 8 and 10."""

from __future__ import annotations

from dataclasses import dataclass

from faults import refuse
from range_coder import RATES, BitModel, Number, RangeDecoder

LIMIT = 255
MAX_RANKS, MAX_COLUMNS, MAX_FACTORS = 64, 1 << 14, 1 << 17
MAX_UNIT, MAX_FACTOR = (1 << 24) - 1, 32767
NOT_ROUNDED = 4
MOST_HELD = 16


def signed(number: int, bits: int) -> int:
    number %= 1 << bits
    return number - (1 << bits) if number >> bits - 1 else number


@dataclass
class Guess:
    number: int
    phase: int


@dataclass
class Spread:
    expected: int | None = None
    before: int | None = None  # what was expected before the last residual
    count: int = 0

    def quarters(self, exponent: int) -> int:
        return 0 if self.before is None else self.here(self.before) - 1024 * exponent + 128 >> 8

    def here(self, expected: int) -> int:
        return expected

    def learn(self, n: int, exponent: int) -> None:
        seen = 1024 * (n + exponent)
        self.before = self.expected
        if self.expected is None:
            if n == 0:
                return
            self.expected = seen
        miss = seen - self.here(self.expected)
        if n == 0:
            miss = miss >> 1 if miss < 0 else 0
        self.expected += miss * RATES[self.count] >> 16
        self.count = min(self.count + 1, 126)
        self.learn_column(miss)

    def learn_column(self, miss: int) -> None:
        pass


class MatrixSpread(Spread):
    """One that also knows columns."""

    def begin_piece(self, columns: int, elements: int) -> None:
        self.count = min(self.count, 8)
        self.apart = [0] * columns if columns < elements and columns <= MAX_COLUMNS else None
        self.column = 0

    def begin_row(self, row: int) -> None:
        self.count = min(self.count, 16)
        self.rows = min(row + 16, 254)

    def here(self, expected: int) -> int:
        return expected + (self.apart[self.column] if self.apart else 0)

    def learn_column(self, miss: int) -> None:
        if self.apart:
            self.apart[self.column] += miss * RATES[self.rows] >> 16

    # --- by blocks

    def held(self, left: int) -> int:
        """How many columns the next block has."""
        return min(max(self.count // 4, 1), MOST_HELD, left)

    def here_at(self, column: int) -> int:
        return (self.expected or 0) + (self.apart[column] if self.apart else 0)

    def learn_block(self, first: int, seen: list[tuple[int, int]]) -> None:
        """By column: its exponent, and a length in 1024ths."""
        if self.expected is None:
            exponent, length = seen[0]
            if length == 0:
                return
            self.expected = 1024 * exponent + length
        total = 0
        for column, (exponent, length) in enumerate(seen, first):
            miss = 1024 * exponent + length - self.here_at(column)
            if length == 0:
                miss = min(miss, 0) >> 1
            miss = min(max(miss, -1 << 15), (1 << 15) - 1)
            total += miss
            if self.apart:
                self.apart[column] += miss * RATES[self.rows] >> 16
        last = self.count + len(seen) - 1
        self.expected += total * RATES[min(last, 126)] >> 16
        self.count = min(last + 1, 126)


class ResidualModel:
    """Section 10."""

    def __init__(self) -> None:
        self.models: dict[tuple, BitModel] = {}
        self.last = 0

    def bit(self, coder: RangeDecoder, *key: object) -> int:
        return self.models.setdefault(key, BitModel()).decode(coder, LIMIT)

    @staticmethod
    def place(exponent: int, phase: int, spread: Spread) -> tuple[int, int, int]:
        quarters = spread.quarters(exponent)
        s = min(max(quarters + 2, 0), 51)
        return s, min(max(quarters >> 2, 1), 63), phase if s < 20 else NOT_ROUNDED

    def decode(self, coder: RangeDecoder, exponent: int, phase: int, spread: Spread) -> int:
        s, n, f = self.place(exponent, phase, spread)
        n = self.decode_length(coder, s, n, f)
        spread.learn(n, exponent)
        if n == 0:
            self.last = 0
            return 0
        down = self.bit(coder, "is_down", s, f, self.last)
        self.last = 1 if down else 2
        size = 1
        if n > 1:
            size = 2 * size + self.bit(coder, "second", s, n)
        if n > 2:
            size = 2 * size + self.bit(coder, "third", n, size % 2)
        size = coder.more(size, n - 3)
        return signed(-size if down else size, 64)

    def decode_length(self, coder: RangeDecoder, s: int, n: int, f: int) -> int:
        if not self.bit(coder, "moves", s, f, self.last != 0):
            return 0
        if self.bit(coder, "longer", s, 0):
            n, i = n + 1, 1
            while n < 64 and self.bit(coder, "longer", s, i):
                n, i = n + 1, min(i + 1, 11)
            return n
        i = 0
        while n > 1 and self.bit(coder, "shorter", s, i):
            n, i = n - 1, min(i + 1, 11)
        return n


class RankDecoder:
    """Section 8; what has numbers and ranks. What is written as a number goes through a method of its own."""

    NUMBERS: list[str] = []  # their names

    def __init__(self, coder: RangeDecoder) -> None:
        self.coder = coder
        self.numbers = {name: Number() for name in self.NUMBERS}
        self.factor_model = ResidualModel()

    def decode_number(self, name: str) -> int:
        return self.numbers[name].decode(self.coder)

    def decode_signed(self, name: str) -> int:
        x = self.decode_number(name)
        return x >> 1 ^ -(x & 1)

    def decode_ranks(self, columns: int) -> int:
        ranks = self.decode_number("ranks")
        refuse(ranks > min(MAX_RANKS, columns), "ranks")
        refuse(ranks > 0 and (columns > MAX_COLUMNS or ranks * columns > MAX_FACTORS), "columns of ranks")
        return ranks

    def decode_exponent(self, most: int) -> int:
        exponent = self.decode_signed("exponent")
        refuse(abs(exponent) > most, "exponent")
        return exponent

    def decode_column_factors(self, ranks: int, columns: int) -> None:
        self.spreads = [Spread() for _ in range(ranks)]
        self.units: list[int] = []
        self.factors: list[list[int]] = []
        for spread in self.spreads:
            self.units.append(self.decode_unit())
            self.factors.append([self.decode_factor(spread) for _ in range(columns)])
        self.spreads = [Spread() for _ in range(ranks)]

    def decode_row_factors(self) -> None:
        self.scaled = [unit * self.decode_factor(spread) for unit, spread in zip(self.units, self.spreads)]

    def shift(self, column: int) -> int:
        return signed(sum(by * factors[column] for by, factors in zip(self.scaled, self.factors)), 32)

    def decode_unit(self) -> int:
        unit = self.decode_number("unit")
        refuse(unit > MAX_UNIT, "unit")
        return unit

    def decode_factor(self, spread: Spread) -> int:
        factor = self.decode_residual(self.factor_model, 0, Guess(0, NOT_ROUNDED), spread)
        refuse(abs(factor) > MAX_FACTOR, "factor")
        return factor

    def decode_residual(self, model: ResidualModel, exponent: int, guess: Guess, spread: Spread) -> int:
        """By how much a number differs from `guess`."""
        return model.decode(self.coder, exponent, guess.phase, spread)
