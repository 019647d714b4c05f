"""Sections of codec 3 whose base are weights of another dtype."""

from __future__ import annotations

import random
from collections.abc import Sequence

import conversions
from blocks import GRIDS, CodeModel, Place, read_block
from blocks_cases import planned
from blocks_maker import BlocksMaker, PlannedBlocks
from dtypes import NUMBERS
from patch_maker import Chunk, Section, from_section
from weights import TO, WeightsDecoder, weights_of


class WeightsTeller(WeightsDecoder):
    """Tells what is predicted, with a little noise."""

    def __init__(self, name: str, generator: random.Random) -> None:
        super().__init__(name, None)  # type: ignore[arg-type]
        self.generator = generator

    def noise(self) -> int:
        return self.generator.choice((-2, -1, 1)) if self.generator.random() < 0.03 else 0

    def tell(self, plan: PlannedBlocks, weights: Sequence[int]) -> bytes:
        self.piece, self.units, self.factors = plan, plan.units, plan.column_factors
        self.rows = iter(plan.row_factors)
        return self.decode_piece(weights)

    def decode_row_factors(self) -> None:
        self.scaled = [unit * factor for unit, factor in zip(self.units, next(self.rows))]

    def decode_half(self, which: int, old: int) -> int:
        return min(old + 3 * max(self.noise(), 0), 0xFF if self.grid.power else 0xFFFF)

    def decode_code(self, model: CodeModel, place: Place, bounds: tuple[int, int], setting: int = 0) -> int:
        return min(max(place.step + self.noise(), bounds[0]), bounds[1])


class WeightsMaker(BlocksMaker, WeightsDecoder):
    def write_pieces(self, weights: Sequence[int], made: bytes, plans: list[PlannedBlocks]) -> bytes:
        self.made = made
        done = 0
        for plan in plans:
            self.expect(plan)
            self.decode_head(len(self.made) // self.grid.bytes)
            self.decode_piece(weights[done * self.base_size:])
            done += plan.blocks
        assert not self.encoder.wanted and not self.made
        return self.encoder.coded()

    def decode_next(self, old: Sequence[int]) -> bytes:
        made, self.made = self.made[:self.grid.bytes], self.made[self.grid.bytes:]
        block = read_block(self.name, made)
        self.halves_wanted = (block.scale, block.minimum)
        self.numbers_left.extend(block.group_scales + block.group_minima + block.codes)
        self.decode_block(old)
        return made


def section_of(source: str, target: str, base: bytes, plans: list[PlannedBlocks],
               generator: random.Random) -> Section:
    """`base` is what the section's steps read."""
    numbers = conversions.load(source, base, False)
    weights = weights_of(b"".join(number.to_bytes(4, "little") for number in numbers))
    teller, made, done = WeightsTeller(target, generator), b"", 0
    for plan in plans:
        made += teller.tell(plan, weights[done * teller.base_size:])
        done += plan.blocks
    payload = WeightsMaker(target).write_pieces(weights, made, plans)
    return Section(3, NUMBERS[target], payload, made, True, conversion=NUMBERS[source])


def of_every_kind(base: bytes) -> Chunk:
    """Every dtype from others, all of which occur; from any bytes, infinities and NaN among them."""
    generator = random.Random(47)
    plans, sections = [], []
    for index, source in enumerate(conversions.FROM):
        target = TO[index % len(TO)]
        if source == target:
            target = "q3_k"
        from_elements, from_bytes = conversions.block_of(source)
        elements, size = conversions.block_of(target)
        codes = max(elements, from_elements)
        length, seen = codes // elements * size, codes // from_elements * from_bytes
        offset = generator.randrange(len(base) - seen)
        made = section_of(source, target, base[offset:offset + seen], [PlannedBlocks(codes // elements)], generator)
        sections.append(made)
        plans.append(from_section(index, length, offset))
    return Chunk(plans, sections, b"".join(section.result for section in sections))


def in_pieces(base: bytes) -> Chunk:
    """Sections of several steps, in pieces, with ranks and without."""
    generator = random.Random(53)
    seen = 8 * GRIDS["q8_0"].bytes
    to_nl = [planned("iq4_nl", 4, 2, 1, 8, generator), PlannedBlocks(4), planned("iq4_nl", 8, 1, 1, 8, generator)]
    few = section_of("q8_0", "iq4_nl", 2 * base[:seen], to_nl, generator)
    many = section_of("q8_0", "q4_k", base[:2 * seen] + base[:seen], [PlannedBlocks(1), PlannedBlocks(2)], generator)
    size = GRIDS["q4_k"].bytes
    half = len(few.result) // 2
    plans = [from_section(0, half, 0), from_section(1, 2 * size, 0), from_section(0, half, 0), from_section(1, size, 0)]
    return Chunk(plans, [few, many], few.result[:half] + many.result[:2 * size] + few.result[half:]
                 + many.result[2 * size:])
