"""Sections of codec 3 with ranks: one of the good vectors, and faults."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from blocks import GRIDS, MAX_EXPONENT, Block, place_of, ratio, read_block, write_block
from blocks_maker import BlocksMaker, PlannedBlocks
from dtypes import NAMES
from patch_maker import Chunk, Plan, Section, body_of, from_section, make_patch
from residuals import MAX_FACTOR, MAX_UNIT

CODES = {name: number for number, name in NAMES.items()}


def planned(name: str, blocks: int, row_blocks: int, ranks: int, exponent: int,
            generator: random.Random) -> PlannedBlocks:
    plan = PlannedBlocks(blocks, True, row_blocks, ranks, exponent)
    plan.units = [generator.randrange(100, 400) for _ in range(ranks)]
    columns = row_blocks * GRIDS[name].groups * GRIDS[name].group_codes
    plan.column_factors = [[generator.randrange(-6, 7) for _ in range(columns)] for _ in range(ranks)]
    plan.row_factors = [[generator.randrange(-9, 10) for _ in range(ranks)] for _ in range(-(-blocks // row_blocks))]
    return plan


class Teller(BlocksMaker):
    """Tells what is predicted, with a little noise."""

    def __init__(self, name: str, generator: random.Random) -> None:
        super().__init__(name)
        self.generator = generator

    def tell(self, plan: PlannedBlocks, base: bytes) -> bytes:
        self.piece, self.units, self.factors = plan, plan.units, plan.column_factors
        self.rows = iter(plan.row_factors)
        return self.decode_piece(base[:plan.blocks * self.grid.bytes])

    def decode_row_factors(self) -> None:
        self.scaled = [unit * factor for unit, factor in zip(self.units, next(self.rows))]

    def decode_next(self, old: bytes) -> bytes:
        base, index = read_block(self.name, old), self.written
        self.written += 1
        if index % 5 == 3:
            return old
        block = Block((base.scale + index % 3) % 65536, base.minimum, base.group_scales, base.group_minima)
        for i, code in enumerate(base.codes):
            group = i // self.grid.group_codes
            old_step, old_start = self.line(base, group)
            step, start = self.line(block, group)
            predicted = self.predict(code, ratio(old_step, step), ratio(old_start - start, step),
                                     self.move(i, step))
            noise = self.generator.choice((-1, 1)) if self.generator.random() < 0.04 else 0
            low, high = self.grid.code_bounds
            block.codes.append(min(max(place_of(predicted, (low, high)).step + noise, low), high))
        return write_block(self.name, block)


def calm(name: str, data: bytes) -> bytes:
    """The same blocks with scales such as models have."""
    grid, made = GRIDS[name], b""
    for at in range(0, len(data), grid.bytes):
        block = read_block(name, data[at:at + grid.bytes])
        block.scale = 117 if grid.power else 0x1C00 + block.scale % 0x400
        if grid.minimum is not None:
            block.minimum = 0x1800 + block.minimum % 0x400
        made += write_block(name, block)
    return made


def plain(blocks: int) -> PlannedBlocks:
    return PlannedBlocks(blocks)


# dtype, pieces: blocks, blocks of a row, ranks, exponent; or blocks alone, without ranks. Weights move by about a
# step.
FORMS = (("q8_0", ((5, 2, 2, 5), (1,), (2, 1, 1, 4))), ("q4_1", ((4, 1, 1, 4),)), ("iq4_nl", ((3, 1, 1, 8),)),
         ("mxfp4", ((2, 1, 1, -1),)), ("q3_k", ((1, 1, 1, 9),)))


def ranked_base() -> bytes:
    generator = random.Random(41)
    return b"".join(calm(name, generator.randbytes(sum(piece[0] for piece in pieces) * GRIDS[name].bytes))
                    for name, pieces in FORMS)


def ranked(base: bytes) -> Chunk:
    generator = random.Random(43)
    plans, sections, offset = [], [], 0
    for name, pieces in FORMS:
        size, made, heads = GRIDS[name].bytes, b"", []
        for blocks, *rest in pieces:
            heads.append(planned(name, blocks, *rest, generator) if rest else plain(blocks))
            made += Teller(name, generator).tell(heads[-1], base[offset + len(made):])
        old = base[offset:offset + len(made)]
        plans.append(from_section(len(sections), len(made), offset))
        sections.append(Section(3, CODES[name], BlocksMaker(name).write(old, made, heads), made, True))
        offset += len(made)
        assert len(made) % size == 0
    return Chunk(plans, sections, b"".join(section.result for section in sections))


# --- faults


@dataclass
class Wrong:
    name: str
    what: str
    dtype: str
    plan: PlannedBlocks
    blocks: int = 2  # of the result

    def patch(self, base: bytes) -> bytes:
        """A section that makes bytes which are those of the base, again and again, if it makes any."""
        length = self.blocks * GRIDS[self.dtype].bytes
        plans: list[Plan] = []
        result = b""
        while len(result) < length:
            part = base[:length - len(result)]
            plans.append(from_section(0, len(part), 0))
            result += part
        payload = BlocksMaker(self.dtype).write(result, result, [self.plan])
        chunk = Chunk(plans, [Section(3, CODES[self.dtype], payload, result, True)], result)
        return make_patch(base, result, body_of([chunk.record(base, 0)]), features=4)


def head(blocks: int = 2, row_blocks: int = 1, ranks: int = 1, **fields: object) -> PlannedBlocks:
    return PlannedBlocks(blocks, True, row_blocks, ranks, **fields)  # type: ignore[arg-type]


def wrong_pieces() -> Iterator[Wrong]:
    """Stored as vectors: one for each kind of rule."""
    yield Wrong("nothing", "no blocks", "q8_0", plain(0))
    yield Wrong("past-end", "3 blocks of 2", "q8_0", plain(3))
    yield Wrong("row", "3 blocks in a row, of 2", "q8_0", head(row_blocks=3))
    yield Wrong("ranks", "33 of 32 columns", "q8_0", head(ranks=33))
    yield Wrong("exponent", "17", "q8_0", head(exponent=MAX_EXPONENT + 1))


def more_wrong_pieces() -> Iterator[Wrong]:
    """Not stored."""
    yield Wrong("row-0", "0", "q8_0", head(row_blocks=0))
    yield Wrong("ranks-65", "65", "q8_0", head(3, 3, 65), 3)
    yield Wrong("exponent-below", "-17", "q8_0", head(exponent=-MAX_EXPONENT - 1))
    yield Wrong("unit", "2^24", "q8_0", head(units=[MAX_UNIT + 1]))
    yield Wrong("factor", "32,768", "q8_0", head(units=[1], column_factors=[[MAX_FACTOR + 1]]))
    yield Wrong("factor-of-row", "-32,768", "q8_0",
                head(units=[1], column_factors=[[0] * 32], row_factors=[[-MAX_FACTOR - 1]]))
    yield Wrong("columns", "2^14 + 32", "q4_0", head(513, 513), 513)
    yield Wrong("factors", "64 * 2,080", "q4_0", head(65, 65, 64), 65)


def bad(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    for wrong in wrong_pieces():
        yield f"blocks-{wrong.name}", "corrupt_data", f"{wrong.dtype}: {wrong.what}", wrong.patch(base)
