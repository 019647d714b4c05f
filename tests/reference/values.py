"""Codec 4: docs/format/values.md."""

from __future__ import annotations

from dataclasses import dataclass

from blocks import CodeModel
from dtypes import NAMES
from faults import Fault
from range_coder import BitModel, Number, RangeDecoder, Tree

CODE, INTEGER, FLOAT = "code", "integer", "float"
DIRECT, SPARSE, PREDICTED, BYTES = range(4)
NO_AXIS, ROW, COLUMN = range(3)
LIMIT, DIRECT_LIMIT = 100, 126
MAX_RANKS, MAX_COLUMNS, MAX_FACTORS = 64, 1 << 14, 1 << 17
MAX_UNIT, MAX_FACTOR, MAX_GAIN = (1 << 24) - 1, 32767, 32
MAX_EXPONENT = 4096
NOT_ROUNDED = 4


@dataclass(frozen=True)
class Type:
    """Section 4."""

    kind: str
    bytes: int
    one: int | None = None  # the gain that changes nothing
    m: int = 0
    e: int = 0
    is_signed: bool = False

    @property
    def w(self) -> int:
        return 8 * self.bytes

    def order(self, u: int) -> int:
        magnitude = u % (1 << self.w - 1)
        return -1 - magnitude if u >> self.w - 1 else magnitude

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


def signed(number: int, bits: int) -> int:
    number %= 1 << bits
    return number - (1 << bits) if number >> bits - 1 else number


def shifted(number: int, up: int) -> int:
    return number << up if up >= 0 else number >> -up


def divided(number: int, by: int) -> int:
    """Towards zero."""
    return number // by if number >= 0 else -(-number // by)


def refuse(is_wrong: bool, what: str) -> None:
    if is_wrong:
        raise Fault("corrupt_data", what)


@dataclass
class Guess:
    number: int
    phase: int


def guess_float(type_: Type, u: int, gain: int, shift: int, exponent: int) -> Guess:
    """Section 9."""
    m, infinity = type_.m, (1 << type_.e) - 1
    f = u % (1 << type_.w - 1) >> m
    if (gain == type_.one and shift == 0) or f == infinity:
        return Guess(type_.order(u), NOT_ROUNDED)
    total = (u % (1 << m) + (1 << m if f > 0 else 0)) * gain
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
    last = max(place + abs(total).bit_length() - m - 1, 0)
    eighths = shifted(abs(total), place + 3 - last) + (last << m + 3)
    eighths = min(eighths, (infinity << m + 3) - 8)
    moved = 4 + eighths if total >= 0 else -4 - eighths
    return Guess(moved >> 3, moved % 8)


@dataclass
class Spread:
    expected: int | None = None

    def half(self, exponent: int) -> int:
        return 0 if self.expected is None else self.expected - 16 * exponent + 4 >> 3

    def learn(self, n: int, exponent: int) -> None:
        seen = 16 * (n + exponent)
        if self.expected is None:
            self.expected = seen
        elif n > 0:
            self.expected += divided(seen - self.expected, 16)
        elif self.expected > seen:
            self.expected += divided(seen - self.expected, 32)


class ResidualModel:
    """Section 10."""

    def __init__(self) -> None:
        self.models: dict[tuple, BitModel] = {}
        self.last = 0

    def bit(self, coder: RangeDecoder, *key: object) -> int:
        return self.models.setdefault(key, BitModel()).decode(coder, LIMIT)

    @staticmethod
    def place(exponent: int, phase: int, spread: Spread) -> tuple[int, int, int]:
        half = spread.half(exponent)
        s = min(max(half + 1, 0), 25)
        return s, min(max(half >> 1, 1), 63), phase if s < 10 else NOT_ROUNDED

    def decode(self, coder: RangeDecoder, exponent: int, phase: int, spread: Spread) -> int:
        s, n, f = self.place(exponent, phase, spread)
        n = self.decode_length(coder, s, n, f)
        spread.learn(n, exponent)
        if n == 0:
            self.last = 0
            return 0
        down = self.bit(coder, "is_down", s, f, self.last)
        self.last = 1 if down else 2
        size = 1
        if n > 1:
            size = 2 * size + self.bit(coder, "second", s, n)
        if n > 2:
            size = 2 * size + self.bit(coder, "third", n, size % 2)
        size = coder.more(size, n - 3)
        return signed(-size if down else size, 64)

    def decode_length(self, coder: RangeDecoder, s: int, n: int, f: int) -> int:
        if not self.bit(coder, "moves", s, f, self.last != 0):
            return 0
        if self.bit(coder, "longer", s, 0):
            n, i = n + 1, 1
            while n < 64 and self.bit(coder, "longer", s, i):
                n, i = n + 1, min(i + 1, 11)
            return n
        i = 0
        while n > 1 and self.bit(coder, "shorter", s, i):
            n, i = n - 1, min(i + 1, 11)
        return n


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


NUMBERS = "elements zero greatest columns ranks exponent gain unit".split()


class ValuesDecoder:
    """What is written as a number, a tree and so on goes through a method of its own."""

    def __init__(self, name: str, coder: RangeDecoder) -> None:
        self.type = TYPES[name]
        self.coder = coder
        self.numbers = {name: Number() for name in NUMBERS}
        self.trees = {name: Tree(2) for name in ("method", "axis")}
        self.gain_kinds = [Tree(2) for _ in range(3)]
        self.code, self.residual = CodeModel(), ResidualModel()
        self.factor, self.direct_residual = ResidualModel(), ResidualModel()
        self.spread, self.direct_spread = Spread(), Spread()
        self.direct_code = Tree(8)
        self.is_zero, self.zeros = [BitModel() for _ in range(16)], 0
        self.is_negative, self.size = BitModel(), Tree(7)
        self.depth, self.beyond = Tree(4), Number()
        self.is_below = BitModel()
        self.top = [[BitModel() for _ in range(8)] for _ in range(16)]
        self.byte = Tree(8)

    def decode_number(self, name: str) -> int:
        return self.numbers[name].decode(self.coder)

    def decode_signed(self, name: str) -> int:
        x = self.decode_number(name)
        return x >> 1 ^ -(x & 1)

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
        size = 1 if piece.method == BYTES else type_.bytes
        refuse(not 0 < piece.elements <= left // size, "elements of a piece")
        if piece.method == BYTES:
            return piece
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
        piece.ranks = self.decode_number("ranks")
        refuse(piece.axis > COLUMN or piece.ranks > MAX_RANKS, "axis or ranks")
        if piece.axis == COLUMN or piece.ranks > 0:
            refuse(piece.columns > MAX_COLUMNS or piece.ranks * piece.columns > MAX_FACTORS, "columns")
        if self.type.kind == FLOAT and piece.ranks > 0:
            piece.exponent = self.decode_signed("exponent")
            refuse(abs(piece.exponent) > MAX_EXPONENT, "exponent")

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
        return b"".join((number % (1 << self.type.w)).to_bytes(self.type.bytes, "little")
                        for number in numbers)

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
        spreads = [Spread() for _ in range(piece.ranks)]
        gains = [type_.one] * piece.columns
        if piece.axis == COLUMN:
            gains = [self.decode_gain() for _ in range(piece.columns)]
        units, factors = [], []
        for spread in spreads:
            units.append(self.decode_unit())
            factors.append([self.decode_factor(spread) for _ in range(piece.columns)])
        spreads = [Spread() for _ in range(piece.ranks)]
        made: list[int] = []
        while len(made) < piece.elements:
            if piece.axis == ROW:
                gains = [self.decode_gain()] * piece.columns
            scaled = [unit * self.decode_factor(spread) for unit, spread in zip(units, spreads)]
            for j in range(min(piece.columns, piece.elements - len(made))):
                shift = signed(sum(by * column[j] for by, column in zip(scaled, factors)), 32)
                at = len(made) * type_.bytes
                u = int.from_bytes(base[at:at + type_.bytes], "little")
                made.append(self.decode_element(piece, u, gains[j], shift))
        return made

    def decode_gain(self) -> int:
        kind = self.decode_gain_kind()
        refuse(kind == 3, "kind of a gain")
        self.before = kind
        if kind == 0:
            return self.type.one
        if kind == 2:
            self.last_gain = self.type.one + self.decode_signed("gain")
            refuse(not 1 <= self.last_gain <= MAX_GAIN * self.type.one, "gain")
        return self.last_gain

    def decode_gain_kind(self) -> int:
        return self.gain_kinds[self.before].decode(self.coder)

    def decode_unit(self) -> int:
        unit = self.decode_number("unit")
        refuse(unit > MAX_UNIT, "unit")
        return unit

    def decode_factor(self, spread: Spread) -> int:
        factor = self.decode_residual(self.factor, 0, Guess(0, NOT_ROUNDED), spread)
        refuse(abs(factor) > MAX_FACTOR, "factor")
        return factor

    def decode_element(self, piece: Piece, u: int, gain: int, shift: int) -> int:
        type_ = self.type
        if type_.kind == CODE:
            predicted = (type_.number(u) - piece.base_zero) * gain + (shift >> 8)
            low = (-128 if type_.is_signed else 0) - piece.result_zero
            setting = int(gain != type_.one or shift != 0)
            return self.decode_code(predicted, (low, low + 255), setting) + piece.result_zero
        if type_.kind == INTEGER:
            guess = Guess(type_.number(u), NOT_ROUNDED)
            if type_.one is not None:
                eighths = guess.number * gain + 16 * shift + (1 << 23) >> 21
                guess = Guess(eighths >> 3, eighths % 8)
            return guess.number + self.decode_residual(self.residual, 0, guess, self.spread)
        guess = Guess(type_.order(u), NOT_ROUNDED)
        if type_.one is not None:
            guess = guess_float(type_, u, gain, shift, piece.exponent)
        residual = self.decode_residual(self.residual, type_.field(guess.number), guess, self.spread)
        return type_.float(signed(guess.number + residual, type_.w))

    def decode_code(self, predicted: int, bounds: tuple[int, int], setting: int) -> int:
        return self.code.decode(self.coder, predicted, bounds, setting)

    def decode_residual(self, model: ResidualModel, exponent: int, guess: Guess, spread: Spread) -> int:
        """By how much a number differs from `guess`."""
        return model.decode(self.coder, exponent, guess.phase, spread)


def decode_values(dtype: int, coded: bytes, base: bytes | None, length: int) -> bytes:
    name = NAMES[dtype]
    refuse(name not in TYPES, "codec 4, but no numbers")
    coder = RangeDecoder(coded)
    made = ValuesDecoder(name, coder).decode(base, length)
    coder.check_end()
    return made
