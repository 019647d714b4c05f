"""Codec 8: docs/format/edits.md."""

from __future__ import annotations

from dataclasses import dataclass, field

from blocks import GRIDS
from conversions import load, store
from derived import product
from dtypes import NAMES, NUMBERS
from faults import Fault, refuse
from range_coder import BitModel, Number, RangeDecoder, Tree
from residuals import signed
from values import FLOAT, TYPES, Type, decode_values

SAME, OTHER, FIRST_SPECIAL = range(3)
NO_FACTOR, ONE_FACTOR, BY_ROW = range(3)
F32_ONE = 0x3F800000
LIMIT = 255
BANDS = 8


@dataclass
class Piece:
    """Section 5."""

    elements: int = 0
    row: int = 0
    factors: int = NO_FACTOR
    specials: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


def order_of(type_: Type, u: int) -> int:
    """Section 4."""
    if type_.kind == FLOAT:
        return type_.order(u)
    return signed(u, type_.w) if type_.is_signed or type_.w == 64 else u


def multiplied(name: str, u: int, factor: int) -> int:
    """Section 6."""
    type_ = TYPES[name]
    if factor == F32_ONE or u % (1 << type_.w - 1) >> type_.m == (1 << type_.e) - 1:
        return u
    wide = load(name, u.to_bytes(type_.bytes, "little"), False)[0]
    return int.from_bytes(store(name, [product(wide, factor)], False), "little")


def has_factors(type_: Type) -> bool:
    return type_.kind == FLOAT and type_.w <= 32


class EditsDecoder:
    """What is written as a number, a tree and so on goes through a method of its own."""

    def __init__(self, name: str, coder: RangeDecoder) -> None:
        self.name, self.type, self.coder = name, TYPES[name], coder
        self.numbers = {name: Number() for name in ("elements", "row")}
        self.trees = {"factors": Tree(2), "specials": Tree(2), "cuts": Tree(3), "label": Tree(3)}
        self.edits = [Tree(3) for _ in range(8)]
        self.strange = [[[BitModel() for _ in range(32)] for _ in range(BANDS)] for _ in range(8)]
        self.activity = self.last = 0

    def decode_number(self, name: str) -> int:
        return self.numbers[name].decode(self.coder)

    def decode_tree(self, name: str) -> int:
        return self.trees[name].decode(self.coder)

    def decode_raw(self, bits: int) -> int:
        return self.coder.more(0, bits)

    def decode_edit(self, part: int) -> int:
        return self.edits[part].decode(self.coder, LIMIT)

    def decode_strange(self, model: BitModel) -> int:
        return model.decode(self.coder, LIMIT)

    def decode(self, base: bytes) -> tuple[list[int | None], list[int]]:
        """The elements, None for others, and the base of those."""
        old = self.type.elements(base)
        made: list[int | None] = []
        others: list[int] = []
        while len(made) < len(old):
            piece = self.decode_head(len(old) - len(made))
            made += self.decode_piece(piece, old[len(made):len(made) + piece.elements], others)
        return made, others

    def decode_head(self, left: int) -> Piece:
        type_, piece = self.type, Piece()
        piece.elements = self.decode_number("elements")
        refuse(not 0 < piece.elements <= left, "elements of a piece")
        piece.row = self.decode_number("row")
        refuse(piece.row > piece.elements, "row")
        if has_factors(type_):
            piece.factors = self.decode_tree("factors")
            refuse(piece.factors > BY_ROW or (piece.factors == BY_ROW and piece.row == 0), "factors")
        piece.specials = [self.decode_raw(type_.w) for _ in range(self.decode_tree("specials"))]
        for _ in range(self.decode_tree("cuts")):
            piece.cuts.append(self.decode_raw(type_.w))
            orders = [order_of(type_, cut) for cut in piece.cuts]
            refuse(len(orders) > 1 and orders[-1] <= orders[-2], "cuts")
        for _ in range(len(piece.cuts) + 1):
            piece.labels.append(self.decode_tree("label"))
            refuse(piece.labels[-1] >= FIRST_SPECIAL + len(piece.specials), "label")
        self.last = self.activity = 0
        return piece

    def place(self, piece: Piece, u: int) -> tuple[int, int]:
        """Section 7: the part, and the band."""
        if not piece.cuts:
            return 0, 0
        order = order_of(self.type, u)
        orders = [order_of(self.type, cut) for cut in piece.cuts]
        part = sum(order >= cut for cut in orders)
        distances = [order - cut for cut in orders[part - 1:part] if part > 0]
        distances += [cut - 1 - order for cut in orders[part:part + 1]]
        distance = min(distances)
        if self.type.kind == FLOAT:
            distance >>= self.type.m - 4
        if self.type.bytes > 1:
            distance = distance.bit_length()
        return part, min(distance, BANDS - 1)

    def decode_piece(self, piece: Piece, old: list[int], others: list[int]) -> list[int | None]:
        made: list[int | None] = []
        strange: list[int] = []
        factor = self.decode_raw(32) if piece.factors == ONE_FACTOR else F32_ONE
        for i, u in enumerate(old):
            if piece.factors == BY_ROW and i % piece.row == 0:
                factor = self.decode_raw(32)
            if piece.factors != NO_FACTOR:
                u = multiplied(self.name, u, factor)
            part, band = self.place(piece, u)
            above = strange[i - piece.row] if 0 < piece.row <= i else 0
            level = sum(self.activity >= least for least in (512, 4096, 16384))
            model = self.strange[part][band][8 * level + 2 * self.last + above]
            strange.append(self.decode_strange(model))
            self.activity += 2048 * strange[-1] - (self.activity >> 5)
            self.last = (2 * self.last + strange[-1]) % 4
            edit = self.decode_edit(part) if strange[-1] else piece.labels[part]
            refuse(edit >= FIRST_SPECIAL + len(piece.specials), "an edit")
            if edit == OTHER:
                others.append(u)
            made.append(u if edit == SAME else None if edit == OTHER else piece.specials[edit - FIRST_SPECIAL])
        return made


def read_length(coded: bytes) -> tuple[int, bytes]:
    """Section 3, and what is left."""
    length = 0
    for i, byte in enumerate(coded[:10]):
        length |= (byte & 127) << 7 * i
        if byte < 128:
            refuse(length > len(coded) - i - 1, "length of the edits")
            return length, coded[i + 1:]
    raise Fault("corrupt_data", "length of the edits")


def decode_edits(dtype: int, coded: bytes, base: bytes | None, length: int) -> bytes:
    name = "i8" if NAMES[dtype] in GRIDS else NAMES[dtype]
    refuse(name not in TYPES or base is None, "codec 8 with that dtype, or without a prediction")
    assert base is not None
    refuse(length % TYPES[name].bytes != 0, "half an element")
    edits, rest = read_length(coded)
    coder = RangeDecoder(rest[:edits])
    made, others = EditsDecoder(name, coder).decode(base)
    coder.check_end()
    refuse(not others and len(rest) > edits, "others that there are none of")
    if not others:
        return TYPES[name].joined([u for u in made if u is not None])
    old = TYPES[name].joined(others)
    found = iter(TYPES[name].elements(decode_values(NUMBERS[name], rest[edits:], old, len(old))))
    return TYPES[name].joined([next(found) if u is None else u for u in made])
