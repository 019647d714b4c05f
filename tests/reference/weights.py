"""Codec 3 where the base are weights of another dtype: docs/format/blocks.md, section 11."""

from __future__ import annotations

from collections.abc import Sequence

import conversions
from blocks import GRIDS, NO_START, TAKEN, Block, BlocksDecoder, place_of, position, quotient, units, write_block
from dtypes import NAMES
from faults import Fault
from range_coder import RangeDecoder

TO = "q2_k q3_k q4_k q5_k q6_k iq4_nl iq4_xs mxfp4".split()
MOST_WEIGHT = 1 << 40


def has_weights(conversion: int, dtype: int) -> bool:
    source, target = NAMES.get(conversion), NAMES.get(dtype)
    return source in conversions.FROM and target in TO and source != target


def weight(number: int) -> int:
    """Of binary32."""
    value = conversions.value(number)
    if value is None:
        return 0
    size = int(abs(value) * (1 << 24) * 2 + 1) // 2
    return min(size, MOST_WEIGHT) * (-1 if value < 0 else 1)


def extreme(numbers: Sequence[int]) -> int:
    return max(numbers, key=abs)


def clamp(number: int, most: int) -> int:
    return max(-most, min(most, number))


class WeightsDecoder(BlocksDecoder):
    def __init__(self, name: str, coder: RangeDecoder) -> None:
        super().__init__(name, coder)
        self.base_size = self.block_codes
        self.lean = [65536, 65536]

    def decode_next(self, old: Sequence[int]) -> bytes:
        return write_block(self.name, self.decode_block(old))

    def decode_block(self, old: Sequence[int]) -> Block:
        grid, block = self.grid, Block()
        groups = [old[at:at + grid.group_codes] for at in range(0, len(old), grid.group_codes)]
        if grid.power:
            largest = abs(extreme(old))
            block.scale = self.decode_half(0, 100 + largest.bit_length() if largest else 0)
        else:
            block.scale, block.group_scales = self.decode_scales(0, [self.ask_scale(group) for group in groups])
        if grid.start == TAKEN:
            block.minimum, block.group_minima = self.decode_scales(
                1, [-256 * min(0, *group) for group in groups])
        for index, group in enumerate(groups):
            self.decode_group(index, group, block)
        return block

    def ask_scale(self, group: Sequence[int]) -> int:
        low, high = self.grid.code_bounds
        if self.grid.start == TAKEN:
            return quotient(256 * (max(group) - min(0, *group)), high)
        return quotient(256 * extreme(group), self.grid.table[0][1] if self.grid.table else low)

    def decode_scales(self, which: int, asked: list[int]) -> tuple[int, list[int]]:
        """A half, and the integers of the groups."""
        bounds, lean = self.grid.scale_bounds, self.lean[which]
        moved = [a * (lean >> 4) >> 12 for a in asked]
        integer = 1 if bounds is None else bounds[0] if self.grid.start == NO_START else bounds[1]
        most = quotient(extreme(moved), integer)
        single = conversions.pack(int(most < 0), abs(most), -32, "f32")
        half = self.decode_half(which, conversions.cast(single, "f32", "f16"))
        scale, numbers = units(half), []
        if bounds:
            model = (self.group_scale, self.group_minimum)[which]
            places = [place_of(clamp(quotient(16 * a, scale), 1 << 24) if scale else 0, bounds) for a in moved]
            numbers = [self.decode_code(model, place, bounds) for place in places]
        in_all = sum(map(abs, asked)) >> 8
        got = min(abs(scale) * (sum(map(abs, numbers)) if bounds else 1), 1 << 50)
        if in_all:
            self.lean[which] += max(2048, min(8192, quotient(4096 * got, in_all))) - (lean + 8 >> 4)
        return half, numbers

    def decode_group(self, index: int, group: Sequence[int], block: Block) -> None:
        step, start = self.line(block, index)
        inverse = quotient(1 << 48, step) if step else 0
        for i, number in enumerate(group, index * self.grid.group_codes):
            x = clamp(number - start, 4096 * abs(step)) * inverse + (1 << 35) >> 36
            predicted = x + self.move(i, step)
            if self.grid.table:
                predicted = position(predicted, [value for _, value in self.grid.table])
            block.codes.append(self.decode_code(self.code, self.grid.place(predicted), self.grid.code_bounds))


def weights_of(base: bytes) -> list[int]:
    """From numbers in binary32."""
    return [weight(int.from_bytes(base[at:at + 4], "little")) for at in range(0, len(base), 4)]


def decode_by_weights(dtype: int, coded: bytes, base: bytes) -> bytes:
    """`base` is numbers in binary32, for each code one."""
    name, weights = NAMES[dtype], weights_of(base)
    if name not in GRIDS:
        raise Fault("corrupt_data", "codec 3, but no blocks")
    coder = RangeDecoder(coded)
    decoder = WeightsDecoder(name, coder)
    made = decoder.decode_pieces(len(weights) // decoder.block_codes, weights)
    coder.check_end()
    return made
