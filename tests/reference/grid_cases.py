"""Sections of codec 9: those of the good vectors, and faults."""

from __future__ import annotations

import contextlib
import random
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from blocks import place_of
from cases import Case, read
from conversions import f32
from faults import Fault
from grid import (BF16, CODEBOOK, F16, OTHER, SCALED, SHORT, SIGN, GridDecoder, Piece, lengthened, order, parts,
                  short_type, shortened)
from patch_maker import Chunk, RangeEncoder, Section, body_of, chunk_records, from_section, make_patch
from rank_maker import want_code, want_residual
from residuals import NOT_ROUNDED, signed
from values import PREDICTED, TYPES, Type
from values_cases import CODES, NUMBERS
from values_maker import PlannedPiece as ValuesPiece
from values_maker import ValuesMaker

FEATURES = 1 << 21
F32 = TYPES["f32"]


@dataclass
class PlannedPiece(Piece):
    """A head, and what is to be found behind it."""

    scales: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    zeros: list[int] = field(default_factory=list)  # signs of codes that are 0


class GridMaker(GridDecoder):
    """Writes sections of codec 9: the decoder, told beforehand what it is to find."""

    def __init__(self, short: tuple[int, int] = (F16, 0)) -> None:
        self.encoder = RangeEncoder()
        super().__init__(self.encoder)  # type: ignore
        self.wanted_short = short

    def write(self, plans: list[PlannedPiece], base: list[int] | None, count: int) -> tuple[bytes, list[list[int]]]:
        """The points. Stops, as a reader does, where one is wrong."""
        at, made = 0, []
        with contextlib.suppress(Fault):
            for plan in plans:
                self.expect(plan)
                piece = self.decode_head(base is not None, count - at)
                made.append(self.decode_points(piece, base and base[at:at + piece.elements]))
                at += piece.elements
        self.encoder.wanted.clear()
        return self.encoder.coded(), made

    def expect(self, plan: PlannedPiece) -> None:
        self.wanted = {"elements": plan.elements, "low": -plan.low, "run": plan.run, "lanes": plan.lanes,
                       "first": plan.first, "divisor": plan.divisor, "kind": plan.kind, "span": plan.span,
                       "mantissa": self.wanted_short[0], "rounding": self.wanted_short[1], "alone": plan.alone}
        self.raw, self.scales = deque(plan.entries), deque(plan.scales)
        self.codes, self.zeros = deque(plan.codes), deque(plan.zeros)

    def decode_number(self, name: str) -> int:
        self.encoder.want_number(self.wanted[name])
        return super().decode_number(name)

    def decode_tree(self, name: str) -> int:
        self.encoder.want_tree(self.wanted[name], self.trees[name].bits)
        return super().decode_tree(name)

    def decode_bit(self, name: str) -> int:
        self.encoder.wanted.append(self.wanted[name])
        return super().decode_bit(name)

    def decode_raw(self, bits: int) -> int:
        self.encoder.want_tree(self.raw.popleft(), bits)
        return super().decode_raw(bits)

    def decode_scale(self, expected: int) -> int:
        residual = signed(order(self.scales.popleft()) - order(expected), 32)
        want_residual(self.encoder, self.scale_model.place(0, NOT_ROUNDED, self.scale_spread)[1], residual)
        return super().decode_scale(expected)

    def decode_code(self, place: int, bounds: tuple[int, int], setting: int) -> int:
        want_code(self.encoder, place_of(place, bounds), self.codes.popleft())
        return super().decode_code(place, bounds, setting)

    def decode_alone_code(self, bounds: tuple[int, int]) -> int:
        self.encoder.want_tree(self.codes.popleft() - bounds[0], 8)
        return super().decode_alone_code(bounds)

    def decode_below_zero(self, context: int) -> int:
        self.encoder.wanted.append(self.zeros.popleft())
        return super().decode_below_zero(context)


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number % 128 | 128]) + varint(number >> 7)


def inner(type_: str | Type, old: list[int] | None, new: list[int]) -> bytes:
    """A section of codec 4, of one piece: with a base predicted, else its greatest field is the largest there is."""
    if not new:
        return b""
    maker = ValuesMaker(type_)
    piece = ValuesPiece(len(new), made=maker.type.joined(new))
    if old is None:
        piece.greatest = (1 << maker.type.e) - 1
        return maker.write([piece], None, len(piece.made))
    piece.method, piece.columns, piece.gains = PREDICTED, len(new), [maker.type.one or 0]
    return maker.write([piece], maker.type.joined(old), len(piece.made))


def payload_of(plans: list[PlannedPiece], base: list[int] | None, short: tuple[int, int],
               generator: random.Random) -> tuple[bytes, bytes]:
    """A section, and its result; what lies on no grid is that of the base but for the lowest bits."""
    count = sum(plan.elements for plan in plans)
    points, found = GridMaker(short).write(plans, base, count)
    assert len(found) == len(plans)
    old = base or [generator.randrange(1 << 32) for _ in range(count)]
    moved: dict[int, list[int]] = {SHORT: [], OTHER: []}
    kept: dict[int, list[int]] = {SHORT: [], OTHER: []}
    made, at = [], 0
    for plan, elements in zip(plans, found):
        if plan.kind in kept:
            mine = old[at:at + plan.elements]
            kept[plan.kind] += [shortened(*short, u) for u in mine] if plan.kind == SHORT else mine
            new = [u ^ generator.randrange(4) for u in kept[plan.kind][-plan.elements:]]
            moved[plan.kind] += new
            elements = [lengthened(short[0], u) for u in new] if plan.kind == SHORT else new
        made += elements
        at += plan.elements
    kinds = ((SHORT, short_type(short[0])), (OTHER, F32))
    shorts, others = (inner(type_, base and kept[kind], moved[kind]) for kind, type_ in kinds)
    return varint(len(points)) + varint(len(shorts)) + points + shorts + others, F32.joined(made)


def scaled(base: list[int] | None, generator: random.Random, **fields: int) -> PlannedPiece:
    """Codes near those that scales make of the base, or any."""
    plan = PlannedPiece(kind=SCALED, low=-100, span=220, alone=int(base is None), **fields)
    plan.scales = [f32(0, Fraction(generator.randrange(1, 1 << 20), 1 << 26)) for _ in range(plan.lanes)]
    for i in range(plan.elements):
        code = generator.randrange(-100, 121)
        if base is not None and not plan.alone:
            s, e = parts(plan.scales[plan.lane(i)])
            x, exponent = parts(base[i])
            size = round(Fraction(x, s) * Fraction(2) ** (exponent - e))
            code = min(max((-size if base[i] & SIGN else size) + generator.randrange(-1, 2), -100), 120)
        plan.codes.append(code if generator.random() < 0.9 else 0)
        if plan.codes[-1] == 0:
            plan.zeros.append(generator.randrange(2))
    return plan


def codebook(count: int, base: list[int] | None, generator: random.Random) -> PlannedPiece:
    floats = [-1.5, -0.1, -0.0, 0.0, 0.03, 0.1, 7.0]
    entries = [struct.unpack("<I", struct.pack("<f", number))[0] for number in floats]
    plan = PlannedPiece(count, CODEBOOK, int(base is None), 0, len(entries) - 1, entries=entries)
    plan.codes = [generator.randrange(len(entries)) for _ in range(count)]
    return plan


def pieces_of(base: list[int] | None, generator: random.Random) -> list[PlannedPiece]:
    """Each kind, twice: one scale, rows, columns, codebooks, short floats, others."""
    def old(begin: int, count: int) -> list[int] | None:
        return None if base is None else base[begin:begin + count]
    divisor = 0 if base is None else 127
    return [scaled(old(0, 10), generator, elements=10, divisor=divisor),
            PlannedPiece(5, SHORT),
            scaled(old(15, 14), generator, elements=14, run=5, lanes=3, first=2, divisor=divisor),
            codebook(6, old(29, 6), generator),
            PlannedPiece(7, OTHER),
            scaled(old(42, 9), generator, elements=9, run=1, lanes=3, first=1),
            PlannedPiece(4, SHORT),
            codebook(3, None, generator),
            PlannedPiece(2, OTHER)]


def every_kind(base: bytes) -> Chunk:
    generator = random.Random(9)
    old = F32.elements(base[:60 * 4])
    plans, sections = [], []
    for has_base in (True, False):
        for short in ((F16, 0), (F16, 1), (BF16, 0), (BF16, 1), (10, 0), (3, 1), (22, 0)):
            payload, made = payload_of(pieces_of(old if has_base else None, generator), old if has_base else None,
                                       short, generator)
            plans.append(from_section(len(sections), len(made), 0 if has_base else None))
            sections.append(Section(9, CODES["f32"], payload, made, has_base))
    return Chunk(plans, sections, b"".join(section.result for section in sections))


# The example of grid.md, section 12: four floats near multiples of 1/4.
EXAMPLE_OLD = struct.pack("<4f", 0.5, -0.75, 0.125, 0.0)
EXAMPLE_PIECE = PlannedPiece(4, SCALED, 0, -3, 5, scales=[0x3E800000], codes=[2, -3, 1, 0], zeros=[1])
EXAMPLE_NEW = struct.pack("<4f", 0.5, -0.75, 0.25, -0.0)


def example() -> bytes:
    points, _ = GridMaker().write([EXAMPLE_PIECE], F32.elements(EXAMPLE_OLD), 4)
    return bytes([len(points), 0]) + points


def good() -> Iterator[Case]:
    base = read(NUMBERS)
    chunk = every_kind(base)
    data = make_patch(base, chunk.result, body_of(chunk_records([chunk], base)), features=FEATURES)
    yield Case("grid", NUMBERS, data, "grid", "codec 9: every kind, with a base and without", chunk.result)
    chunk = Chunk([from_section(0, 16, 0)], [Section(9, CODES["f32"], example(), EXAMPLE_NEW, True)], EXAMPLE_NEW)
    data = make_patch(EXAMPLE_OLD, EXAMPLE_NEW, body_of(chunk_records([chunk], EXAMPLE_OLD)), features=FEATURES)
    yield Case("grid-example", EXAMPLE, data, "grid 12", "the worked example", EXAMPLE_NEW)


EXAMPLE = "vectors/patch/base/quarters"


@dataclass(frozen=True)
class Wrong:
    """A piece of a section of 4 elements that no reader may take."""

    name: str
    what: str
    piece: PlannedPiece
    has_base: bool = True
    short: tuple[int, int] = (F16, 0)

    def patch(self, base: bytes) -> bytes:
        old = F32.elements(base[:16]) if self.has_base else None
        points, _ = GridMaker(self.short).write([self.piece], old, 4)
        return patch_of(base, bytes([len(points), 0]) + points, self.has_base)


def patch_of(base: bytes, payload: bytes, has_base: bool = True, features: int = FEATURES, name: str = "f32",
             length: int = 16) -> bytes:
    """One section, whose result is said to be the base."""
    made = base[:length]
    section = Section(9, CODES[name], payload, made, has_base)
    chunk = Chunk([from_section(0, length, 0 if has_base else None)], [section], made)
    return make_patch(base, made, body_of([chunk.record(base, 0)]), features=features)


def lanes(**fields: int) -> PlannedPiece:
    plan = PlannedPiece(**{"elements": 4, "kind": SCALED, "low": -1, "span": 2, **fields})  # type: ignore[arg-type]
    plan.scales, plan.codes = [0x3F800000] * max(plan.lanes, 1), [1] * 4
    return plan


def book(*entries: int) -> PlannedPiece:
    return PlannedPiece(4, CODEBOOK, 1, 0, len(entries) - 1, entries=list(entries), codes=[0] * 4)


def wrong_pieces() -> Iterator[Wrong]:
    yield Wrong("elements", "5 of 4", lanes(elements=5))
    yield Wrong("alone", "a prediction that there is none of", lanes(alone=0), has_base=False)
    yield Wrong("low", "-256", lanes(low=-256))
    yield Wrong("run", "0", lanes(run=0))
    yield Wrong("lanes", "5 of 4 elements", lanes(lanes=5))
    yield Wrong("first", "behind the last lane", lanes(run=2, lanes=2, first=4))
    yield Wrong("divisor", "without a base", lanes(divisor=127), has_base=False)
    yield Wrong("entries", "one twice", book(0x3F800000, 0x3F800000))
    yield Wrong("entry", "an infinity", book(0x3F800000, 0x7F800000))
    yield Wrong("mantissa", "two bits", PlannedPiece(4, SHORT), short=(2, 0))
    plan = lanes(span=1)
    plan.codes = [1]
    yield Wrong("code", "1, of -1 and 0", plan)


def more_wrong_pieces() -> Iterator[Wrong]:
    """Not stored."""
    yield Wrong("nothing", "no elements", PlannedPiece(0, OTHER))
    yield Wrong("lanes", "none", lanes(lanes=0))
    yield Wrong("run", "above 2^30", lanes(run=(1 << 30) + 1))
    yield Wrong("divisor", "256", lanes(divisor=256))
    yield Wrong("entries", "-0 behind 0", book(0, SIGN))
    yield Wrong("mantissa", "23 bits", PlannedPiece(4, SHORT), short=(23, 1))


def bad(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    for wrong in wrong_pieces():
        yield f"grid-{wrong.name}", "corrupt_data", wrong.what, wrong.patch(base)
    points, _ = GridMaker().write([lanes()], F32.elements(base[:16]), 4)
    payload = bytes([len(points), 0]) + points
    yield "undeclared-grid", "malformed", "bit 21 clear", patch_of(base, payload, features=3)
    yield "grid-dtype", "corrupt_data", "f16", patch_of(base, payload, name="f16")
    yield "grid-part", "corrupt_data", "part of an element", patch_of(base, payload, length=15)
    yield "grid-length", "corrupt_data", "lengths above what there is", patch_of(base, bytes([len(points), 1]) + points)
    yield "grid-no-others", "corrupt_data", "values of no elements", patch_of(base, payload + b"\0")
    plan = PlannedPiece(4, SHORT)
    points, _ = GridMaker((BF16, 0)).write([plan], F32.elements(base[:16]), 4)
    yield "grid-no-short", "corrupt_data", "short floats, of which nothing is said", \
        patch_of(base, bytes([len(points), 0]) + points)
