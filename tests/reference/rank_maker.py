"""Writes residuals, ranks and codes of code models: the decoders, told beforehand what to find."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from blocks import Place
from patch_maker import RangeEncoder
from residuals import Guess, RankDecoder, ResidualModel, Spread


@dataclass
class PlannedRanks:
    units: list[int] = field(default_factory=list)
    column_factors: list[list[int]] = field(default_factory=list)  # [rank][column]
    row_factors: list[list[int]] = field(default_factory=list)  # [row][rank]

    def factors(self) -> list[int]:
        """In the order in which they are decoded."""
        return sum(self.column_factors, []) + sum(self.row_factors, [])


def zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def want_code(encoder: RangeEncoder, place: Place, number: int) -> None:
    """What a code model is to find: docs/format/blocks.md, section 8, the other way."""
    residual = number - place.step
    encoder.wanted.append(int(residual != 0))
    if residual != 0:
        want_moved(encoder, place, residual)


def want_moved(encoder: RangeEncoder, place: Place, residual: int) -> None:
    """The same of a residual that is known not to be 0."""
    if place.down is None:
        encoder.wanted.append(int((residual < 0) != place.mirrored))
    bits = abs(residual).bit_length()
    encoder.wanted.extend([1] * (bits - 1) + [0] * (bits < 8))
    encoder.want_tree(abs(residual), bits - 1)


def want_residual(encoder: RangeEncoder, expected: int, residual: int) -> None:
    """What a residual model is to find: docs/format/values.md, section 10, the other way."""
    n = abs(residual).bit_length()
    encoder.wanted.append(int(n > 0))
    if n == 0:
        return
    encoder.wanted.append(int(n > expected))
    if n > expected:
        encoder.wanted.extend([1] * (n - expected - 1) + [0] * (n < 64))
    else:
        encoder.wanted.extend([1] * (expected - n) + [0] * (n > 1))
    encoder.wanted.append(int(residual < 0))
    encoder.want_tree(abs(residual), n - 1)


class RankMaker(RankDecoder):
    def __init__(self, name: Any) -> None:
        self.encoder = RangeEncoder()
        super().__init__(name, self.encoder)  # type: ignore
        self.wanted_numbers: dict[str, deque[int]] = {}
        self.wanted_factors: deque[int] = deque()

    def decode_number(self, name: str) -> int:
        self.encoder.want_number(self.wanted_numbers[name].popleft())
        return super().decode_number(name)

    def wanted_residual(self, guess: Guess) -> int:
        """Of what is no factor."""
        raise NotImplementedError

    def decode_residual(self, model: ResidualModel, exponent: int, guess: Guess, spread: Spread) -> int:
        residual = self.wanted_factors.popleft() if model is self.factor_model else self.wanted_residual(guess)
        _, expected, _ = model.place(exponent, guess.phase, spread)
        want_residual(self.encoder, expected, residual)
        return super().decode_residual(model, exponent, guess, spread)
