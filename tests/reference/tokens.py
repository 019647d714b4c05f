"""Codec 6: docs/format/tokens.md."""

from __future__ import annotations

import blocks
from blocks import ADDED, NO_START, TAKEN, Block, Grid, ratio, read_block, units, write_block
from dtypes import NAMES
from faults import Fault, Reader
from range_coder import BitModel, RangeDecoder, Tree

STATES = 32
TOTAL = 2048  # of the frequencies of a context
LEAST_STATE = 1 << 16
EDGE, UNMOVED = 8, 9  # contexts of a level
MOST_PREDICTED = 1 << 22
MANTISSA = {"f16": 10, "bf16": 7, "f32": 23}
INTEGERS = {"u8": 1, "i8": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4}
WIDTHS = {**INTEGERS, "f16": 2, "bf16": 2, "f32": 4}
DIRECT, PREDICTED = 0, 1
GRIDS = {name: grid for name, grid in blocks.GRIDS.items() if not grid.table}


def magnitudes(size_class: int) -> tuple[int, int]:
    """Section 6: the least magnitude, and the count of raw bits."""
    if size_class < 4:
        return size_class, 0
    bits = size_class // 2 - 1
    return 2 + size_class % 2 << bits, bits


def monotone(bits: int, width: int) -> int:
    return bits ^ (1 << width - 1) - 1 if bits >> width - 1 else bits


class TokensDecoder:
    def __init__(self, dtype: int, payload: bytes, base: bytes | None, length: int) -> None:
        self.name = NAMES[dtype]
        if self.name not in WIDTHS and self.name not in GRIDS:
            raise Fault("corrupt_data", "codec 6, but no tokens")
        self.grid: Grid | None = GRIDS.get(self.name)
        self.bytes = self.grid.bytes if self.grid else WIDTHS[self.name]
        self.is_float = self.name in MANTISSA
        self.base, self.length = base, length
        self.made = bytearray(length)
        self.used, self.lengths = BitModel(), [Tree(4) for _ in range(16)]
        self.tables: list[list[int]] = []
        self.levels: list[int] = []
        self.group = 0
        self.position = 0  # in a stream
        self.raw_at = 0
        self.begin(payload)

    def begin(self, payload: bytes) -> None:
        reader = Reader(payload, short="corrupt_data")
        head_bytes, token_bytes = reader.varint("corrupt_data"), reader.varint("corrupt_data")
        self.coder = RangeDecoder(reader.take(head_bytes))
        words = Reader(reader.take(token_bytes), short="corrupt_data")
        self.states = [words.integer(4) for _ in range(STATES)]
        if min(self.states) < LEAST_STATE:
            raise Fault("corrupt_data", "state")
        self.words = words
        raw = reader.take(reader.left())
        self.raw_size, self.raw = 8 * len(raw), int.from_bytes(raw, "little")

    def decode(self) -> bytes:
        self.decode_section()
        self.coder.check_end()
        if set(self.states) != {LEAST_STATE} or self.words.left():
            raise Fault("corrupt_data", "tokens do not end where the section does")
        if not 0 <= self.raw_size - self.raw_at < 8 or self.raw >> self.raw_at:
            raise Fault("corrupt_data", "raw bits do not end where the section does")
        return bytes(self.made)

    # --- section 4: overview

    def decode_section(self) -> None:
        method = self.head("method", 1)
        count = self.length // self.bytes
        for at in range(count * self.bytes, self.length):
            self.made[at] = self.head("byte", 8)
        if count == 0 or (method == PREDICTED and self.base is None):
            raise Fault("corrupt_data", "no element, or no prediction")
        if method == DIRECT:
            if self.grid:
                raise Fault("corrupt_data", "blocks on their own")
            self.decode_direct(count)
            return
        self.group = (1 if self.grid else 32) << self.head("group", 2)
        self.decode_levels(-(-count // self.group))
        if self.grid:
            self.decode_blocks(self.grid, count)
        else:
            self.decode_elements(count)

    def head(self, what: str, bits: int) -> int:
        models = self.__dict__.setdefault("head_models", {})
        return models.setdefault(what, Tree(bits)).decode(self.coder)

    # --- section 5: streams

    def begin_stream(self, contexts: int, tokens: int) -> None:
        self.tables = [self.frequencies(tokens) for _ in range(contexts)]
        self.position = 0

    def frequencies(self, tokens: int) -> list[int]:
        if not self.used.decode(self.coder):
            return [TOTAL]
        table: list[int] = []
        length = 0
        while sum(table) < TOTAL:
            if len(table) == tokens:
                raise Fault("corrupt_data", "frequencies below the total")
            length = self.lengths[length].decode(self.coder)
            frequency = min(length, 1)
            for _ in range(length - 1):
                frequency = 2 * frequency + self.coder.bit(32768)
            table.append(frequency)
        if sum(table) > TOTAL:
            raise Fault("corrupt_data", "frequencies above the total")
        return table

    def token(self, context: int) -> int:
        index = self.position % STATES
        state, self.position = self.states[index], self.position + 1
        slot, token = state % TOTAL, 0
        while slot >= self.tables[context][token]:
            slot -= self.tables[context][token]
            token += 1
        state = self.tables[context][token] * (state // TOTAL) + slot
        if state < LEAST_STATE:
            state = state << 16 | self.words.integer(2)
        self.states[index] = state
        return token

    def raw_bits(self, count: int) -> int:
        self.raw_at += count
        if self.raw_at > self.raw_size:
            raise Fault("corrupt_data", "raw bits run out")
        return self.raw >> self.raw_at - count & (1 << count) - 1

    def integer(self, context: int) -> int:
        token = self.token(context)
        least, bits = magnitudes((token + 1) // 2)
        size = least + self.raw_bits(bits)
        return size if token % 2 else -size

    def difference(self, context: int) -> int:
        token = self.token(context)
        if token == 0:
            return 0
        least, bits = magnitudes(token)
        raw = self.raw_bits(bits + 1)
        return -(least + raw // 2) if raw % 2 else least + raw // 2

    # --- section 7: levels

    def decode_levels(self, groups: int) -> None:
        level = self.head("level", 8)
        self.levels = [level] * groups
        if level == 0:
            self.begin_stream(1, 256)
            self.levels = [self.token(0) for _ in range(groups)]

    def old(self, index: int, size: int) -> bytes:
        assert self.base is not None
        return self.base[index * size:(index + 1) * size]

    # --- section 8: elements

    def decode_direct(self, count: int) -> None:
        width = 8 * self.bytes
        by_top_byte = self.is_float or width == 8
        self.begin_stream(1, 256 if by_top_byte else 2 * (2 * width - 1) - 1)
        for index in range(count):
            if by_top_byte:
                bits = self.token(0) << width - 8 | self.raw_bits(width - 8)
                if width > 8:
                    bits = bits >> 1 | bits % 2 << width - 1
            else:
                bits = self.integer(0)
            self.store(index, bits)

    def store(self, index: int, bits: int) -> None:
        size = self.bytes
        self.made[index * size:(index + 1) * size] = (bits % (1 << 8 * size)).to_bytes(size, "little")

    def decode_elements(self, count: int) -> None:
        width = 8 * self.bytes
        classes = 2 * width - 1
        self.begin_stream(16, classes if self.is_float else 2 * classes - 1)
        for index in range(count):
            old = int.from_bytes(self.old(index, self.bytes), "little")
            level = self.levels[index // self.group]
            if level == 0:
                self.store(index, old)
            elif self.is_float:
                exponent = (old & (1 << width - 1) - 1) >> MANTISSA[self.name]
                number = monotone(old, width) + self.difference(min(max(level - exponent, 0), 15))
                self.store(index, monotone(number % (1 << width), width))
            else:
                edges = {"i8": (127, 128, 129), "u8": (0, 255)}.get(self.name, ())
                self.store(index, old + self.integer(2 * (min(level, 8) - 1) + (old in edges)))

    # --- section 9: blocks

    def decode_blocks(self, grid: Grid, count: int) -> None:
        moved = [index for index in range(count) if self.levels[index // self.group]]
        bases = {index: read_block(self.name, self.old(index, grid.bytes)) for index in moved}
        made = {index: Block() for index in moved}
        self.made[:count * grid.bytes] = self.base[:count * grid.bytes]  # type: ignore[index]
        self.begin_stream(1, 31)
        for index in moved:
            made[index].scale = self.half(bases[index].scale)
        if grid.start != NO_START:
            self.begin_stream(1, 31)
            for index in moved:
                made[index].minimum = self.half(bases[index].minimum)
        if grid.scale_bounds:
            self.begin_stream(40, 31)
            for index in moved:
                self.decode_groups(grid, self.level(index), bases[index], made[index])
        self.begin_stream(40, 31)
        for index in moved:
            self.decode_codes(grid, self.level(index), bases[index], made[index])
            block = write_block(self.name, made[index])
            self.made[index * grid.bytes:(index + 1) * grid.bytes] = block

    def level(self, index: int) -> int:
        return min(self.levels[index // self.group], 4)

    def half(self, old: int) -> int:
        return monotone((monotone(old, 16) + self.difference(0)) % 65536, 16)

    def number(self, old: int, line: tuple[int, int] | None, level: int, bounds: tuple[int, int]) -> int:
        """`line`: factor and shift; None if the number is under the same scale."""
        low, high = bounds
        step, context = old, UNMOVED
        if line is not None:
            eighths = old * line[0] + line[1] + 2048 >> 9
            step = min(max(eighths >> 3, low), high)
            context = EDGE if step in bounds else eighths % 8
        return self.missed(step, 10 * (level - 1) + context, bounds)

    def missed(self, step: int, context: int, bounds: tuple[int, int]) -> int:
        number = step + self.integer(context)
        if not bounds[0] <= number <= bounds[1]:
            raise Fault("corrupt_data", "number out of bounds")
        return number

    def decode_groups(self, grid: Grid, level: int, base: Block, block: Block) -> None:
        assert grid.scale_bounds
        for old, new, numbers, made in ((base.scale, block.scale, base.group_scales, block.group_scales),
                                        (base.minimum, block.minimum, base.group_minima,
                                         block.group_minima)):
            line = None if old == new else (limited(ratio(units(old), units(new))), 0)
            made += [self.number(number, line, level, grid.scale_bounds) for number in numbers]

    def decode_codes(self, grid: Grid, level: int, base: Block, block: Block) -> None:
        for index, code in enumerate(base.codes):
            group = index // grid.group_codes
            old_step, old_start = line_of(grid, base, group)
            step, start = line_of(grid, block, group)
            line = None
            if (old_step, old_start) != (step, start):
                line = limited(ratio(old_step, step)), limited(ratio(old_start - start, step))
            block.codes.append(self.number(code, line, level, grid.code_bounds))


def limited(number: int) -> int:
    return min(max(number, -MOST_PREDICTED), MOST_PREDICTED)


def line_of(grid: Grid, block: Block, group: int) -> tuple[int, int]:
    """Step and start of a group: docs/format/blocks.md."""
    step = units(block.scale) * (block.group_scales[group] if grid.scale_bounds else 1)
    start = {NO_START: 0, ADDED: units(block.minimum),
             TAKEN: -units(block.minimum) * (block.group_minima[group] if grid.start == TAKEN else 0)}
    return step, start[grid.start]


def decode_tokens(dtype: int, payload: bytes, base: bytes | None, length: int) -> bytes:
    return TokensDecoder(dtype, payload, base, length).decode()
