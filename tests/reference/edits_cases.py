"""Sections of codec 8: those of the good vectors, and faults."""

from __future__ import annotations

import contextlib
import random
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from cases import Case, read
from dtypes import NUMBERS as NUMBERS_OF
from edits import (BY_ROW, F32_ONE, FIRST_SPECIAL, NO_FACTOR, ONE_FACTOR, OTHER, SAME, EditsDecoder, Piece, has_factors,
                   multiplied, order_of)
from faults import Fault
from patch_maker import Chunk, RangeEncoder, Section, body_of, chunk_records, from_section, make_patch
from range_coder import BitModel
from values import FLOAT, PREDICTED, TYPES
from values_cases import CODES, NUMBERS
from values_maker import PlannedPiece as ValuesPiece
from values_maker import ValuesMaker

FEATURES = 1 << 22


@dataclass
class PlannedPiece(Piece):
    """A head, and what is to be found behind it."""

    edits: list[int] = field(default_factory=list)
    raw_factors: list[int] = field(default_factory=list)


class EditsMaker(EditsDecoder):
    """Writes sections of codec 8: the decoder, told beforehand what it is to find."""

    def __init__(self, name: str) -> None:
        self.encoder = RangeEncoder()
        super().__init__(name, self.encoder)  # type: ignore
        self.wanted_numbers: dict[str, int] = {}
        self.wanted_trees: dict[str, deque[int]] = {}
        self.raw: deque[int] = deque()
        self.plan = PlannedPiece()
        self.at = 0

    def write(self, plans: list[PlannedPiece], base: bytes) -> tuple[bytes, list[int]]:
        """The edits, and the base of others. Stops, as a reader does, where one is wrong."""
        old, at = self.type.elements(base), 0
        others: list[int] = []
        with contextlib.suppress(Fault):
            for plan in plans:
                self.expect(plan)
                piece = self.decode_head(len(old) - at)
                self.decode_piece(piece, old[at:at + piece.elements], others)
                at += piece.elements
        self.encoder.wanted.clear()
        return self.encoder.coded(), others

    def expect(self, plan: PlannedPiece) -> None:
        self.plan, self.at = plan, 0
        self.wanted_numbers = {"elements": plan.elements, "row": plan.row}
        self.wanted_trees = {"factors": deque([plan.factors]), "specials": deque([len(plan.specials)]),
                             "cuts": deque([len(plan.cuts)]), "label": deque(plan.labels)}
        self.raw = deque([*plan.specials, *plan.cuts, *plan.raw_factors])

    def decode_number(self, name: str) -> int:
        self.encoder.want_number(self.wanted_numbers[name])
        return super().decode_number(name)

    def decode_tree(self, name: str) -> int:
        self.encoder.want_tree(self.wanted_trees[name].popleft(), self.trees[name].bits)
        return super().decode_tree(name)

    def decode_raw(self, bits: int) -> int:
        self.encoder.want_tree(self.raw.popleft(), bits)
        return super().decode_raw(bits)

    def place(self, piece: Piece, u: int) -> tuple[int, int]:
        found = super().place(piece, u)
        self.expected = piece.labels[found[0]]
        return found

    def decode_strange(self, model: BitModel) -> int:
        edit = self.plan.edits[self.at]
        self.at += 1
        self.encoder.wanted.append(int(edit != self.expected))
        if edit != self.expected:
            self.wanted_edit = edit
        return super().decode_strange(model)

    def decode_edit(self, part: int) -> int:
        self.encoder.want_tree(self.wanted_edit, 3)
        return super().decode_edit(part)


def payload_of(name: str, plans: list[PlannedPiece], base: bytes, generator: random.Random) -> tuple[bytes, bytes]:
    """A section, and its result; others are those of the base but for their lowest bits."""
    type_ = TYPES[name]
    edits, others = EditsMaker(name).write(plans, base)
    moved = [u ^ generator.randrange(4) for u in others]
    rest = b""
    if others:
        piece = ValuesPiece(len(others), PREDICTED, columns=len(others), made=type_.joined(moved))
        piece.gains = [type_.one or 0]
        rest = ValuesMaker(name).write([piece], type_.joined(others), len(others) * type_.bytes)
    made, old, left = [], iter(type_.elements(base)), iter(moved)
    for plan in plans:
        for i, edit in enumerate(plan.edits):
            u, factor = next(old), F32_ONE
            if plan.factors != NO_FACTOR:
                factor = plan.raw_factors[i // plan.row if plan.factors == BY_ROW else 0]
                u = multiplied(name, u, factor)
            made.append(u if edit == SAME else next(left) if edit == OTHER else plan.specials[edit - FIRST_SPECIAL])
    assert len(edits) < 128 * 128
    length = bytes([len(edits)]) if len(edits) < 128 else bytes([len(edits) % 128 | 128, len(edits) >> 7])
    return length + edits + rest, type_.joined(made)


def pieces_of(name: str, generator: random.Random, base: bytes) -> list[PlannedPiece]:
    """A piece without cuts, one of which the middle becomes 0, and one between two bounds."""
    type_ = TYPES[name]
    old = type_.elements(base)
    orders = sorted({order_of(type_, u) for u in old})

    def bits(order: int) -> int:
        return type_.float(order) if type_.kind == FLOAT else order % (1 << type_.w)

    def cut(share: float) -> int:
        return bits(orders[int(len(orders) * share)])

    third = len(old) // 3
    first = PlannedPiece(third, 7, labels=[SAME])
    second = PlannedPiece(third, 0, specials=[0, 1 << type_.w - 1], cuts=[cut(0.3), cut(0.5), cut(0.7)],
                          labels=[OTHER, FIRST_SPECIAL + 1, FIRST_SPECIAL, OTHER])
    third_piece = PlannedPiece(len(old) - 2 * third, 5, specials=[cut(0.1), cut(0.9), 3], cuts=[cut(0.1), cut(0.9)],
                               labels=[FIRST_SPECIAL, SAME, FIRST_SPECIAL + 1])
    if has_factors(type_):
        first.factors, first.raw_factors = ONE_FACTOR, [0x3E99999A]
        rows = -(-third_piece.elements // third_piece.row)
        third_piece.factors = BY_ROW
        third_piece.raw_factors = [(F32_ONE, 0xBFC00001, 0x3DCCCCCD)[i % 3] for i in range(rows)]
    for piece in (first, second, third_piece):
        edits = [SAME, OTHER, *range(FIRST_SPECIAL, FIRST_SPECIAL + len(piece.specials))]
        at = len(old) // 3 * [first, second, third_piece].index(piece)
        for i in range(piece.elements):
            u = old[at + i]
            if piece.factors == ONE_FACTOR:
                u = multiplied(name, u, piece.raw_factors[0])
            elif piece.factors == BY_ROW:
                u = multiplied(name, u, piece.raw_factors[i // piece.row])
            part = sum(order_of(type_, u) >= order_of(type_, cut) for cut in piece.cuts)
            piece.edits.append(piece.labels[part] if generator.random() < 0.9 else generator.choice(edits))
    return [first, second, third_piece]


def every_dtype(base: bytes) -> Chunk:
    generator = random.Random(8)
    plans, sections = [], []
    for name, type_ in TYPES.items():
        old = base[:60 * type_.bytes]
        payload, made = payload_of(name, pieces_of(name, generator, old), old, generator)
        plans.append(from_section(len(sections), len(made), 0))
        sections.append(Section(8, CODES[name], payload, made, True))
    old = base[:2 * 34]
    payload, made = payload_of("i8", pieces_of("i8", generator, old), old, generator)
    plans.append(from_section(len(sections), len(made), 0))
    sections.append(Section(8, NUMBERS_OF["q8_0"], payload, made, True))
    return Chunk(plans, sections, b"".join(section.result for section in sections))


# The example of edits.md, section 10: four floats, of which those below 1 become 0.
EXAMPLE_OLD = struct.pack("<4e", 1.0, -0.5, 0.25, 2.0)
EXAMPLE_PIECE = PlannedPiece(4, 0, specials=[0], cuts=[0xBBFF, 0x3C00], labels=[SAME, FIRST_SPECIAL, SAME],
                             edits=[SAME, FIRST_SPECIAL, FIRST_SPECIAL, SAME])


def example() -> tuple[bytes, bytes]:
    return payload_of("f16", [EXAMPLE_PIECE], EXAMPLE_OLD, random.Random(1))


def good() -> Iterator[Case]:
    base = read(NUMBERS)
    chunk = every_dtype(base)
    data = make_patch(base, chunk.result, body_of(chunk_records([chunk], base)), features=FEATURES)
    yield Case("edits", NUMBERS, data, "edits", "codec 8: every dtype, factors, cuts, specials, others", chunk.result)
    payload, made = example()
    assert base.startswith(EXAMPLE_OLD)
    chunk = Chunk([from_section(0, len(made), 0)], [Section(8, CODES["f16"], payload, made, True)], made)
    data = make_patch(base, made, body_of(chunk_records([chunk], base)), features=FEATURES)
    yield Case("edits-example", NUMBERS, data, "edits 10", "the worked example", made)


@dataclass(frozen=True)
class Wrong:
    """A piece of a section of 8 elements that no reader may take."""

    name: str
    what: str
    piece: PlannedPiece
    dtype: str = "i8"

    def patch(self, base: bytes) -> bytes:
        length = 8 * TYPES[self.dtype].bytes
        edits, _ = EditsMaker(self.dtype).write([self.piece], base[:length])
        return patch_of(base, self.dtype, bytes([len(edits)]) + edits, length)


def patch_of(base: bytes, name: str, payload: bytes, length: int, has_base: bool = True,
             features: int = FEATURES) -> bytes:
    """One section, whose result is said to be the base."""
    made = base[:length]
    section = Section(8, CODES.get(name, 0), payload, made, has_base)
    chunk = Chunk([from_section(0, length, 0 if has_base else None)], [section], made)
    return make_patch(base, made, body_of([chunk.record(base, 0)]), features=features)


def same(**fields: object) -> PlannedPiece:
    return PlannedPiece(**{"elements": 8, "labels": [SAME], "edits": [SAME] * 8, **fields})  # type: ignore[arg-type]


def wrong_pieces() -> Iterator[Wrong]:
    yield Wrong("elements", "9 of 8", same(elements=9))
    yield Wrong("row", "9 of 8", same(row=9))
    yield Wrong("cuts", "the second one not above the first", same(cuts=[5, 5], labels=[SAME] * 3))
    yield Wrong("label", "a special that there is none of", same(labels=[FIRST_SPECIAL]))
    yield Wrong("edit", "a special that there is none of", same(edits=[SAME, FIRST_SPECIAL, *[SAME] * 6]))
    yield Wrong("factors", "by row, without rows", same(factors=BY_ROW), "f32")


def more_wrong_pieces() -> Iterator[Wrong]:
    """Not stored."""
    yield Wrong("nothing", "no elements", same(elements=0))
    yield Wrong("factors", "3", same(factors=3), "f16")
    yield Wrong("label", "the last one", same(specials=[1], cuts=[3], labels=[SAME, FIRST_SPECIAL + 1]))


def bad(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    for wrong in wrong_pieces():
        yield f"edits-{wrong.name}", "corrupt_data", wrong.what, wrong.patch(base)
    edits, _ = EditsMaker("i8").write([same()], base[:8])
    payload = bytes([len(edits)]) + edits
    yield "undeclared-edits", "malformed", "bit 22 clear", patch_of(base, "i8", payload, 8, features=3)
    yield "edits-dtype", "corrupt_data", "i4", patch_of(base, "i4", payload, 8)
    yield "edits-half", "corrupt_data", "half an element", patch_of(base, "i16", payload, 7)
    yield "edits-no-base", "corrupt_data", "no prediction", patch_of(base, "i8", payload, 8, has_base=False)
    yield "edits-length", "corrupt_data", "a length above what there is", patch_of(base, "i8", b"\x7F" + edits, 8)
    yield "edits-no-others", "corrupt_data", "values of no elements", patch_of(base, "i8", payload + b"\0", 8)
