"""Codec 7: docs/format/mixed.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from byte_model import STRETCH, clamp, squash, stretch
from dtypes import NAMES
from faults import refuse
from mixed_law import LAW
from range_coder import RATES, BitModel, Number, RangeDecoder, Tree
from values import CODE, FLOAT, TYPES, Type

DENSE, SPARSE, BYTES = range(3)
CHANNELS, ROW, ROWS, BASE = range(4)
MOST = 1 << 30
LIMIT = 126
WIDEST = 4  # bytes of an element
ZERO_DEPTH = 32


@dataclass
class Source:
    axis: int = BASE
    distance: int = 0
    weight: int = 0


@dataclass
class Piece:
    """Section 6."""

    elements: int = 0
    method: int = DENSE
    zero: int = 0
    greatest: int = 0
    row: int = 1
    channels: int = 1
    mean: int = 0
    sources: list[Source] = field(default_factory=list)

    def stride(self, axis: int) -> int:
        return (1, self.channels, self.row)[axis]

    def period(self, axis: int) -> int:
        return (self.channels, self.row, self.elements)[axis]


class Numbers:
    """Section 7."""

    def __init__(self, type_: Type, piece: Piece) -> None:
        self.type, self.zero, self.greatest = type_, piece.zero, piece.greatest
        self.half = 1 << type_.w - 1

    def place(self, u: int) -> int:
        if self.type.kind == FLOAT:
            return self.half + self.type.order(u)
        return (self.type.number(u) - self.zero + self.half) % (2 * self.half)

    def bits_at(self, place: int) -> int:
        o = place - self.half
        return self.type.float(o) if self.type.kind == FLOAT else (o + self.zero) % (2 * self.half)

    def number(self, place: int) -> int:
        o = place - self.half
        if self.type.kind == FLOAT:
            return self.size(o) if o >= 0 else -self.size(-1 - o)
        return o * MOST >> self.type.w

    def bound(self, place: int) -> int:
        o = place - self.half
        if self.type.kind == FLOAT:
            return self.size(o) if o >= 0 else -self.size(-o)
        return (2 * o - 1) * (MOST >> 1) >> self.type.w

    def size(self, x: int) -> int:
        m = self.type.m
        f = x >> m
        s = x % (1 << m) + (1 << m if f > 0 else 0)
        down = self.greatest - max(f, 1)
        if down < 0:
            return MOST - 1
        return 0 if down > 30 else s << 29 - m >> down


@dataclass
class Deviation:
    """Section 9."""

    mean: int = 0
    count: int = 0

    def learn(self, d: int, limit: int) -> None:
        self.mean += (d - self.mean) * RATES[self.count] >> 16
        if self.count < limit:
            self.count += 1


def halves(d: int) -> int:
    return 0 if d < 2 else 2 * d.bit_length() + (d >> d.bit_length() - 2) % 2


def joint(v: Deviation, a: int, b: int) -> int:
    if v.count == 0:
        v.mean, v.count = (a + b) // 2, 1
    return v.mean


def law(expected: int, deviation: int) -> Callable[[int], int]:
    """Section 11."""
    inverse = (1 << 40) // (deviation + 1024)

    def below(x: int) -> int:
        z = (x - expected) * inverse >> 28
        a = min(abs(z), 24575)
        j = a >> 8
        f = LAW[j] + ((LAW[j + 1] - LAW[j]) * (a % 256) >> 8)
        return (f if z >= 0 else -f) + (x >> 16)

    return below


@dataclass
class View:
    """What is known of an element before it is decoded."""

    expected: int
    first: int
    second: int
    by_row: Deviation
    by_recent: Deviation
    contexts: tuple[int, int, int]
    zero_contexts: tuple[int, int, int]


class MixedDecoder:
    """What is written as a number, a tree and so on goes through a method of its own."""

    NUMBERS = "elements zero greatest row channels mean distance weight".split()
    TREES = {"method": 2, "axis": 2, "sources": 3, "byte": 8}

    def __init__(self, name: str, coder: RangeDecoder) -> None:
        self.type = TYPES[name]
        self.coder = coder
        self.numbers_of = {name: Number() for name in self.NUMBERS}
        self.trees = {name: Tree(bits) for name, bits in self.TREES.items()}
        self.slots: list[dict[int, BitModel]] = [{}, {}, {}]
        self.weights = [[31130, 31130, 1966, 1966, 1966] for _ in range(33)]
        self.lessons = [0] * 33
        self.knots: dict[int, list[int]] = {}
        self.all = Deviation(1 << 26)

    def decode_number(self, name: str) -> int:
        return self.numbers_of[name].decode(self.coder)

    def decode_signed(self, name: str) -> int:
        n = self.decode_number(name)
        return n >> 1 ^ -(n & 1)

    def decode_tree(self, name: str) -> int:
        return self.trees[name].decode(self.coder)

    def decode(self, base: bytes | None, length: int) -> bytes:
        made = b""
        while len(made) < length:
            piece = self.decode_head(base is not None, length - len(made))
            made += self.decode_piece(piece, b"" if base is None else base[len(made):])
        return made

    def decode_head(self, has_base: bool, left: int) -> Piece:
        """Section 6."""
        type_, piece = self.type, Piece()
        piece.elements = self.decode_number("elements")
        piece.method = self.decode_tree("method")
        refuse(piece.method > BYTES, "method")
        size = 1 if piece.method == BYTES else type_.bytes
        refuse(not 0 < piece.elements <= left // size, "elements of a piece")
        if piece.method == BYTES:
            return piece
        if type_.kind == CODE:
            piece.zero = self.decode_signed("zero")
            refuse(not -128 <= piece.zero <= 255, "zero")
        if type_.kind == FLOAT:
            piece.greatest = self.decode_number("greatest")
            refuse(piece.greatest >= 1 << type_.e, "greatest exponent")
        piece.row = self.decode_number("row")
        piece.channels = self.decode_number("channels")
        piece.mean = self.decode_signed("mean")
        refuse(not 0 < piece.row <= piece.elements, "row")
        refuse(not 0 < piece.channels <= piece.row, "channels")
        refuse(abs(piece.mean) > 65536, "mean")
        sources = self.decode_tree("sources")
        refuse(sources > 6, "sources")
        for _ in range(sources):
            piece.sources.append(self.decode_source(piece, has_base))
        return piece

    def decode_source(self, piece: Piece, has_base: bool) -> Source:
        source = Source(self.decode_tree("axis"))
        if source.axis == BASE:
            refuse(not has_base, "source in the base")
        else:
            source.distance = self.decode_number("distance")
            refuse(not 0 < source.distance <= piece.elements // piece.stride(source.axis), "distance")
        source.weight = self.decode_signed("weight")
        refuse(abs(source.weight) > 16384, "weight")
        return source

    def decode_piece(self, piece: Piece, base: bytes) -> bytes:
        if piece.method == BYTES:
            return bytes(self.decode_tree("byte") for _ in range(piece.elements))
        size = self.type.bytes
        numbers = Numbers(self.type, piece)
        self.begin_piece()
        made: list[int] = []  # places
        for i in range(piece.elements):
            old = int.from_bytes(base[i * size:(i + 1) * size], "little")
            made.append(self.decode_element(piece, numbers, made, numbers.place(old)))
        return b"".join(numbers.bits_at(place).to_bytes(size, "little") for place in made)

    def begin_piece(self) -> None:
        """Section 5."""
        self.all.count = 0
        self.in_row = Deviation()
        self.in_column: dict[int, Deviation] = {}
        self.in_channel: dict[int, Deviation] = {}
        self.by_row: dict[tuple[int, int], Deviation] = {}
        self.by_recent: dict[tuple[int, int], Deviation] = {}
        self.recent = self.all.mean
        self.zeros = 0

    def class_of(self, d: int) -> int:
        return clamp(halves(d) - halves(self.all.mean) + 12, 0, 23)

    def known(self, v: Deviation) -> int:
        return v.mean if v.count > 0 else self.all.mean

    def decode_element(self, piece: Piece, numbers: Numbers, made: list[int], old: int) -> int:
        i = len(made)
        if i % piece.row == 0:
            self.in_row = Deviation()
        column = self.in_column.setdefault(i % piece.row % 65536, Deviation())
        channel = self.in_channel.setdefault(i % piece.channels % 65536, Deviation())
        view = self.look(piece, expect(piece, numbers, made, old), column, channel)
        place = self.decode_place(piece, numbers, view)
        d = min(abs(numbers.number(place) - view.expected), MOST)
        for lane in (self.in_row, column, channel):
            if lane.count == 0:
                lane.mean, lane.count = self.all.mean, 1
            lane.learn(d, 126)
        view.by_row.learn(d, 25)
        view.by_recent.learn(d, 25)
        self.all.learn(d, 127)
        self.recent += d - self.recent >> 3
        return place

    def look(self, piece: Piece, expected: int, column: Deviation, channel: Deviation) -> View:
        """Sections 9 and 10."""
        r, c, k = self.known(self.in_row), self.known(channel), self.known(column)
        by_row = self.by_row.setdefault((self.class_of(r), self.class_of(c)), Deviation())
        by_recent = self.by_recent.setdefault((self.class_of(self.recent), self.class_of(k)), Deviation())
        first, second = joint(by_row, r, c), joint(by_recent, self.recent, k)
        unit = self.all.mean + 1
        away = clamp((4 * (expected - piece.mean * (1 << 14)) + 8 * unit) // unit, 0, 15)
        row, zeros = self.class_of(r), self.zeros
        return View(expected, first, second, by_row, by_recent, (0, self.class_of(first), away),
                    (32 * (zeros % 256) + self.class_of(c), 32 * row + self.class_of(c), zeros % 8))

    def decode_place(self, piece: Piece, numbers: Numbers, view: View) -> int:
        """Section 10."""
        type_ = self.type
        if piece.method == SPARSE:
            is_zero = self.decode_bit(0, ZERO_DEPTH, view.zero_contexts, [0, 0])
            self.zeros = 2 * self.zeros + is_zero
            if is_zero:
                return numbers.half
        least = type_.w - type_.m if type_.kind == FLOAT else type_.w
        laws = [law(view.expected, view.first), law(view.expected, view.second)]
        place, node, depth, low, high = 0, 1, 0, -MOST, MOST
        while depth < least or (depth < type_.w and high - low >= view.first >> 3):
            half = place + (1 << type_.w - 1 - depth)
            middle = numbers.bound(half)
            said = [share(below, low, middle, high) for below in laws]
            bit = self.decode_bit(node, depth, view.contexts, said)
            if bit:
                place, low = half, middle
            else:
                high = middle
            node, depth = 2 * node + bit, depth + 1
        left = type_.w - depth
        return place + self.decode_rest(left)

    def decode_rest(self, left: int) -> int:
        return self.coder.more(0, left)

    def decode_bit(self, node: int, depth: int, contexts: tuple[int, int, int], said: list[int]) -> int:
        """Section 12."""
        slots = [self.slots[c].setdefault(
            ((contexts[c] * 0x2545F491 + node) * 0x9E3779B1 % (1 << 32)) >> 16, BitModel())
            for c in range(3)]
        t = said + [stretch(slot.p) for slot in slots]
        w = self.weights[depth]
        x = clamp(sum(a * b for a, b in zip(w, t)) >> 16, -2047, 2047)
        knots = self.knots.setdefault(node if node < 1024 else 1024 + depth,
                                      [squash(128 * i - 2048) for i in range(33)])
        j, part = x + 2048 >> 7, (x + 2048) % 128
        lesson = knots[j] * (128 - part) + knots[j + 1] * part >> 7
        bit = self.coder.bit(clamp(3 * squash(x) + lesson + 2 >> 2, 24, 65512))
        target = 65535 * bit
        missed, speed = target - squash(x), 6 + 3600 // (75 + self.lessons[depth])
        for i in range(5):
            w[i] = clamp(w[i] + (t[i] * missed * speed + (1 << 19) >> 20), -(1 << 22), 1 << 22)
        self.lessons[depth] = min(self.lessons[depth] + 1, 4095)
        j = x + 2048 + 64 >> 7
        knots[j] += target - knots[j] >> 6
        for slot in slots:
            slot.update(bit, LIMIT)
        return bit


def expect(piece: Piece, numbers: Numbers, made: list[int], old: int) -> int:
    """Section 8."""
    mean = piece.mean * (1 << 14)
    total, i = mean, len(made)
    for source in piece.sources:
        place = old
        if source.axis != BASE:
            back = source.distance * piece.stride(source.axis)
            if i % piece.period(source.axis) < back:
                continue
            place = made[i - back]
        total += (numbers.number(place) - mean) * source.weight >> 10
    return clamp(total, -MOST, MOST)


def share(below: Callable[[int], int], low: int, middle: int, high: int) -> int:
    """Section 11."""
    above, whole = below(high) - below(middle), below(high) - below(low)
    return STRETCH[(above * 4096 + 65536) // (whole + 32)]


def decode_mixed(dtype: int, coded: bytes, base: bytes | None, length: int) -> bytes:
    name = NAMES[dtype]
    refuse(name not in TYPES or TYPES[name].bytes > WIDEST, "codec 7, but no numbers that it takes")
    coder = RangeDecoder(coded)
    made = MixedDecoder(name, coder).decode(base, length)
    coder.check_end()
    return made
