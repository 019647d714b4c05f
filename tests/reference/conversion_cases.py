"""Patches with sections whose base is converted to another dtype."""

from __future__ import annotations

import random
from collections.abc import Iterator

import conversions
import values_cases
from dtypes import NAMES, NUMBERS, layout
from lanes import Lanes, convert_lanes
from patch_maker import Chunk, Section, copy, from_section
from planes import decode_planes
from structure import STRAIGHT


def conversions_of(base: bytes, to_zero: bool) -> Iterator[Chunk]:
    """A section for each conversion, in chunks of up to 60: what it makes, or near it."""
    generator = random.Random(31)
    pairs = [(NUMBERS[source] | 0x80 * to_zero, NUMBERS[name]) for source in conversions.FROM
             for name in conversions.TO]
    pairs = [pair for pair in pairs if conversions.exists(*pair)]
    for at in range(0, len(pairs), 60):
        plans, sections = [], []
        for index, (conversion, dtype) in enumerate(pairs[at:at + 60]):
            elements, size = conversions.block_of(NAMES[dtype])
            length = 256 // elements * size if elements > 1 or index % 2 else 256 * size
            seen = conversions.base_length(conversion, dtype, length)
            offset = generator.randrange(len(base) - seen)
            old = conversions.convert(conversion, dtype, base[offset:offset + seen])
            payload, codec, made = b"", 0, old
            if index % 10 == 3:
                payload, codec = b"\1" + b"\1\2" * len(planes_of(dtype)), 2
                made = decode_planes(dtype, payload, old, length)
            sections.append(Section(codec, dtype, payload, made, True, conversion=conversion))
            plans.append(from_section(index, length, offset))
        yield Chunk(plans, sections, b"".join(section.result for section in sections))


def planes_of(dtype: int) -> list[int]:
    """One for each plane of codec 2."""
    return [1 for field in layout(dtype).fields for _ in range(field.width)]


def parts_of_conversions(base: bytes) -> Chunk:
    """A section that steps share, beside sections of its dtype that are not converted; every address."""
    q8_0, f32 = NUMBERS["q8_0"], NUMBERS["f32"]

    def made(offset: int, length: int) -> bytes:
        return conversions.convert(q8_0, f32, base[offset:offset + length])

    shared = Section(0, f32, b"", made(300, 68) + made(368, 34) + made(50, 34), True, conversion=q8_0)
    plain = Section(0, f32, base[8:16], base[8:16], True)
    alone = Section(0, f32, b"alone..." * 2, b"alone..." * 2)
    plans = [from_section(0, 256, 300), from_section(0, 128, 368, STRAIGHT), copy(402, 9, STRAIGHT),
             from_section(2, 16), from_section(1, 8, 8), from_section(0, 128, 50)]
    first = shared.result
    return Chunk(plans, [shared, plain, alone],
                 first[:384] + base[402:411] + alone.result + plain.result + first[384:])


def signs_of(base: bytes) -> Chunk:
    """Codes with sign and without become each other."""
    plans, sections = [], []
    for index, (source, target) in enumerate(conversions.SIGNS):
        offset, length = 11 * index, 9 + index
        made = conversions.convert(NUMBERS[source], NUMBERS[target], base[offset:offset + length])
        payload, codec = b"", 0
        if index % 2:
            payload, codec = b"\1" + b"\1\2" * len(planes_of(NUMBERS[target])), 2
            made = decode_planes(NUMBERS[target], payload, made, length)
        sections.append(Section(codec, NUMBERS[target], payload, made, True, conversion=NUMBERS[source]))
        plans.append(from_section(index, length, offset))
    return Chunk(plans, sections, b"".join(section.result for section in sections))


def lanes_of(base: bytes) -> Chunk:
    """Codes from floats of all types by every rounding, and floats from codes; lanes of every order."""
    generator = random.Random(37)
    plans, sections = [], []
    for index, (source, target, flags) in enumerate((
            ("f32", "i8", 0), ("f16", "u8", 1), ("bf16", "i8", 2), ("f64", "u8", 4), ("f32", "i8", 7),
            ("i8", "f32", 0), ("u8", "f16", 0), ("i8", "f64", 0))):
        type_, elements = values_cases.TYPES[source], 9 + generator.randrange(9)
        offset = values_cases.offset_of(source) + generator.randrange(4) * type_.bytes
        old = base[offset:offset + type_.bytes * elements]
        run, count = 1 + generator.randrange(4), 1 + generator.randrange(2)
        lanes = Lanes(run, count, [], generator.randrange(run), generator.choice((0, -128, 3, 255)), flags)
        if not flags & 1:
            lanes.scales = [conversions.quotient(conversions.ONE, conversions.small(generator.randrange(9, 99)))
                            for _ in range(count)]
        made = convert_lanes(NUMBERS[source], NUMBERS[target], lanes, old)
        sections.append(Section(0, NUMBERS[target], b"", made, True, conversion=NUMBERS[source], lanes=lanes))
        plans.append(from_section(index, len(made), offset))
    return Chunk(plans, sections, b"".join(section.result for section in sections))
