"""Codec 3: docs/format/blocks.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dtypes import NAMES, Codes, Part
from faults import Fault, refuse
from range_coder import BitModel, FineModel, RangeDecoder, Tree
from residuals import MAX_COLUMNS, NOT_ROUNDED, Guess, RankDecoder, ResidualModel, Spread

LIMIT = 100
MOVES_LIMIT = 500
EQUAL_LIMIT = 255
NARROW = (32, 64, 128)  # where phases begin below 256
MOVED = (32, 32, 32, 39, 56, 104, 158, 223, 294, 388, 478)  # by phase, of 1024
LEVELS = (5, 8, 12, 18, 28, 44, 70, 110)
MAX_EXPONENT = 16
NO_START, ADDED, TAKEN = "none", "added", "taken"


@dataclass(frozen=True)
class Grid:
    """Section 4. Codes and scales are written as there: offset/bits/run."""

    bytes: int
    groups: int
    group_codes: int
    code_bounds: tuple[int, int]
    scale_bounds: tuple[int, int] | None
    start: str
    scale: int
    minimum: int | None
    codes: Codes
    table: tuple[tuple[int, int], ...] | None = None  # by number: as stored, value
    power: bool = False  # the scale is the exponent of a power of two

    def place(self, predicted: int) -> Place:
        """Of a code."""
        low, high = self.code_bounds
        return place_of(predicted, self.code_bounds, (-127 if low == -128 else low, high))


IQ4_NL = tuple(enumerate((-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)))
E2M1 = ((15, -96), (14, -64), (13, -48), (12, -32), (11, -24), (10, -16), (9, -8), (8, -1),
        (0, 1), (1, 8), (2, 16), (3, 24), (4, 32), (5, 48), (6, 64), (7, 96))


def _codes(count: int, low: tuple[int, int, int], high: tuple[int, int, int] | None = None) -> Codes:
    return Codes(count, Part(*low), Part(*(high or (0, 0, 0))))


GRIDS = {
    "q4_0": Grid(18, 1, 32, (-8, 7), None, NO_START, 0, None, _codes(32, (2, 4, 16))),
    "q4_1": Grid(20, 1, 32, (0, 15), None, ADDED, 0, 2, _codes(32, (4, 4, 16))),
    "q5_0": Grid(22, 1, 32, (-16, 15), None, NO_START, 0, None, _codes(32, (6, 4, 16), (2, 1, 1))),
    "q5_1": Grid(24, 1, 32, (0, 31), None, ADDED, 0, 2, _codes(32, (8, 4, 16), (4, 1, 1))),
    "q8_0": Grid(34, 1, 32, (-128, 127), None, NO_START, 0, None, _codes(32, (2, 8, 32))),
    "q2_k": Grid(84, 16, 16, (0, 3), (0, 15), TAKEN, 80, 82, _codes(256, (16, 2, 32))),
    "q3_k": Grid(110, 16, 16, (-4, 3), (-32, 31), NO_START, 108, None,
                 _codes(256, (32, 2, 32), (0, 1, 32))),
    "q4_k": Grid(144, 8, 32, (0, 15), (0, 63), TAKEN, 0, 2, _codes(256, (16, 4, 32))),
    "q5_k": Grid(176, 8, 32, (0, 31), (0, 63), TAKEN, 0, 2, _codes(256, (48, 4, 32), (16, 1, 32))),
    "q6_k": Grid(210, 16, 16, (-32, 31), (-128, 127), NO_START, 208, None,
                 _codes(256, (0, 4, 64), (128, 2, 32))),
    "iq4_nl": Grid(18, 1, 32, (0, 15), None, NO_START, 0, None, _codes(32, (2, 4, 16)), IQ4_NL),
    "iq4_xs": Grid(136, 8, 32, (0, 15), (-32, 31), NO_START, 0, None, _codes(256, (8, 4, 16)), IQ4_NL),
    "mxfp4": Grid(17, 1, 32, (0, 15), None, NO_START, 0, None, _codes(32, (1, 4, 16)), E2M1, True),
}
SCALES = {"q3_k": _codes(16, (96, 4, 8), (104, 2, 4)), "iq4_xs": _codes(8, (4, 4, 1), (2, 2, 1))}


@dataclass
class Block:
    scale: int = 0
    minimum: int = 0
    group_scales: list[int] = field(default_factory=list)
    group_minima: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)


def _unpack(codes: Codes, block: bytes) -> list[int]:
    numbers = []
    for number in range(codes.count):
        value = shift = 0
        for part in (codes.low, codes.high):
            if part.bits:
                at, bit = part.place(number)
                value |= (block[at] >> bit & (1 << part.bits) - 1) << shift
            shift += part.bits
        numbers.append(value)
    return numbers


def _pack(codes: Codes, numbers: list[int], block: bytearray) -> None:
    """Into bits that are zero."""
    for number, value in enumerate(numbers):
        for part in (codes.low, codes.high):
            if part.bits:
                at, bit = part.place(number)
                block[at] |= (value & (1 << part.bits) - 1) << bit
            value >>= part.bits


def _number(u: int, low: int) -> int:
    return (u ^ 128) - 128 if low == -128 else u + low


def _unsigned(number: int, low: int) -> int:
    return number % 256 if low == -128 else number - low


def _read_scales(name: str, block: bytes) -> tuple[list[int], list[int]]:
    """Unsigned group scales and minima."""
    if name == "q2_k":
        return [s % 16 for s in block[:16]], [s >> 4 for s in block[:16]]
    if name in SCALES:
        return _unpack(SCALES[name], block), []
    if name == "q6_k":
        return list(block[192:208]), []
    s = block[4:16]
    scales = [s[i] % 64 for i in range(4)] + [s[8 + i] % 16 + 16 * (s[i] >> 6) for i in range(4)]
    minima = ([s[4 + i] % 64 for i in range(4)]
              + [(s[8 + i] >> 4) + 16 * (s[4 + i] >> 6) for i in range(4)])
    return scales, minima


def _write_scales(name: str, scales: list[int], minima: list[int], block: bytearray) -> None:
    if name == "q2_k":
        block[:16] = bytes(s | m << 4 for s, m in zip(scales, minima))
    elif name in SCALES:
        _pack(SCALES[name], scales, block)
    elif name == "q6_k":
        block[192:208] = bytes(scales)
    else:
        block[4:16] = bytes([scales[i] | scales[4 + i] >> 4 << 6 for i in range(4)]
                            + [minima[i] | minima[4 + i] >> 4 << 6 for i in range(4)]
                            + [scales[4 + i] % 16 | minima[4 + i] % 16 << 4 for i in range(4)])


def read_block(name: str, block: bytes) -> Block:
    grid = GRIDS[name]
    made = Block(int.from_bytes(block[grid.scale:grid.scale + 2 - grid.power], "little"))
    if grid.table:
        order = [u for u, _ in grid.table]
        made.codes = [order.index(u) for u in _unpack(grid.codes, block)]
    else:
        made.codes = [_number(u, grid.code_bounds[0]) for u in _unpack(grid.codes, block)]
    if grid.minimum is not None:
        made.minimum = int.from_bytes(block[grid.minimum:grid.minimum + 2], "little")
    if grid.scale_bounds:
        scales, made.group_minima = _read_scales(name, block)
        made.group_scales = [_number(u, grid.scale_bounds[0]) for u in scales]
    return made


def write_block(name: str, block: Block) -> bytes:
    grid = GRIDS[name]
    made = bytearray(grid.bytes)
    _pack(grid.codes, [grid.table[number][0] if grid.table else _unsigned(number, grid.code_bounds[0])
                       for number in block.codes], made)
    if grid.scale_bounds:
        scales = [_unsigned(number, grid.scale_bounds[0]) for number in block.group_scales]
        _write_scales(name, scales, block.group_minima, made)
    width = 2 - grid.power
    made[grid.scale:grid.scale + width] = block.scale.to_bytes(width, "little")
    if grid.minimum is not None:
        made[grid.minimum:grid.minimum + 2] = block.minimum.to_bytes(2, "little")
    return bytes(made)


def scales_of(block: Block) -> tuple:
    return block.scale, block.minimum, block.group_scales, block.group_minima


def monotone(half: int) -> int:
    return half ^ 0x7FFF if half >> 15 else half


def units(half: int) -> int:
    exponent, fraction = half >> 10 & 31, half & 1023
    size = (1024 + fraction) << exponent - 1 if exponent else fraction
    return -size if half >> 15 else size


def ratio(a: int, b: int) -> int:
    return 0 if b == 0 else max(-1 << 24, min(1 << 24, quotient(4096 * a, b)))


def quotient(a: int, b: int) -> int:
    """Rounds towards zero."""
    size = abs(a) // abs(b)
    return size if (a < 0) == (b < 0) else -size


def position(x: int, values: list[int]) -> int:
    """Where x lies among the values of a table, both in units of 1 / 4096."""
    middles = [a + b for a, b in zip(values, values[1:])]
    middles = [4 * values[0] - middles[0], *middles, 4 * values[15] - middles[-1]]
    i = sum(2 * x >= 4096 * middle for middle in middles[1:16])
    return 4096 * i - 2048 + quotient(2 * x - 4096 * middles[i], middles[i + 1] - middles[i])


def reach_of(exponent: int, step: int) -> int:
    """What makes moves of shifts, where a group has so long a step."""
    return 0 if step == 0 else max(-1 << 31, min(1 << 31, quotient(1 << 44 + exponent, step)))


@dataclass(frozen=True)
class Place:
    step: int
    phase: int
    mirrored: bool
    edge: int
    down: bool | None  # whether a residual is negative, where the step tells


def place_of(predicted: int, bounds: tuple[int, int], steps: tuple[int, int] | None = None) -> Place:
    low, high = steps or bounds
    moved = predicted + 2048
    step, off = moved >> 12, moved % 4096 - 2048
    if step < low:
        step, off = low, -2048
    elif step > high:
        step, off = high, 2047
    mirrored = off < 0
    size = -1 - off if mirrored else off
    phase = (size >> 8) + sum(begin <= size for begin in NARROW)
    edge = 1 + mirrored if step == low else 2 - mirrored if step == high else 0
    return Place(step, phase, mirrored, edge, True if step == bounds[1] else False if step == bounds[0] else None)


def lean_of(place: Place, missed: int) -> int:
    """The setting that says how the scale of the same group missed its prediction."""
    return 0 if missed == 0 else 2 if (missed < 0) == place.mirrored else 3


class CodeModel:
    """Section 7."""

    def __init__(self) -> None:
        self.models: dict[tuple, BitModel] = {}
        self.moves: dict[tuple, FineModel] = {}
        self.average = 16
        self.last = 0

    def bit(self, coder: RangeDecoder, *key: object) -> int:
        return self.models.setdefault(key, BitModel()).decode(coder, LIMIT)

    def decode(self, coder: RangeDecoder, place: Place, bounds: tuple[int, int], setting: int) -> int:
        return self.add(place, self.decode_residual(coder, place, setting), bounds)

    def decode_moved(self, coder: RangeDecoder, place: Place, bounds: tuple[int, int]) -> int:
        """A number that is not the step."""
        return self.add(place, self.decode_size(coder, place, 0), bounds)

    def add(self, place: Place, residual: int, bounds: tuple[int, int]) -> int:
        self.average += 64 * abs(residual) - 4 * self.average + 16 >> 5
        self.last = residual
        number = place.step + residual
        if not bounds[0] <= number <= bounds[1]:
            raise Fault("corrupt_data", "a number out of its bounds")
        return number

    def decode_residual(self, coder: RangeDecoder, place: Place, setting: int) -> int:
        key = (self.level(), place.phase, place.edge, setting, self.last != 0)
        begun = FineModel(4096 * MOVED[place.phase], 2)
        if not self.moves.setdefault(key, begun).decode(coder, MOVES_LIMIT):
            return 0
        return self.decode_size(coder, place, setting)

    def level(self) -> int:
        return sum(level <= self.average for level in LEVELS)

    def decode_size(self, coder: RangeDecoder, place: Place, setting: int) -> int:
        """A residual that is not 0."""
        v = self.level()
        down = place.down
        if down is None:
            down = bool(self.bit(coder, "is_down", min(v, 2), place.phase, setting)) != place.mirrored
        n = 1
        while n < 8 and self.bit(coder, "is_longer", v, n):
            n += 1
        size = 1
        if n > 1:
            size = coder.more(2 + self.bit(coder, "next", n), n - 2)
        return -size if down else size


@dataclass
class Piece:
    """Section 6."""

    blocks: int = 0
    has_ranks: bool = False
    row_blocks: int = 0
    ranks: int = 0
    exponent: int = 0


class BlocksDecoder(RankDecoder):
    """Sections 3 and 5."""

    NUMBERS = "blocks row_blocks ranks exponent unit".split()

    def __init__(self, name: str, coder: RangeDecoder) -> None:
        super().__init__(coder)
        self.name = name
        self.grid = GRIDS[name]
        self.block_codes = self.grid.groups * self.grid.group_codes
        self.base_size = self.grid.bytes  # of what the base has for a block
        self.has_ranks = BitModel()
        self.piece = Piece()
        self.column = 0  # of the first code of the block
        self.equal = [FineModel() for _ in range(4)]
        self.before = 0
        self.keep = [BitModel(), BitModel()]
        self.kept = 0
        self.halves = ResidualModel()
        self.half_spreads = [Spread(), Spread()]
        self.first = Tree(5)
        self.group_scale = CodeModel()
        self.group_minimum = CodeModel()
        self.code = CodeModel()
        self.byte = Tree(8)

    def decode(self, base: bytes) -> bytes:
        made = self.decode_pieces(len(base) // self.grid.bytes, base)
        return made + bytes((byte + self.byte.decode(self.coder)) % 256 for byte in base[len(made):])

    def decode_pieces(self, blocks: int, base: Sequence[int]) -> bytes:
        made = b""
        while room := blocks - len(made) // self.grid.bytes:
            self.decode_head(room)
            made += self.decode_piece(base[(blocks - room) * self.base_size:])
        return made

    def decode_head(self, room: int) -> None:
        piece = self.piece = Piece(self.decode_number("blocks"))
        refuse(not 0 < piece.blocks <= room, "blocks of a piece")
        piece.has_ranks = bool(self.decode_has_ranks())
        if not piece.has_ranks:
            return
        piece.row_blocks = self.decode_number("row_blocks")
        refuse(not 0 < piece.row_blocks <= piece.blocks, "blocks of a row")
        columns = piece.row_blocks * self.block_codes
        refuse(columns > MAX_COLUMNS, "columns")
        piece.ranks = self.decode_ranks(columns)
        piece.exponent = self.decode_exponent(MAX_EXPONENT)
        self.decode_column_factors(piece.ranks, columns)

    def decode_has_ranks(self) -> int:
        return self.has_ranks.decode(self.coder, LIMIT)

    def decode_piece(self, base: Sequence[int]) -> bytes:
        made = b""
        for index in range(self.piece.blocks):
            if self.piece.has_ranks:
                in_row = index % self.piece.row_blocks
                self.column = in_row * self.block_codes
                if in_row == 0:
                    self.decode_row_factors()
            made += self.decode_next(base[index * self.base_size:(index + 1) * self.base_size])
        return made

    def decode_next(self, old: Any) -> bytes:
        return old if self.decode_equal() else write_block(self.name, self.decode_block(old))

    def decode_equal(self) -> int:
        equal = self.equal[self.before].decode(self.coder, EQUAL_LIMIT)
        self.before = (2 * self.before + equal) % 4
        return equal

    def decode_keep(self) -> None:
        self.kept = self.keep[self.kept].decode(self.coder, LIMIT)

    def factor(self, a: int, b: int) -> int:
        return 4096 if self.kept else ratio(a, b)

    def decode_block(self, old: Any) -> Block:
        grid, base, block = self.grid, read_block(self.name, old), Block()
        self.decode_keep()
        block.scale = self.decode_half(0, base.scale)
        if grid.start != NO_START:
            block.minimum = self.decode_half(1, base.minimum)
        if grid.scale_bounds:
            by = self.factor(units(base.scale), units(block.scale))
            places = [place_of(number * by, grid.scale_bounds) for number in base.group_scales]
            block.group_scales = [self.decode_code(self.group_scale, place, grid.scale_bounds) for place in places]
            missed = [number - place.step for number, place in zip(block.group_scales, places)]
        if grid.start == TAKEN and grid.scale_bounds:
            by = self.factor(units(base.minimum), units(block.minimum))
            places = [place_of(number * by, grid.scale_bounds) for number in base.group_minima]
            block.group_minima = [self.decode_code(self.group_minimum, place, grid.scale_bounds, lean_of(place, by_how_much))
                                  for place, by_how_much in zip(places, missed)]
        if not self.piece.has_ranks and scales_of(block) == scales_of(base):
            self.decode_first(base, block)
        for group in range(len(block.codes) // grid.group_codes, grid.groups):
            self.decode_codes(group, base, block)
        return block

    def decode_first(self, base: Block, block: Block) -> None:
        """The codes up to the first that differs from that of the base."""
        first = self.decode_place()
        block.codes = base.codes[:first]
        block.codes.append(self.decode_moved(place_of(4096 * base.codes[first], self.grid.code_bounds)))

    def decode_place(self) -> int:
        return self.coder.more(self.first.decode(self.coder, LIMIT), 0 if self.block_codes == 32 else 3)

    def decode_moved(self, place: Place) -> int:
        return self.code.decode_moved(self.coder, place, self.grid.code_bounds)

    def decode_half(self, which: int, old: int) -> int:
        residual = self.decode_residual(self.halves, old >> 10 & 31, Guess(0, NOT_ROUNDED), self.half_spreads[which])
        if not -0x8000 <= residual <= 0x7FFF:
            raise Fault("corrupt_data", "difference of halves")
        half = monotone((monotone(old) + residual) % 65536)
        if self.grid.power and half > 0xFF:
            raise Fault("corrupt_data", "a power beyond a byte")
        return half

    def decode_code(self, model: CodeModel, place: Place, bounds: tuple[int, int], setting: int = 0) -> int:
        return model.decode(self.coder, place, bounds, setting)

    def line(self, block: Block, group: int) -> tuple[int, int]:
        step, start = units(block.scale), units(block.minimum)
        if self.grid.power:
            step = 1 << max(0, min(40, block.scale - 104))
        if self.grid.scale_bounds:
            step *= block.group_scales[group]
        if self.grid.start == TAKEN:
            start *= -block.group_minima[group]
        return step, start

    def decode_codes(self, group: int, base: Block, block: Block) -> None:
        old_step, old_start = self.line(base, group)
        step, start = self.line(block, group)
        setting = int((step, start) != (old_step, old_start))
        factor = self.factor(old_step, step)
        shift = 0 if self.kept else ratio(old_start - start, step)
        begin, end = len(block.codes), (group + 1) * self.grid.group_codes
        for i, code in enumerate(base.codes[begin:end], begin):
            place = self.grid.place(self.predict(code, factor, shift, self.move(i, step)))
            block.codes.append(self.decode_code(self.code, place, self.grid.code_bounds, setting))

    def move(self, i: int, step: int) -> int:
        """What ranks add to code i of the block."""
        if not self.piece.has_ranks:
            return 0
        return self.shift(self.column + i) * reach_of(self.piece.exponent, step) >> 32

    def predict(self, code: int, factor: int, shift: int, move: int) -> int:
        if self.grid.table and not self.kept:
            values = [value for _, value in self.grid.table]
            return position(values[code] * factor + move, values)
        return code * factor + shift + move


def decode_blocks(dtype: int, coded: bytes, base: bytes | None) -> bytes:
    name = NAMES[dtype]
    if name not in GRIDS:
        raise Fault("corrupt_data", "codec 3, but no blocks")
    if base is None:
        raise Fault("corrupt_data", "no prediction")
    coder = RangeDecoder(coded)
    made = BlocksDecoder(name, coder).decode(base)
    coder.check_end()
    return made
