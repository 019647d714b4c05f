"""Codec 4: docs/format/values.md."""

from __future__ import annotations

from dataclasses import dataclass

from blocks import CodeModel, place_of
from dtypes import NAMES
from faults import refuse
from moves import SIZES, MoveModel, Place
from range_coder import BitModel, Number, RangeDecoder, Tree
from residuals import (MAX_COLUMNS, NOT_ROUNDED, Guess, MatrixSpread, RankDecoder, ResidualModel, Spread,
                       signed)

CODE, INTEGER, FLOAT = "code", "integer", "float"
DIRECT, SPARSE, PREDICTED, BYTES = range(4)
NO_AXIS, ROW, COLUMN = range(3)
DIRECT_LIMIT = 126
MAX_GAIN, MAX_EXPONENT = 32, 4096


@dataclass(frozen=True)
class Type:
    """Section 4."""

    kind: str
    bytes: int
    one: int | None = None  # the gain that changes nothing
    m: int = 0
    e: int = 0
    is_signed: bool = False
    is_half: bool = False  # two elements in a byte

    @property
    def w(self) -> int:
        return 4 if self.is_half else 8 * self.bytes

    def elements(self, data: bytes) -> list[int]:
        if self.is_half:
            return [half for byte in data for half in (byte % 16, byte >> 4)]
        return [int.from_bytes(data[at:at + self.bytes], "little") for at in range(0, len(data), self.bytes)]

    def joined(self, numbers: list[int]) -> bytes:
        bits = [number % (1 << self.w) for number in numbers]
        if self.is_half:
            return bytes(low + 16 * high for low, high in zip(bits[::2], bits[1::2]))
        return b"".join(number.to_bytes(self.bytes, "little") for number in bits)

    def significand(self, magnitude: int) -> int:
        return magnitude % (1 << self.m) + (1 << self.m if magnitude >> self.m else 0)

    def is_whole(self, magnitude: int, grain: int) -> bool:
        return grain == 1 or magnitude >> self.m >= grain

    def order(self, u: int, grain: int = 1) -> int:
        magnitude = u % (1 << self.w - 1)
        place = magnitude - (grain - 1 << self.m)
        if not self.is_whole(magnitude, grain):
            place = self.significand(magnitude) >> grain - max(magnitude >> self.m, 1)
        return -1 - place if u >> self.w - 1 else place

    def float(self, order: int) -> int:
        return order if order >= 0 else (1 << self.w - 1) - 1 - order

    def field(self, order: int) -> int:
        return (order if order >= 0 else -1 - order) >> self.m

    def number(self, u: int) -> int:
        return signed(u, self.w) if self.is_signed else u


TYPES = {
    "i8": Type(CODE, 1, 1 << 12, is_signed=True),
    "u8": Type(CODE, 1, 1 << 12),
    "i16": Type(INTEGER, 2, 1 << 24, is_signed=True),
    "u16": Type(INTEGER, 2, 1 << 24),
    "i32": Type(INTEGER, 4, 1 << 24, is_signed=True),
    "u32": Type(INTEGER, 4, 1 << 24),
    "i64": Type(INTEGER, 8, is_signed=True),
    "u64": Type(INTEGER, 8),
    "f16": Type(FLOAT, 2, 1 << 12, 10, 5),
    "bf16": Type(FLOAT, 2, 1 << 12, 7, 8),
    "f32": Type(FLOAT, 4, 1 << 12, 23, 8),
    "f64": Type(FLOAT, 8, None, 52, 11),
}
HALVES = {
    "i4": Type(CODE, 1, 1 << 12, is_signed=True, is_half=True),
    "u4": Type(CODE, 1, 1 << 12, is_half=True),
}


def shifted(number: int, up: int) -> int:
    return number << up if up >= 0 else number >> -up


def guess_float(type_: Type, u: int, gain: int, shift: int, exponent: int, grain: int) -> tuple[int, int]:
    """Section 9: the guess, and its phase."""
    m, infinity = type_.m, (1 << type_.e) - 1
    magnitude = u % (1 << type_.w - 1)
    f = magnitude >> m
    if f == infinity:
        return type_.order(u, grain), NOT_ROUNDED
    total = type_.significand(magnitude) * gain
    if u >> type_.w - 1:
        total = -total
    place = max(f - 1, 0) - 12
    if shift != 0:
        up = place - exponent
        if up > 20:
            total += shift >> up
        else:
            total = shifted(total, up) + shift
            place = exponent
    if total == 0:
        return 0, NOT_ROUNDED
    last = max(place + abs(total).bit_length() - m - 1, grain - 1)
    eighths = shifted(abs(total), place + 3 - last) + (last - grain + 1 << m + 3)
    eighths = min(eighths, (infinity - grain + 1 << m + 3) - 8)
    if grain == 1 or eighths >> m + 3 > 0:
        moved = 4 + eighths if total >= 0 else -4 - eighths
    else:
        moved = eighths if total >= 0 else -1 - eighths
    return moved >> 3, moved % 8


@dataclass
class Piece:
    """Section 6."""

    elements: int = 0
    method: int = DIRECT
    result_zero: int = 0
    base_zero: int = 0
    greatest: int = 0
    columns: int = 1
    axis: int = NO_AXIS
    ranks: int = 0
    exponent: int = 0


class ValuesDecoder(RankDecoder):
    """What is written as a number, a tree and so on goes through a method of its own."""

    NUMBERS = "elements zero greatest columns ranks exponent gain unit".split()

    def __init__(self, name: str | Type, coder: RangeDecoder) -> None:
        super().__init__(coder)
        self.type = name if isinstance(name, Type) else HALVES[name] if name in HALVES else TYPES[name]
        self.trees = {name: Tree(2) for name in ("method", "axis")}
        self.gain_kinds = [Tree(2) for _ in range(3)]
        self.code = CodeModel()
        self.residual, self.direct_residual = ResidualModel(), ResidualModel()
        self.spread, self.direct_spread = MatrixSpread(), Spread()
        self.move = MoveModel()
        self.stays, self.least_depth, self.least_beyond = BitModel(), Tree(4), Number()
        self.direct_code = Tree(8)
        self.is_zero, self.zeros = [BitModel() for _ in range(16)], 0
        self.is_negative, self.size = BitModel(), Tree(7)
        self.depth, self.beyond = Tree(4), Number()
        self.is_below = BitModel()
        self.top = [[BitModel() for _ in range(8)] for _ in range(16)]
        self.byte = Tree(8)

    def decode_tree(self, name: str) -> int:
        return self.trees[name].decode(self.coder)

    def decode(self, base: bytes | None, length: int) -> bytes:
        made = b""
        while len(made) < length:
            piece = self.decode_head(base is not None, length - len(made))
            old = b"" if base is None else base[len(made):]
            made += self.decode_piece(piece, old)
        return made

    def decode_head(self, has_base: bool, left: int) -> Piece:
        type_, piece = self.type, Piece()
        piece.elements = self.decode_number("elements")
        piece.method = self.decode_tree("method")
        room = left if piece.method == BYTES else 2 * left if type_.is_half else left // type_.bytes
        refuse(not 0 < piece.elements <= room, "elements of a piece")
        if piece.method == BYTES:
            return piece
        refuse(type_.is_half and piece.elements % 2 != 0, "half a byte")
        refuse(piece.method == SPARSE and type_.kind != CODE, "sparse, but no codes")
        refuse(piece.method == PREDICTED and not has_base, "no prediction")
        if type_.kind == CODE:
            piece.result_zero = self.decode_zero()
            if piece.method == PREDICTED:
                piece.base_zero = self.decode_zero()
        if type_.kind == FLOAT and piece.method == DIRECT:
            piece.greatest = self.decode_number("greatest")
            refuse(piece.greatest > (1 << type_.e) - 1, "greatest exponent")
        if piece.method == PREDICTED:
            self.decode_matrix(piece)
        return piece

    def decode_zero(self) -> int:
        zero = self.decode_signed("zero")
        refuse(not -128 <= zero <= 255, "zero point")
        return zero

    def decode_matrix(self, piece: Piece) -> None:
        piece.columns = self.decode_number("columns")
        refuse(not 0 < piece.columns <= piece.elements, "columns")
        if self.type.one is None:
            return
        piece.axis = self.decode_tree("axis")
        refuse(piece.axis > COLUMN, "axis")
        refuse(piece.axis == COLUMN and piece.columns > MAX_COLUMNS, "columns of gains")
        piece.ranks = self.decode_ranks(piece.columns)
        if self.type.kind == FLOAT and piece.ranks > 0:
            piece.exponent = self.decode_exponent(MAX_EXPONENT)

    def decode_piece(self, piece: Piece, base: bytes) -> bytes:
        if piece.method == BYTES:
            return bytes(self.decode_byte() for _ in range(piece.elements))
        if piece.method == PREDICTED:
            numbers = self.decode_predicted(piece, base)
        elif piece.method == SPARSE:
            numbers = [self.decode_sparse() + piece.result_zero for _ in range(piece.elements)]
        elif self.type.kind == CODE:
            numbers = [self.decode_direct_code() + piece.result_zero for _ in range(piece.elements)]
        elif self.type.kind == INTEGER:
            numbers = [self.decode_residual(self.direct_residual, 0, Guess(0, NOT_ROUNDED),
                                            self.direct_spread) for _ in range(piece.elements)]
        else:
            numbers = [self.decode_float(piece.greatest) for _ in range(piece.elements)]
        return self.type.joined(numbers)

    # --- section 11

    def decode_byte(self) -> int:
        return self.byte.decode(self.coder)

    def decode_direct_code(self) -> int:
        return self.direct_code.decode(self.coder, DIRECT_LIMIT) - 128

    def decode_sparse(self) -> int:
        zero = self.is_zero[self.zeros].decode(self.coder, DIRECT_LIMIT)
        self.zeros = (2 * self.zeros + zero) % 16
        if zero:
            return 0
        negative = self.is_negative.decode(self.coder, DIRECT_LIMIT)
        v = self.size.decode(self.coder, DIRECT_LIMIT)
        return -1 - v if negative else 1 + v

    def decode_float(self, greatest: int) -> int:
        d = self.depth.decode(self.coder, DIRECT_LIMIT)
        if d == 15:
            d += self.beyond.decode(self.coder)
        below = self.is_below.decode(self.coder, DIRECT_LIMIT)
        node = 1
        for _ in range(3):
            node = 2 * node + self.top[min(d, 15)][node].decode(self.coder, DIRECT_LIMIT)
        mantissa = self.coder.more(node - 8, self.type.m - 3)
        magnitude = (max(greatest - d, 0) << self.type.m) + mantissa
        return magnitude + (below << self.type.w - 1)

    # --- sections 7 and 8

    def decode_predicted(self, piece: Piece, base: bytes) -> list[int]:
        type_ = self.type
        self.before, self.last_gain = 0, type_.one
        self.spread.begin_piece(piece.columns, piece.elements)
        gains = [type_.one] * piece.columns
        if piece.axis == COLUMN:
            gains = [self.decode_gain() for _ in range(piece.columns)]
        self.decode_column_factors(piece.ranks, piece.columns)
        made: list[int] = []
        old = type_.elements(base[:piece.elements * type_.w // 8])
        while len(made) < piece.elements:
            self.spread.begin_row(len(made) // piece.columns)
            if piece.axis == ROW:
                gains = [self.decode_gain()] * piece.columns
            self.decode_row_factors()
            left = min(piece.columns, piece.elements - len(made))
            row = old[len(made):len(made) + left]
            if type_.kind == FLOAT and type_.one is not None:
                made += self.decode_float_row(piece, row, gains)
                continue
            for j, u in enumerate(row):
                self.spread.column = j
                made.append(self.decode_element(piece, u, gains[j], self.shift(j)))
        return made

    def decode_gain(self) -> int:
        kind = self.decode_gain_kind()
        refuse(kind == 3, "kind of a gain")
        self.before = kind
        if kind == 0:
            return self.type.one
        if kind == 2:
            self.last_gain = self.type.one + self.decode_signed("gain")
            refuse(not 0 < abs(self.last_gain) <= MAX_GAIN * self.type.one, "gain")
        return self.last_gain

    def decode_gain_kind(self) -> int:
        return self.gain_kinds[self.before].decode(self.coder)

    def decode_element(self, piece: Piece, u: int, gain: int, shift: int) -> int:
        type_ = self.type
        if type_.kind == CODE:
            predicted = (type_.number(u) - piece.base_zero) * gain + (shift >> 8)
            low = (-(1 << type_.w - 1) if type_.is_signed else 0) - piece.result_zero
            setting = int(gain != type_.one or shift != 0)
            bounds = low, low + (1 << type_.w) - 1
            return self.decode_code(predicted, bounds, setting) + piece.result_zero
        if type_.kind == INTEGER:
            guess = Guess(type_.number(u), NOT_ROUNDED)
            if type_.one is not None:
                eighths = guess.number * gain + 16 * shift + (1 << 23) >> 21
                guess = Guess(eighths >> 3, eighths % 8)
            return guess.number + self.decode_residual(self.residual, 0, guess, self.spread)
        guess = Guess(type_.order(u), NOT_ROUNDED)
        residual = self.decode_residual(self.residual, type_.field(guess.number), guess, self.spread)
        return type_.float(signed(guess.number + residual, type_.w))

    def decode_float_row(self, piece: Piece, row: list[int], gains: list[int]) -> list[int]:
        made: list[int] = []
        while len(made) < len(row):
            first = len(made)
            columns = range(first, first + self.spread.held(len(row) - first))
            places = [self.float_place(row[j], j, gains[j], piece.exponent) for j in columns]
            lengths = []
            for place in places:
                element, length = self.decode_predicted_float(place)
                made.append(element)
                lengths.append((place.unit, length))
            self.spread.learn_block(first, lengths)
        return made

    def float_place(self, u: int, column: int, gain: int, exponent: int) -> Place:
        type_, here, shift = self.type, self.spread.here_at(column), self.shift(column)
        is_known = self.spread.expected is not None
        grain = min(max((here >> 10) - 5, 1), (1 << type_.e) - 1) if is_known else 1
        if gain == type_.one and shift == 0:
            guess, phase = type_.order(u, grain), None
            unit = max((u % (1 << type_.w - 1)) >> type_.m, grain)
        else:
            guess, phase = guess_float(type_, u, gain, shift, exponent, grain)
            unit = max(type_.field(guess), 1) + grain - 1
        quarters = here - 1024 * unit + 128 >> 8 if is_known else 0
        return Place(u, grain, guess, phase, unit, min(max(quarters + 2, 0), SIZES - 1))

    def decode_predicted_float(self, place: Place) -> tuple[int, int]:
        """And the length of its move."""
        type_, u = self.type, place.u
        move, length = self.move.decode(self.coder, place)
        is_towards = place.phase is None and place.guess < 0  # zero, if it grows
        order = signed(place.guess - move if is_towards else place.guess + move, type_.w)
        if move == 0 and place.phase is None and (
                type_.is_whole(u % (1 << type_.w - 1), place.grain) or self.decode_stays(u)):
            return u, length
        return self.decode_within_grain(order, place.grain), length

    def decode_stays(self, _: int) -> int:
        return self.stays.decode(self.coder, DIRECT_LIMIT)

    def decode_within_grain(self, order: int, grain: int) -> int:
        m, place = self.type.m, order if order >= 0 else -1 - order
        if grain == 1 or place >> m > 0:
            magnitude = (place + (grain - 1 << m)) % (1 << self.type.w - 1)
        elif place == 0 and grain - 1 > m:
            d = self.least_depth.decode(self.coder, DIRECT_LIMIT)
            if d == 15:
                d += self.least_beyond.decode(self.coder)
            magnitude = (max(grain - 1 - m - d, 0) << m) + self.coder.more(0, m)
        else:
            left = min(m + 1 - place.bit_length(), grain - 1)
            magnitude = self.coder.more(place, left) + (grain - 1 - left << m)
        return magnitude + (1 << self.type.w - 1 if order < 0 else 0)

    def decode_code(self, predicted: int, bounds: tuple[int, int], setting: int) -> int:
        return self.code.decode(self.coder, place_of(predicted, bounds), bounds, setting)


def decode_values(dtype: int, coded: bytes, base: bytes | None, length: int) -> bytes:
    name = NAMES[dtype]
    refuse(name not in TYPES and name not in HALVES, "codec 4, but no numbers")
    return decode_values_of(name, coded, base, length)


def decode_values_of(name: str | Type, coded: bytes, base: bytes | None, length: int) -> bytes:
    """The same of a type that no dtype has, too."""
    coder = RangeDecoder(coded)
    made = ValuesDecoder(name, coder).decode(base, length)
    coder.check_end()
    return made
