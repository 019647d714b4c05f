"""Sections of codec 4: those of the good vectors, and faults."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cases import Case, read
from dtypes import NAMES
from moves import Place
from patch_maker import Chunk, Plan, Section, body_of, chunk_records, from_section, make_patch
from residuals import MAX_COLUMNS, MAX_FACTOR, MAX_FACTORS, MAX_RANKS, MAX_UNIT
from values import (BYTES, CODE, COLUMN, DIRECT, FLOAT, HALVES, MAX_EXPONENT, MAX_GAIN, PREDICTED, ROW, SPARSE, TYPES,
                    Type, ValuesDecoder)
from values_maker import PlannedPiece, ValuesMaker

NUMBERS = "vectors/patch/base/numbers"
CODES = {name: number for number, name in NAMES.items()}

# The example of values.md, section 15: a matrix of two rows, the second half as large again, and a byte.
EXAMPLE_OLD = struct.pack("<4eB", 1.0, -0.5, 0.25, 2.0, 0x2A)
EXAMPLE_NEW = struct.pack("<4HB", 0x3C00, 0xB802, 0x3601, 0x4265, 0x2B)
EXAMPLE = [PlannedPiece(4, PREDICTED, columns=2, axis=ROW, gains=[4096, 6144], made=EXAMPLE_NEW[:8]),
           PlannedPiece(1, BYTES, made=EXAMPLE_NEW[8:])]

# What NUMBERS holds for each dtype, in the order of TYPES, behind the example: a matrix of 4 rows.
ROWS, COLUMNS = 4, 5


def old_numbers(type_: Type, generator: random.Random, count: int = ROWS * COLUMNS) -> list[int]:
    """Elements as their bits: such as models have, and the ends of all ranges."""
    w = type_.w
    if type_.kind != FLOAT:
        width = min(w, 24)
        usual = [generator.randrange(-1 << width - 2, 1 << width - 2) % (1 << w) for _ in range(count - 4)]
        return usual + [0, (1 << w) - 1, 1 << w - 1, (1 << w - 1) - 1]
    infinity, sign = ((1 << type_.e) - 1) << type_.m, 1 << w - 1
    odd = [0, sign, 1, sign + 3, infinity - 1, infinity, sign + infinity, infinity + 1]  # 1, 3: subnormal
    bias = (1 << type_.e - 1) - 1
    usual = [(bias - generator.randrange(1, 7) << type_.m) + generator.randrange(1 << type_.m)
             + sign * generator.randrange(2) for _ in range(count - len(odd))]
    return usual + odd


def numbers() -> bytes:
    """The file NUMBERS."""
    generator = random.Random(29)
    return EXAMPLE_OLD + b"".join(u.to_bytes(type_.bytes, "little") for type_ in TYPES.values()
                                  for u in old_numbers(type_, generator))


def offset_of(name: str) -> int:
    """Of the matrix of that type in NUMBERS."""
    types = list(TYPES)
    return len(EXAMPLE_OLD) + ROWS * COLUMNS * sum(TYPES[other].bytes for other in types[:types.index(name)])


class Teller(ValuesDecoder):
    """Tells what is predicted: every residual is 0."""

    def __init__(self, name: str, plan: PlannedPiece) -> None:
        super().__init__(name, None)  # type: ignore
        self.told_gains, self.told_units = iter(plan.gains), iter(plan.units)
        self.told_factors = iter(plan.factors())

    def decode_gain(self) -> int:
        return next(self.told_gains)

    def decode_unit(self) -> int:
        return next(self.told_units)

    def decode_factor(self, spread: object) -> int:
        return next(self.told_factors)

    def decode_code(self, predicted: int, bounds: tuple[int, int], setting: int) -> int:
        return min(max(predicted + 2048 >> 12, bounds[0]), bounds[1])

    def decode_residual(self, *_: object, **__: object) -> int:
        return 0

    def decode_predicted_float(self, place: Place) -> tuple[int, int]:
        return self.type.float(place.guess), 0


@dataclass(frozen=True)
class Form:
    """How the predicted piece of a dtype is made."""

    axis: int = 0
    ranks: int = 0
    base_zero: int = 0
    result_zero: int = 0


FORMS = {"i8": Form(COLUMN, 2, 7, -3), "u8": Form(ROW, 0, 128, 131), "i16": Form(COLUMN), "u16": Form(ROW, 1),
         "i32": Form(ROW), "u32": Form(0, 1), "f16": Form(COLUMN, 1), "bf16": Form(ROW, 1), "f32": Form(0, 2)}


def predicted_piece(name: str, base: bytes, generator: random.Random, rows: int = ROWS,
                    columns: int = COLUMNS) -> PlannedPiece:
    """What gains and ranks make of `base`, with a little noise; the last row is not whole."""
    type_, form = TYPES[name], FORMS.get(name, Form())
    plan = PlannedPiece(rows * columns - 1, PREDICTED, form.result_zero, form.base_zero, columns=columns,
                        axis=form.axis, ranks=form.ranks)
    if form.axis:
        gains = [type_.one, type_.one * 9 // 8, type_.one * 9 // 8, type_.one - 37, type_.one * 2]
        plan.gains = [gains[i % 5] for i in range(rows if form.axis == ROW else columns)]
    if form.ranks:
        plan.exponent = (1 << type_.e - 1) + type_.m - 28 if type_.kind == FLOAT else 0
        plan.units = [generator.randrange(4000, 12000) for _ in range(form.ranks)]

        def factors(count: int) -> list[int]:
            return [generator.randrange(-40, 41) for _ in range(count)]

        plan.column_factors = [factors(columns) for _ in plan.units]
        plan.row_factors = [factors(form.ranks) for _ in range(rows)]
    noise = [0, 0, 0, 1, -1, 3, -(1 << min(type_.w // 3, 9))]
    for number in Teller(name, plan).decode_predicted(plan, base):
        number += generator.choice(noise)
        if type_.kind == CODE:
            number = min(max(number, -128 if type_.is_signed else 0), 127 if type_.is_signed else 255)
        plan.made += (number % (1 << type_.w)).to_bytes(type_.bytes, "little")
    return plan


def direct_piece(name: str, base: bytes) -> PlannedPiece:
    """The last elements of `base`: those that are odd."""
    type_ = TYPES[name]
    plan = PlannedPiece(8, DIRECT, FORMS.get(name, Form()).result_zero, made=base[-8 * type_.bytes:])
    if type_.kind == FLOAT:
        plan.greatest = (1 << type_.e) - 1
    return plan


def sparse_piece(name: str) -> PlannedPiece:
    """Zeros in such runs that probabilities end up as slow as they get."""
    zero = FORMS[name].result_zero
    numbers = [0] * 9 + [5, 0, 0, -128, 127, 0, -1, 0, 0, 0, 1] + [0] * 200 + [2] + [0] * 9
    return PlannedPiece(len(numbers), SPARSE, zero, made=bytes((x + zero) % 256 for x in numbers))


def every_type(base: bytes) -> Chunk:
    """A section of each dtype, by two steps; the last one has no prediction."""
    generator = random.Random(31)
    plans, sections = [], []
    offset = len(EXAMPLE_OLD)
    for name, type_ in TYPES.items():
        length = ROWS * COLUMNS * type_.bytes
        old = base[offset:offset + length]
        pieces = [predicted_piece(name, old, generator), direct_piece(name, old)]
        if type_.kind == CODE:
            pieces.append(sparse_piece(name))
        pieces.append(PlannedPiece(3, BYTES, made=b"end"))
        cut = len(pieces[0].made)
        made = b"".join(piece.made for piece in pieces)
        plans += [from_section(len(sections), cut, offset),
                  from_section(len(sections), len(made) - cut, 0)]
        payload = ValuesMaker(name).write(pieces, old[:cut] + base[:len(made) - cut])
        sections.append(Section(4, CODES[name], payload, made, has_base=True))
        offset += length
    alone = direct_piece("f16", struct.pack("<8e", 1, 0.1, -0.25, 3.5, 0.0, -0.0, 6e-8, 65504))
    alone.greatest = 30
    plans.append(from_section(len(sections), len(alone.made)))
    sections.append(Section(4, CODES["f16"], ValuesMaker("f16").write([alone], None), alone.made))
    return Chunk(plans, sections, b"".join(plan_bytes(plans, sections)))


def restless_piece(name: str, base: bytes, generator: random.Random, **fields: object) -> PlannedPiece:
    """Floats that go far from those of `base`, next to zero, or stay what they are."""
    type_ = TYPES[name]
    made = b""
    for at in range(0, ROWS * COLUMNS * type_.bytes, type_.bytes):
        old = int.from_bytes(base[at:at + type_.bytes], "little")
        bias = (1 << type_.e - 1) - 1
        usual = (bias - generator.randrange(4) << type_.m) + generator.randrange(1 << type_.m)
        small = generator.randrange(1 << generator.randrange(1, type_.w))
        sign = generator.randrange(2) << type_.w - 1
        made += generator.choice([old, usual | sign, usual | sign, small]).to_bytes(type_.bytes, "little")
    return PlannedPiece(ROWS * COLUMNS, PREDICTED, columns=COLUMNS, made=made, **fields)  # type: ignore[arg-type]


def grains(base: bytes) -> Chunk:
    """Floats of which the least are not told apart: a section of each dtype that has grains, by three steps."""
    generator = random.Random(37)
    plans, sections = [], []
    offset = len(EXAMPLE_OLD)
    for name, type_ in TYPES.items():
        length = ROWS * COLUMNS * type_.bytes
        old = base[offset:offset + length]
        if type_.kind == FLOAT and type_.one is not None:
            gains = [type_.one, type_.one * 7 // 8, type_.one * 3, type_.one]
            pieces = [restless_piece(name, old, generator), restless_piece(name, old, generator),
                      restless_piece(name, old, generator, axis=ROW, gains=gains)]
            plans += [from_section(len(sections), length, offset) for _ in pieces]
            payload = ValuesMaker(name).write(pieces, old * 3)
            sections.append(Section(4, CODES[name], payload, b"".join(piece.made for piece in pieces), True))
        offset += length
    return Chunk(plans, sections, b"".join(plan_bytes(plans, sections)))


def halves(base: bytes) -> Chunk:
    """Codes of four bits by every method; rows that begin within a byte."""
    generator = random.Random(41)
    plans, sections = [], []
    for name, type_ in HALVES.items():
        zero, low = (2, -8) if type_.is_signed else (9, 0)
        old = base[:7]
        numbers = [type_.number(u) for u in type_.elements(old)]
        moved = [min(max(number + generator.choice((0, 0, 1, -1, 9)), low), low + 15) for number in numbers]
        gains = [type_.one, type_.one * 9 // 8, type_.one * 2] if type_.is_signed else [3000, 4096, 4096, 5000, 3000]
        pieces = [PlannedPiece(14, PREDICTED, zero, 1, columns=5, axis=ROW if type_.is_signed else COLUMN,
                               made=type_.joined(moved), gains=gains),
                  PlannedPiece(6, DIRECT, zero, made=base[30:33]),
                  PlannedPiece(8, SPARSE, zero, made=type_.joined([zero, zero, low, zero, low + 15, zero, 1, zero])),
                  PlannedPiece(1, BYTES, made=b"!")]
        made = b"".join(piece.made for piece in pieces)
        plans.append(from_section(len(sections), len(made), 0))
        payload = ValuesMaker(name).write(pieces, base[:len(made)])
        sections.append(Section(4, CODES[name], payload, made, True))
    return Chunk(plans, sections, b"".join(plan_bytes(plans, sections)))


def plan_bytes(plans: list[Plan], sections: list[Section]) -> Iterator[bytes]:
    taken = [0] * len(sections)
    for plan in plans:
        at = taken[plan.section]
        taken[plan.section] += plan.length
        yield sections[plan.section].result[at:at + plan.length]


def good() -> Iterator[Case]:
    base = read(NUMBERS)

    def case(name: str, what: str, chunk: Chunk, features: int = 8) -> Case:
        data = make_patch(base, chunk.result, body_of(chunk_records([chunk], base)), features=features)
        return Case(name, NUMBERS, data, "values", what, chunk.result)

    example = Section(4, CODES["f16"], ValuesMaker("f16").write(EXAMPLE, EXAMPLE_OLD), EXAMPLE_NEW, True)
    yield case("values-example", "the worked example: a matrix of f16, and a byte",
               Chunk([from_section(0, len(EXAMPLE_NEW), 0)], [example], EXAMPLE_NEW))
    yield case("values", "every dtype of codec 4 by every method: gains, ranks, zero points, odd floats",
               every_type(base))
    yield case("values-grains", "floats that go far, next to zero, or stay", grains(base))
    yield case("values-halves", "i4 and u4 by every method", halves(base), 0x20008)


# --- faults


class WrongCode(ValuesMaker):
    """Writes a code below its bounds."""

    def decode_code(self, predicted: int, bounds: tuple[int, int], setting: int) -> int:
        self.elements.appendleft(bounds[0] - 1)
        return super().decode_code(predicted, bounds, setting)


class WrongKind(ValuesMaker):
    """Writes kind 3 of a gain."""

    def decode_gain_kind(self) -> int:
        self.encoder.want_tree(3, 2)
        return ValuesDecoder.decode_gain_kind(self)


@dataclass
class Wrong:
    name: str
    what: str
    dtype: str
    plan: PlannedPiece
    length: int = 4  # of the result
    has_base: bool = True
    maker: type[ValuesMaker] = ValuesMaker

    def patch(self, base: bytes) -> bytes:
        payload = self.maker(self.dtype).write([self.plan], base if self.has_base else None, self.length)
        features = 0x20008 if self.dtype in HALVES else 8
        return patch_of(base, CODES[self.dtype], payload, self.length, self.has_base, features)


def patch_of(base: bytes, dtype: int, payload: bytes, length: int, has_base: bool = True,
             features: int = 8) -> bytes:
    """A section that makes bytes which are those of the base, again and again, if it makes any."""
    plans, result = [], b""
    while len(result) < length:
        part = base[:length - len(result)]
        plans.append(from_section(0, len(part), 0 if has_base else None))
        result += part
    chunk = Chunk(plans, [Section(4, dtype, payload, result, has_base)], result)
    return make_patch(base, result, body_of([chunk.record(base, 0)]), features=features)


def predicted_codes(**fields: object) -> PlannedPiece:
    return PlannedPiece(4, PREDICTED, **fields)  # type: ignore[arg-type]


def wrong_pieces() -> Iterator[Wrong]:
    """Stored as vectors: one for each kind of rule."""
    yield Wrong("past-end", "5 elements of 4", "i8", PlannedPiece(5, DIRECT))
    yield Wrong("sparse", "of floats", "f32", PlannedPiece(1, SPARSE))
    yield Wrong("no-prediction", "method predicted", "i8", predicted_codes(), has_base=False)
    yield Wrong("zero", "256", "u8", PlannedPiece(4, DIRECT, 256))
    yield Wrong("greatest", "32", "f16", PlannedPiece(2, DIRECT, greatest=32))
    yield Wrong("columns", "5 of 4 elements", "i8", predicted_codes(columns=5))
    yield Wrong("gain-kind", "3", "i8", predicted_codes(axis=ROW, gains=[0]), maker=WrongKind)
    yield Wrong("gain", "0", "i8", predicted_codes(axis=ROW, gains=[0]))
    yield Wrong("unit", "2^24", "i8", predicted_codes(ranks=1, units=[MAX_UNIT + 1]))
    yield Wrong("factor", "32,768", "i8",
                predicted_codes(ranks=1, units=[1], column_factors=[[MAX_FACTOR + 1]]))
    yield Wrong("code", "-129", "i8", predicted_codes(), maker=WrongCode)


def more_wrong_pieces() -> Iterator[Wrong]:
    """Not stored."""
    yield Wrong("half-a-byte", "3 elements", "i4", PlannedPiece(3, DIRECT))
    yield Wrong("halves-past-end", "10 in 4 bytes", "u4", PlannedPiece(10, DIRECT))
    yield Wrong("nothing", "no elements", "i8", PlannedPiece(0, DIRECT))
    yield Wrong("bytes-past-end", "5 bytes of 4", "f32", PlannedPiece(5, BYTES))
    yield Wrong("half-past-end", "2 f32 in 7 bytes", "f32", PlannedPiece(2, DIRECT), length=7)
    yield Wrong("zero-below", "-129", "i8", PlannedPiece(4, SPARSE, -129))
    yield Wrong("base-zero", "256", "i8", predicted_codes(base_zero=256))
    yield Wrong("columns-0", "0", "i8", predicted_codes(columns=0))
    yield Wrong("axis", "3", "i8", predicted_codes(axis=3))
    yield Wrong("ranks", "65", "i8", PlannedPiece(65, PREDICTED, columns=65, ranks=MAX_RANKS + 1), 65)
    yield Wrong("ranks-columns", "2 of 1 columns", "i8", predicted_codes(ranks=2))
    for exponent in (-MAX_EXPONENT - 1, MAX_EXPONENT + 1):
        yield Wrong("exponent", str(exponent), "f16", PlannedPiece(2, PREDICTED, ranks=1, exponent=exponent))
    yield Wrong("gain-above", "32 and a bit", "i8", predicted_codes(axis=ROW, gains=[(MAX_GAIN << 12) + 1]))
    yield Wrong("gain-below", "-32 and a bit", "i8", predicted_codes(axis=ROW, gains=[(-MAX_GAIN << 12) - 1]))
    yield Wrong("gain-above-integer", "32 and a bit", "i16",
                PlannedPiece(2, PREDICTED, axis=COLUMN, gains=[(MAX_GAIN << 24) + 1]))
    yield Wrong("factor-below", "-32,768", "i8",
                predicted_codes(ranks=1, units=[1], column_factors=[[-MAX_FACTOR - 1]]))
    yield Wrong("factor-wraps", "2^64 - 1", "i8",
                predicted_codes(ranks=1, units=[1], column_factors=[[(1 << 64) - (1 << 20)]]))
    many = MAX_COLUMNS + 1
    for name, fields in (("columns-axis", {"axis": COLUMN}), ("columns-ranks", {"ranks": 1})):
        yield Wrong(name, "2^14 + 1", "u8", PlannedPiece(many, PREDICTED, columns=many, **fields), many)
    many = MAX_FACTORS // MAX_RANKS + 1
    yield Wrong("factors", "64 * 2,049", "u8",
                PlannedPiece(many, PREDICTED, columns=many, ranks=MAX_RANKS), many)


def bad(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    for wrong in wrong_pieces():
        yield f"values-{wrong.name}", "corrupt_data", f"{wrong.dtype}: {wrong.what}", wrong.patch(base)
    payload = ValuesMaker("u8").write([PlannedPiece(4, DIRECT, made=base[:4])], base)
    yield "values-bool", "corrupt_data", "it is no number", patch_of(base, CODES["bool"], payload, 4)
    yield "undeclared-values", "malformed", "bit 3 clear", patch_of(base, CODES["u8"], payload, 4, features=7)
    payload = ValuesMaker("u8").write([PlannedPiece(26, DIRECT, made=base)], base)
    yield "values-too-short", "corrupt_data", "12 bytes less", patch_of(base, CODES["u8"], payload[:-12], 26)
