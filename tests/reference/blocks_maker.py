"""Writes sections of codec 3: the decoder, told beforehand what it is to find."""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass

from blocks import BlocksDecoder, CodeModel, Piece, Place, monotone, read_block
from faults import Fault
from rank_maker import PlannedRanks, RankMaker, want_code, want_moved, zigzag
from residuals import Guess, signed


@dataclass
class PlannedBlocks(PlannedRanks, Piece):
    """A head, and the factors behind it."""


class BlocksMaker(RankMaker, BlocksDecoder):
    """Codes what it is told to, be it out of bounds."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.made = b""  # what is yet to be written
        self.is_ranked = False
        self.numbers_left: deque[int] = deque()
        self.halves_wanted = (0, 0)
        self.half_change = 0
        self.base_codes: list[int] = []
        self.written = 0

    def write(self, base: bytes, made: bytes, plans: list[PlannedBlocks] | None = None) -> bytes:
        """By default, one piece without ranks. Stops, as a reader does, at a wrong head."""
        whole = len(base) // self.grid.bytes
        if plans is None:
            plans = [PlannedBlocks(blocks=whole)] if whole else []
        self.made = made
        with contextlib.suppress(Fault):
            for plan in plans:
                self.expect(plan)
                self.decode_head((len(base) - len(made) + len(self.made)) // self.grid.bytes)
                self.decode_piece(base[len(made) - len(self.made):])
            for old, byte in zip(base[len(made) - len(self.made):], self.made, strict=True):
                self.encoder.want_tree((byte - old) % 256, 8)
                self.byte.decode(self.coder)
        self.encoder.wanted.clear()
        return self.encoder.coded()

    def expect(self, plan: PlannedBlocks) -> None:
        numbers = {"blocks": [plan.blocks], "row_blocks": [plan.row_blocks], "ranks": [plan.ranks],
                   "exponent": [zigzag(plan.exponent)], "unit": plan.units}
        self.wanted_numbers = {name: deque(wanted) for name, wanted in numbers.items()}
        self.wanted_factors = deque(plan.factors())
        self.is_ranked = plan.has_ranks

    def decode_has_ranks(self) -> int:
        self.encoder.wanted.append(int(self.is_ranked))
        return super().decode_has_ranks()

    def decode_next(self, old: bytes) -> bytes:
        made, self.made = self.made[:len(old)], self.made[len(old):]
        self.encoder.wanted.append(int(old == made))
        if not self.decode_equal():
            self.write_numbers(old, made)
        return made

    def write_numbers(self, old: bytes, made: bytes) -> None:
        block = read_block(self.name, made)
        self.halves_wanted = (block.scale, block.minimum)
        self.numbers_left.extend(block.group_scales + block.group_minima + block.codes)
        self.base_codes = read_block(self.name, old).codes
        self.decode_block(old)

    def decode_keep(self) -> None:
        self.written += 1
        self.encoder.wanted.append(int(self.written % 3 == 0))  # either is right
        super().decode_keep()

    def decode_half(self, which: int, old: int) -> int:
        self.half_change = signed(monotone(self.halves_wanted[which]) - monotone(old), 16)
        return super().decode_half(which, old)

    def wanted_residual(self, guess: Guess) -> int:
        return self.half_change

    def decode_place(self) -> int:
        codes = list(self.numbers_left)
        first = next(i for i, code in enumerate(self.base_codes) if code != codes[i])
        self.encoder.want_tree(first, 5 if self.block_codes == 32 else 8)
        for _ in range(first):
            self.numbers_left.popleft()
        return super().decode_place()

    def decode_moved(self, place: Place) -> int:
        number = self.numbers_left.popleft()
        want_moved(self.encoder, place, number - place.step)
        with contextlib.suppress(Fault):
            super().decode_moved(place)
        return number

    def decode_code(self, model: CodeModel, place: Place, bounds: tuple[int, int], setting: int = 0) -> int:
        number = self.numbers_left.popleft()
        want_code(self.encoder, place, number)
        with contextlib.suppress(Fault):
            super().decode_code(model, place, bounds, setting)
        assert not self.encoder.wanted and place.step + model.last == number, "beyond the bound that is predicted"
        return number
