"""Sections of codec 7: those of the good vectors, and faults."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cases import Case, read
from mixed import BASE, BYTES, CHANNELS, DENSE, ROW, ROWS, SPARSE, WIDEST, Source
from mixed_maker import MixedMaker, PlannedPiece
from patch_maker import Chunk, Section, body_of, chunk_records, from_section, make_patch
from values import CODE, FLOAT, TYPES
from values_cases import CODES, NUMBERS, old_numbers

FEATURES = 1 << 7
NAMES = [name for name, type_ in TYPES.items() if type_.bytes <= WIDEST]

# The example of mixed.md, section 15: a row of two floats, and a byte.
EXAMPLE_NEW = struct.pack("<2HB", 0x3C00, 0xB802, 0x2B)
EXAMPLE = [PlannedPiece(2, greatest=15, row=2, channels=2, sources=[Source(CHANNELS, 1, -512)],
                        made=EXAMPLE_NEW[:4]),
           PlannedPiece(1, BYTES, made=EXAMPLE_NEW[4:])]


def usual(name: str, generator: random.Random, count: int) -> list[int]:
    """Elements such as models have, with some that are odd, as their bits."""
    type_ = TYPES[name]
    odd = old_numbers(type_, generator, 20)
    if type_.kind == FLOAT:
        bias = (1 << type_.e - 1) - 1
        made = [(bias - int(generator.expovariate(0.7)) - 1 << type_.m) + generator.randrange(1 << type_.m)
                + generator.randrange(2) * (1 << type_.w - 1) for _ in range(count)]
    else:
        spread = 1 << type_.w - 3 if type_.w < 32 else 1 << 20
        made = [round(generator.gauss(0, spread / 2)) % (1 << type_.w) for _ in range(count)]
    for i in generator.sample(range(count), len(odd)):
        made[i] = odd.pop()
    return made


def pieces_of(name: str, generator: random.Random, has_base: bool) -> list[PlannedPiece]:
    """A dense and a sparse piece, the last row of each not whole, and bytes that are no element."""
    type_ = TYPES[name]
    pieces = []
    for method, count, channels in ((DENSE, 47, 4), (SPARSE, 29, 12)):
        zero = generator.randrange(-20, 20) if type_.kind == CODE else 0
        elements = usual(name, generator, count)
        if method == SPARSE:
            elements = [u if generator.random() < 0.6 else zero % (1 << type_.w) for u in elements]
        sources = [Source(CHANNELS, 1, 300), Source(ROW, 2, -200), Source(ROWS, 1, 500)]
        if has_base:
            sources = [Source(BASE, 0, 700), *sources[method:]]
        greatest = (1 << type_.e - 1) - 2 if type_.kind == FLOAT else 0
        made = b"".join(u.to_bytes(type_.bytes, "little") for u in elements)
        pieces.append(PlannedPiece(count, method, zero, greatest, 12, channels, generator.randrange(-900, 900),
                                   sources, made))
    if type_.bytes > 1:
        pieces.append(PlannedPiece(1, BYTES, made=b"\x2A"))
    return pieces


def every_dtype(base: bytes) -> Chunk:
    generator = random.Random(31)
    plans, sections = [], []
    for number, name in enumerate(NAMES):
        has_base = number % 2 == 0
        pieces = pieces_of(name, generator, has_base)
        made = b"".join(piece.made for piece in pieces)
        old = base[:len(made)] if has_base else None
        payload = MixedMaker(name).write(pieces, old, len(made))
        plans.append(from_section(len(sections), len(made), 0 if has_base else None))
        sections.append(Section(7, CODES[name], payload, made, has_base))
    return Chunk(plans, sections, b"".join(section.result for section in sections))


def good() -> Iterator[Case]:
    base = read(NUMBERS)

    def patch(chunk: Chunk) -> bytes:
        return make_patch(base, chunk.result, body_of(chunk_records([chunk], base)), features=FEATURES)

    chunk = every_dtype(base)
    yield Case("mixed", NUMBERS, patch(chunk), "mixed", "codec 7: every dtype, dense and sparse", chunk.result)
    payload = MixedMaker("f16").write(EXAMPLE, None, len(EXAMPLE_NEW))
    example = Section(7, CODES["f16"], payload, EXAMPLE_NEW)
    chunk = Chunk([from_section(0, len(EXAMPLE_NEW))], [example], EXAMPLE_NEW)
    yield Case("mixed-example", NUMBERS, patch(chunk), "mixed 15", "the worked example", chunk.result)


@dataclass(frozen=True)
class Wrong:
    """A piece of a section of 8 elements that no reader may take."""

    name: str
    what: str
    piece: PlannedPiece
    dtype: str = "i8"
    has_base: bool = False

    def patch(self, base: bytes) -> bytes:
        length = 8 * TYPES[self.dtype].bytes
        payload = MixedMaker(self.dtype).write([self.piece], base[:length] if self.has_base else None, length)
        return patch_of(base, self.dtype, payload, length, self.has_base)


def patch_of(base: bytes, name: str, payload: bytes, length: int, has_base: bool = False,
             features: int = FEATURES) -> bytes:
    """One section, whose result is said to be zeros."""
    made = bytes(length)
    section = Section(7, CODES[name], payload, made, has_base)
    chunk = Chunk([from_section(0, length, 0 if has_base else None)], [section], made)
    return make_patch(base, made, body_of([chunk.record(base, 0)]), features=features)


def zeros(**fields: object) -> PlannedPiece:
    """Two rows of four, of two channels each."""
    values = {"elements": 8, "row": 4, "channels": 2, "made": bytes(8), **fields}
    return PlannedPiece(**values)  # type: ignore[arg-type]


def wrong_pieces() -> Iterator[Wrong]:
    yield Wrong("elements", "9 of 8", zeros(elements=9))
    yield Wrong("row", "9 of 8", zeros(row=9))
    yield Wrong("no-base", "a source in it", zeros(sources=[Source(BASE)]))
    yield Wrong("distance", "3 of 2 rows", zeros(sources=[Source(ROWS, 3, 1)]))


def more_wrong_pieces() -> Iterator[Wrong]:
    """Not stored."""
    yield Wrong("nothing", "no elements", zeros(elements=0))
    yield Wrong("bytes", "9 of 8", zeros(elements=9, method=BYTES))
    yield Wrong("method", "3", zeros(method=3))
    for zero in (-129, 256):
        yield Wrong("zero", str(zero), zeros(zero=zero))
    yield Wrong("greatest", "256", zeros(greatest=256), "f32")
    yield Wrong("no-row", "0", zeros(row=0))
    yield Wrong("channels", "5 of 4", zeros(channels=5))
    yield Wrong("no-channels", "0", zeros(channels=0))
    for mean in (-65537, 65537):
        yield Wrong("mean", str(mean), zeros(mean=mean))
    yield Wrong("sources", "7", zeros(sources=[Source(BASE)] * 7), has_base=True)
    yield Wrong("no-distance", "0", zeros(sources=[Source(ROWS, 0, 1)]))
    for weight in (-16385, 16385):
        yield Wrong("weight", str(weight), zeros(sources=[Source(ROWS, 1, weight)]))


def bad(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    for wrong in wrong_pieces():
        yield f"mixed-{wrong.name}", "corrupt_data", wrong.what, wrong.patch(base)
    payload = MixedMaker("i8").write([zeros()], None, 8)
    yield "undeclared-mixed", "malformed", "bit 7 clear", patch_of(base, "i8", payload, 8, features=3)
    yield "mixed-dtype", "corrupt_data", "f64", patch_of(base, "f64", payload, 8)
    yield "mixed-too-long", "corrupt_data", "nine bytes more", patch_of(base, "i8", payload + bytes(8) + b"\1", 8)
    # Zeros stand for what is missing; at some time a reader has had enough of them.
    noise = bytes(i * i % 251 for i in range(90))
    long = MixedMaker("i8").write([PlannedPiece(90, row=30, channels=30, made=noise)], None, 90)
    yield "mixed-too-short", "corrupt_data", "half of its bytes", patch_of(base, "i8", long[:len(long) // 2], 90)
