"""Profile lite: docs/format/lite.md."""

from __future__ import annotations

from faults import Fault, refuse

MAX_BYTES = 1 << 30
COPY, LITERAL, CHANGED, CODES, NUMBERS, ALONE, DERIVED = range(7)
I8, U8, I16, I32, F16, BF16, F32 = range(7)
SIZES = {I8: 1, U8: 1, I16: 2, I32: 4, F16: 2, BF16: 2, F32: 4}
MANTISSA = {F16: 10, BF16: 7, F32: 23}
RATES = (32768, 21845, 16384, 11000, 7000, 4500, 2600, 1300)
ONE = 1 << 24
MASK = 0xFFFFFFFF

# Where the models are.
KIND, LENGTH, NUMBER, IS_OWN, IS_STRAIGHT, IS_LIKE_LAST, HAS_GAINS = 0, 7, 22, 37, 38, 39, 40
IS_ONE, IS_AS_LAST, MOVES, LONGER, SHORTER, IS_DOWN, SECOND = 41, 42, 43, 53, 63, 73, 76
SHARED, MODELS = 86, 162
CODE_MOVES, CODE_IS_DOWN, CODE_LONGER = 86, 126, 136
IS_HIT, BYTE_IS_BELOW, BYTE_HIGH, BYTE_LOW = 86, 98, 99, 130
DEPTH, FLOAT_IS_BELOW, TOP = 139, 154, 155


def signed(number: int, width: int) -> int:
    number &= (1 << width) - 1
    return number - (1 << width) if number >> (width - 1) else number


def product_of(x: int, f: int) -> int:
    """About that of two binary32 numbers."""
    high = (((1 << 31) + x % (1 << 23) * 256) * ((1 << 31) + f % (1 << 23) * 256)) >> 32
    exponent = (x >> 23) % 256 + (f >> 23) % 256 - 127
    if high < 1 << 31:
        high, exponent = 2 * high, exponent - 1
    product = exponent * (1 << 23) + (high >> 8) + (high >> 7) % 2 & MASK
    return product ^ (x ^ f) & 0x80000000


class LiteRangeDecoder:
    """Section 6, of 32 bits."""

    def __init__(self, coded: bytes) -> None:
        self.coded = coded
        self.read = 0
        self.range = 1 << 24
        self.code = 0
        for _ in range(3):
            self._take_byte()

    def _take_byte(self) -> None:
        byte = self.coded[self.read] if self.read < len(self.coded) else 0
        self.code = (self.code << 8 | byte) & MASK
        self.read += 1

    def bit(self, p: int) -> int:
        bound = (self.range >> 16) * p
        bit = 1 if self.code < bound else 0
        if bit:
            self.range = bound
        else:
            self.range -= bound
            self.code = self.code - bound & MASK
        while self.range < 1 << 24:
            self.range = self.range << 8 & MASK
            self._take_byte()
        return bit


class LiteDecoder:
    """A segment. `made` is the result so far; it grows, to `length`. `in_place` is the binary logarithm
    of the blocks that the result is written over the base in, `lag` in blocks later; 0: it is not."""

    def __init__(self, coder: LiteRangeDecoder, base: bytes, made: bytearray, length: int,
                 in_place: int = 0, lag: int = 0) -> None:
        self.coder, self.base, self.made = coder, base, made
        self.in_place, self.lag = in_place, lag
        self.models = [32768] * MODELS
        self.type = self.base_zero = self.result_zero = 0
        self.base_stop = self.hits = 0
        self.has_codes = True
        self.average, self.last_code = 16, 0
        self.expected = self.last = 0
        restart = self.raw(5)
        self.end = min(length, (len(made) >> restart) + 1 << restart)

    def run(self) -> None:
        while len(self.made) < self.end:
            self.step()

    # --- sections 6 and 7

    def bit(self, model: int) -> int:
        p, count = self.models[model] & ~7, self.models[model] & 7
        bit = self.coder.bit(p)
        moved = p + (((65528 if bit else 8) - p) * RATES[count] + 262144 >> 16)
        if count < 3 or count < 7 and (moved >> 3) % (1 << (count - 2)) == 0:
            count += 1
        self.models[model] = (moved & ~7) + count
        return bit

    def raw(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = 2 * value + self.coder.bit(32768)
        return value

    def tree(self, first: int, bits: int) -> int:
        node = 1
        for _ in range(bits):
            node = 2 * node + self.bit(first - 1 + node)
        return node - (1 << bits)

    def number(self, tree: int) -> int:
        return self.raw(2 * self.tree(tree, 4))

    def signed_number(self) -> int:
        is_negative = self.raw(1)
        size = self.number(NUMBER)
        return -size if is_negative else size

    # --- section 9

    def step(self) -> None:
        position = len(self.made)
        kind, elements = self.tree(KIND, 3), self.number(LENGTH)
        refuse(kind == 7, "kind 7")
        is_own = False
        source, columns, factor, greatest = 0, 0, 0, 0
        if kind not in (LITERAL, ALONE):
            is_own = self.bit(IS_OWN) == 1
            if is_own:
                source = position - self.number(NUMBER) & MASK
            elif self.bit(IS_STRAIGHT):
                source = self.base_stop
            else:
                source = self.base_stop + self.signed_number() & MASK
        if kind == DERIVED:
            factor = self.raw(32)
        if kind not in (COPY, CHANGED, DERIVED):
            self.read_type()
        if kind == ALONE:
            greatest = self.raw(8)
        if kind in (CODES, NUMBERS) and self.bit(HAS_GAINS):
            columns = self.number(NUMBER) % 65536
        refuse(self.type == 7, "type 7")
        size = 4 if kind == DERIVED else SIZES[self.type] if kind in (NUMBERS, ALONE) else 1
        refuse(elements == 0 or elements * size > self.end - position, "length of a step")
        if kind not in (LITERAL, ALONE):
            if is_own:
                refuse(not source <= position - size, "source in the result")
            else:
                refuse(source + elements * size > len(self.base), "source in the base")
                kept = source + (self.lag << self.in_place)
                if self.in_place and kept < position:
                    block = position >> self.in_place
                    last = position + elements * size - 1
                    refuse(kept >> self.in_place != block or last >> self.in_place != block,
                           "source in what is overwritten")
                self.base_stop = source + elements * size
        self.prepare(kind)
        self.make(kind, elements, size, source, is_own, columns, factor, greatest)

    def read_type(self) -> None:
        if self.bit(IS_LIKE_LAST):
            return
        self.type = self.raw(3)
        self.base_zero, self.result_zero = self.raw(8), self.raw(8)
        self.expected = self.last = 0

    def prepare(self, kind: int) -> None:
        if kind in (COPY, NUMBERS):
            return
        if self.has_codes != (kind == CODES):
            self.has_codes = kind == CODES
            self.models[SHARED:] = [32768] * (MODELS - SHARED)
            self.average, self.last_code, self.hits = 16, 0, 0

    def make(self, kind: int, elements: int, size: int, source: int, is_own: bool, columns: int,
             factor: int, greatest: int) -> None:
        gain = last_gain = ONE
        for i in range(elements):
            if columns and i % columns == 0:
                gain, last_gain = self.gain(last_gain)
            file = self.made if is_own else self.base
            at = source + i * size
            bits = int.from_bytes(file[at:at + size], "little") if kind not in (LITERAL, ALONE) else 0
            self.made += (self.element(kind, bits, gain, factor, greatest)
                          & (1 << 8 * size) - 1).to_bytes(size, "little")

    def element(self, kind: int, bits: int, gain: int, factor: int, greatest: int) -> int:
        if kind == COPY:
            return bits
        if kind == LITERAL:
            return self.byte(self.result_zero)
        if kind == CHANGED:
            return self.byte(bits)
        if kind == CODES:
            return self.code(bits, gain)
        if kind == DERIVED:
            return self.derived(bits, factor)
        if self.type not in MANTISSA:
            return self.integer(bits, gain)
        return self.float_alone(greatest) if kind == ALONE else self.float_from(bits)

    # --- sections 10 to 16

    def gain(self, last_gain: int) -> tuple[int, int]:
        if self.bit(IS_ONE):
            return ONE, last_gain
        if self.bit(IS_AS_LAST):
            return last_gain, last_gain
        gain = ONE + self.signed_number() & MASK
        return gain, gain

    def byte(self, expected: int) -> int:
        context = 8 + len(self.made) % 4 if self.hits == 15 else self.hits % 8
        hit = self.bit(IS_HIT + context)
        self.hits = (2 * self.hits + hit) % 16
        if hit:
            return expected
        below = self.bit(BYTE_IS_BELOW)
        high = self.tree(BYTE_HIGH, 5)
        size = 1 + 4 * high + self.tree(BYTE_LOW + 3 * min(high, 2), 2)
        return (expected - size if below else expected + size) % 256

    def place(self, byte: int) -> int:
        return (byte + 128) % 256 if self.type == I8 else byte

    def code(self, byte: int, gain: int) -> int:
        predicted = ((self.place(byte) - self.place(self.base_zero)) * (gain >> 12)
                     + self.place(self.result_zero) * 4096)
        rounded = signed(predicted + 2048, 32)
        step, phase = min(max(rounded >> 12, 0), 255), (rounded >> 9) % 8
        level = min(self.average >> 3, 3)
        k = 1 if self.last_code else 0
        fold = 4 if gain == ONE else phase if phase < 4 else 7 - phase
        size = residual = 0
        if self.bit(CODE_MOVES + 10 * level + 2 * fold + k):
            context = phase if gain != ONE else 9 if self.last_code == 1 else 8
            down = self.bit(CODE_IS_DOWN + context)
            size = self.size(CODE_LONGER + 5 * level, SHORTER, 1)[0] % 256
            residual = -size if down else size
            self.last_code = 2 if down else 1
        else:
            self.last_code = 0
        self.average += size * 16 - self.average + 4 >> 3
        return self.place((step + residual) % 256)

    def size(self, longer: int, shorter: int, expected: int) -> tuple[int, int]:
        length, i = expected, 0
        while length < 32 and self.bit(longer + i):
            length, i = length + 1, min(i + 1, 4)
        if length == expected:
            i = 0
            while length > 1 and self.bit(shorter + i):
                length, i = length - 1, min(i + 1, 4)
        size, left = 1, length - 1
        if left > 0:
            left -= 1
            size = 2 + self.bit(SECOND + min(left, 9))
        return (size << left) + self.raw(left), length

    def residual(self, exponent: int) -> int:
        half = self.expected - 16 * exponent + 4 >> 3
        place = min(max(half + 1, 0), 9)
        before, length, residual = self.last, 0, 0
        if self.bit(MOVES + place):
            down = self.bit(IS_DOWN + before)
            models = 5 if place > 6 else 0
            size, length = self.size(LONGER + models, SHORTER + models, min(max(half >> 1, 1), 31))
            residual = -size if down else size
            self.last = 1 if down else 2
        else:
            self.last = 0
        missed = 16 * (length + exponent) - self.expected
        self.expected += missed + 8 >> 4
        return residual

    def integer(self, bits: int, gain: int) -> int:
        number = signed(bits, 8 * SIZES[self.type])
        if gain != ONE:
            product = abs(number) * gain
            scaled = (product >> 24) + (product >> 23) % 2
            number = -scaled if number < 0 else scaled
        return number + self.residual(0)

    def order(self, bits: int) -> int:
        sign = 1 << (8 * SIZES[self.type] - 1)
        bits %= 2 * sign
        return bits if bits < sign else sign + (sign - 1 - (bits - sign))

    def float_from(self, bits: int) -> int:
        sign = 1 << (8 * SIZES[self.type] - 1)
        exponent = bits % sign >> MANTISSA[self.type]
        return self.order(self.order(bits) + self.residual(exponent))

    def float_alone(self, greatest: int) -> int:
        mantissa = MANTISSA[self.type]
        depth = self.tree(DEPTH, 4)
        if depth == 15:
            depth += self.number(NUMBER)
        below = self.bit(FLOAT_IS_BELOW)
        top = self.tree(TOP, 3)
        rest = self.raw(mantissa - 3)
        bits = (max(greatest - depth, 0) << mantissa) + (top << (mantissa - 3)) + rest
        return bits + (below << (8 * SIZES[self.type] - 1))

    def derived(self, bits: int, factor: int) -> int:
        product = product_of(bits, factor)
        near = signed(self.byte(0), 8)
        return product + (near if near != -128 else self.residual((product >> 23) % 256))


def decode_lite(body: bytes, base: bytes, result_length: int, in_place: int = 0,
                lag: int = 0) -> bytes:
    """The result of a body; what its digest says of it is for the caller."""
    if max(len(body), len(base), result_length) >= MAX_BYTES:
        raise Fault("limit_exceeded", "profile lite")
    made = bytearray()
    at = 0
    while len(made) < result_length:
        coder = LiteRangeDecoder(body[at:])
        LiteDecoder(coder, base, made, result_length, in_place, lag).run()
        at += coder.read
    used = at if result_length else 1
    refuse(used < len(body), "bytes of the body are left")
    return bytes(made)
