"""Codec 9: docs/format/grid.md."""

from __future__ import annotations

from dataclasses import dataclass, field

from blocks import CodeModel, place_of
from conversions import cast, f32, quotient
from dtypes import NAMES
from edits import read_length
from faults import refuse
from fractions import Fraction
from range_coder import BitModel, Number, RangeDecoder, Tree
from residuals import NOT_ROUNDED, ResidualModel, Spread, signed
from values import FLOAT, TYPES, Type, decode_values_of

OTHER, SHORT, SCALED, CODEBOOK = range(4)
F16, BF16 = 0, 7
SIGN = 1 << 31
LIMIT = 126
MAX_LANES, MAX_RUN, MAX_CODE = 1 << 16, 1 << 30, 255
MAX_PIECES = 1 << 14


@dataclass
class Piece:
    """Section 5."""

    elements: int = 0
    kind: int = OTHER
    alone: int = 1
    low: int = 0
    span: int = 0
    run: int = 1
    lanes: int = 1
    first: int = 0
    divisor: int = 0
    entries: list[int] = field(default_factory=list)

    def lane(self, i: int) -> int:
        return (self.first + i) // self.run % self.lanes


# --- section 4


def short_type(m: int) -> Type:
    refuse(m not in (F16, *range(3, 23)), "short floats that there are none of")
    return TYPES["f16"] if m == F16 else TYPES["bf16"] if m == BF16 else Type(FLOAT, 4, None, m, 31 - m)


def shortened(m: int, to_zero: int, u: int) -> int:
    if m == F16:
        return cast(u, "f32", "f16", bool(to_zero))
    drop, magnitude = 23 - m, u % SIGN
    if not to_zero and magnitude >> 23 < 255:
        magnitude += (1 << drop - 1) - 1 + (magnitude >> drop) % 2
    return (u // SIGN << short_type(m).w - 1) + (magnitude >> drop)


def lengthened(m: int, u: int) -> int:
    if m == F16:
        return cast(u, "f16", "f32")
    sign, magnitude = divmod(u, 1 << short_type(m).w - 1)
    return sign * SIGN + (magnitude << 23 - m) % SIGN


# --- section 7


def parts(u: int) -> tuple[int, int]:
    """The significand, and its exponent."""
    exponent = u % SIGN >> 23
    return u % (1 << 23) + ((1 << 23) if exponent else 0), max(exponent, 1) - 150


def order(u: int) -> int:
    return u if u < SIGN else -1 - u % SIGN


def place_on_scale(u: int, scale: int) -> int:
    s, e = parts(scale)
    if s == 0 or scale % SIGN >> 23 == 255:
        return 0
    up = 24 - s.bit_length()
    s, e = s << up, e - up
    inverse = ((1 << 48) + s // 2) // s
    x, exponent = parts(u)
    down = 36 + e - exponent
    if down >= 1:
        size = 0 if down > 51 else x * inverse + (1 << down - 1) >> down
    else:
        size = 1 << 24 if x else 0
    size = min(size, 1 << 24)
    return -size if (u ^ scale) & SIGN else size


class Codebook:
    def __init__(self, entries: list[int]) -> None:
        self.entries = entries
        self.unit = max(parts(entries[0])[1], parts(entries[-1])[1])
        self.numbers = [self.fixed(u) for u in entries]

    def fixed(self, u: int) -> int:
        s, e = parts(u)
        up = e - self.unit + 16
        size = s << min(up, 20) if up >= 0 else s >> -up
        return -size if u & SIGN else size

    def place(self, u: int) -> int:
        number, count = self.fixed(u), len(self.entries)
        if count < 2:
            return 0
        low = max(sum(entry <= number for entry in self.numbers[1:count - 1]), 0)
        gap = max(self.numbers[low + 1] - self.numbers[low], 1)
        steps = number - self.numbers[low]
        if steps < 0:
            return 0
        return 4096 * low + min(steps * 4096 // gap, 4096)


class GridDecoder:
    """What is written as a number, a tree and so on goes through a method of its own."""

    def __init__(self, coder: RangeDecoder) -> None:
        self.coder = coder
        self.numbers = {name: Number() for name in "elements low run lanes first divisor".split()}
        self.trees = {"kind": Tree(2), "mantissa": Tree(5), "span": Tree(8)}
        self.bits = {"alone": BitModel(), "rounding": BitModel()}
        self.short: tuple[int, int] | None = None
        self.scale_model, self.scale_spread = ResidualModel(), Spread()
        self.code = CodeModel()
        self.alone_code = Tree(8)
        self.below_zero = [BitModel() for _ in range(3)]

    def decode_number(self, name: str) -> int:
        return self.numbers[name].decode(self.coder)

    def decode_tree(self, name: str) -> int:
        return self.trees[name].decode(self.coder)

    def decode_bit(self, name: str) -> int:
        return self.bits[name].decode(self.coder)

    def decode_raw(self, bits: int) -> int:
        return self.coder.more(0, bits)

    def decode_scale(self, expected: int) -> int:
        residual = self.scale_model.decode(self.coder, 0, NOT_ROUNDED, self.scale_spread)
        number = signed(order(expected) + residual, 32)
        return number if number >= 0 else SIGN - 1 - number

    def decode_code(self, place: int, bounds: tuple[int, int], setting: int) -> int:
        return self.code.decode(self.coder, place_of(place, bounds), bounds, setting)

    def decode_alone_code(self, bounds: tuple[int, int]) -> int:
        number = bounds[0] + self.alone_code.decode(self.coder, LIMIT)
        refuse(number > bounds[1], "a code out of its bounds")
        return number

    def decode_below_zero(self, context: int) -> int:
        return self.below_zero[context].decode(self.coder, LIMIT)

    def decode(self, base: list[int] | None, count: int) -> list[tuple[Piece, list[int]]]:
        """Pieces, with their elements if they are on a grid."""
        pieces: list[tuple[Piece, list[int]]] = []
        at = 0
        while at < count:
            refuse(len(pieces) == MAX_PIECES, "pieces")
            piece = self.decode_head(base is not None, count - at)
            pieces.append((piece, self.decode_points(piece, base and base[at:at + piece.elements])))
            at += piece.elements
        return pieces

    def decode_head(self, has_base: bool, left: int) -> Piece:
        piece = Piece(self.decode_number("elements"))
        refuse(not 0 < piece.elements <= left, "elements of a piece")
        piece.kind = self.decode_tree("kind")
        if piece.kind == SHORT and self.short is None:
            self.short = self.decode_tree("mantissa"), self.decode_bit("rounding")
            short_type(self.short[0])
        if piece.kind < SCALED:
            return piece
        piece.alone = self.decode_bit("alone")
        refuse(not piece.alone and not has_base, "no prediction")
        if piece.kind == CODEBOOK:
            piece.span = self.decode_tree("span")
            for _ in range(piece.span + 1):
                u = self.decode_raw(32)
                refuse(u % SIGN >> 23 == 255, "an entry that is not finite")
                refuse(bool(piece.entries) and order(u) <= order(piece.entries[-1]), "order of entries")
                piece.entries.append(u)
            return piece
        below = self.decode_number("low")
        refuse(below > MAX_CODE, "low")
        piece.low = -below
        piece.span = self.decode_tree("span")
        piece.run = self.decode_number("run")
        refuse(not 0 < piece.run <= MAX_RUN, "run")
        piece.lanes = self.decode_number("lanes")
        refuse(not 0 < piece.lanes <= min(piece.elements, MAX_LANES), "lanes")
        piece.first = self.decode_number("first")
        refuse(piece.first >= piece.run * piece.lanes, "first")
        piece.divisor = self.decode_number("divisor")
        refuse(piece.divisor > (MAX_CODE if has_base else 0), "divisor")
        return piece

    def decode_points(self, piece: Piece, base: list[int] | None) -> list[int]:
        if piece.kind == CODEBOOK:
            book = Codebook(piece.entries)
            places = None if base is None else [book.place(u) for u in base]
            return [piece.entries[self.decode_index(piece, places, i, 1)] for i in range(piece.elements)]
        if piece.kind != SCALED:
            return []
        scales = self.decode_scales(piece, base)
        by_element = [scales[piece.lane(i)] for i in range(piece.elements)]
        places = None if base is None else [place_on_scale(u, s) for u, s in zip(base, by_element)]
        made = []
        for i, scale in enumerate(by_element):
            code = self.decode_index(piece, places, i, 0)
            if code == 0:
                made.append(SIGN * self.decode_below_zero(2 if piece.alone or base is None else base[i] >> 31))
                continue
            s, e = parts(scale)
            made.append(f32(int(code < 0) ^ scale >> 31, abs(code) * s * Fraction(2) ** e))
        return made

    def decode_index(self, piece: Piece, places: list[int] | None, i: int, setting: int) -> int:
        bounds = piece.low, piece.low + piece.span
        if piece.alone or places is None:
            return self.decode_alone_code(bounds)
        return self.decode_code(places[i], bounds, setting)

    def decode_scales(self, piece: Piece, base: list[int] | None) -> list[int]:
        largest = [0] * piece.lanes
        for i, u in enumerate(base or []):
            largest[piece.lane(i)] = max(largest[piece.lane(i)], u % SIGN)
        scales: list[int] = []
        for lane in range(piece.lanes):
            expected = scales[-1] if scales else 0
            if piece.divisor:
                expected = quotient(largest[lane], f32(0, Fraction(piece.divisor)))
            scales.append(self.decode_scale(expected))
        return scales


def decode_inner(type_: Type, pieces: list[tuple[Piece, list[int]]], kind: int, base: list[int] | None,
                 coded: bytes, short: tuple[int, int] | None) -> list[int]:
    """Section 9: the elements of all pieces of a kind."""
    old: list[int] = []
    at = count = 0
    for piece, _ in pieces:
        if piece.kind == kind:
            count += piece.elements
            old += [] if base is None else base[at:at + piece.elements]
        at += piece.elements
    if count == 0:
        refuse(bool(coded), "elements that there are none of")
        return []
    if short is not None:
        old = [shortened(*short, u) for u in old]
    made = decode_values_of(type_, coded, None if base is None else type_.joined(old), count * type_.bytes)
    numbers = type_.elements(made)
    return numbers if short is None else [lengthened(short[0], u) for u in numbers]


def decode_grid(dtype: int, coded: bytes, base: bytes | None, length: int) -> bytes:
    refuse(NAMES[dtype] != "f32", "codec 9 with that dtype")
    refuse(length % 4 != 0, "part of an element")
    points, rest = read_length(coded)
    short_ones, rest = read_length(rest)
    refuse(points + short_ones > len(rest), "lengths")
    type_ = TYPES["f32"]
    old = None if base is None else type_.elements(base)
    coder = RangeDecoder(rest[:points])
    decoder = GridDecoder(coder)
    pieces = decoder.decode(old, length // 4)
    coder.check_end()
    short, inner_type = decoder.short, type_ if decoder.short is None else short_type(decoder.short[0])
    shorts = decode_inner(inner_type, pieces, SHORT, old, rest[points:points + short_ones], short)
    others = decode_inner(type_, pieces, OTHER, old, rest[points + short_ones:], None)
    left = {SHORT: iter(shorts), OTHER: iter(others)}
    made: list[int] = []
    for piece, found in pieces:
        made += found if piece.kind >= SCALED else [next(left[piece.kind]) for _ in range(piece.elements)]
    return type_.joined(made)
