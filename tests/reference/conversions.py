"""Elements of the base as others: docs/format/conversions.md."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from blocks import ADDED, GRIDS, NO_START, Block, read_block, units, write_block
from derived import rounded
from dtypes import NAMES

FLOATS = {"f16": (16, 10), "bf16": (16, 7), "f32": (32, 23), "f64": (64, 52)}  # bits, of the fraction
SIMPLE = "q4_0 q4_1 q5_0 q5_1 q8_0".split()
FROM = [*FLOATS, *SIMPLE, *"q2_k q3_k q4_k q5_k q6_k".split()]
TO = [*FLOATS, *SIMPLE]
TO_ZERO = 0x80
SIGNS = {pair: mask for a, b, mask in (("i8", "u8", 0x80), ("i4", "u4", 0x88)) for pair in ((a, b), (b, a))}
SIGN, INFINITY, ONE = 1 << 31, 255 << 23, 127 << 23


def exists(conversion: int, dtype: int) -> bool:
    source, target = NAMES.get(conversion & 0x7F), NAMES.get(dtype)
    if (source, target) in SIGNS:
        return conversion < TO_ZERO
    return source in FROM and target in TO and source != target and (
        conversion < TO_ZERO or target == "bf16")


def block_of(name: str) -> tuple[int, int]:
    """Elements and bytes."""
    if name in FLOATS:
        return 1, FLOATS[name][0] // 8
    if name in ("i8", "u8"):
        return 1, 1
    if name in ("i4", "u4"):
        return 2, 1
    return GRIDS[name].groups * GRIDS[name].group_codes, GRIDS[name].bytes


def base_length(conversion: int, dtype: int, length: int) -> int | None:
    """From how many bytes `length` are converted; None if these are no whole units."""
    (from_elements, from_bytes), (elements, size) = (
        block_of(NAMES[number]) for number in (conversion & 0x7F, dtype))
    unit = max(from_elements, elements)
    count, rest = divmod(length, unit // elements * size)
    return None if rest else count * (unit // from_elements * from_bytes)


def pack(sign: int, significand: int, exponent: int, name: str, to_zero: bool = False) -> int:
    """The bits of significand * 2^exponent."""
    bits, fraction = FLOATS[name]
    if significand == 0:
        return sign << bits - 1
    least = 2 - (1 << bits - fraction - 2) - fraction  # exponent of the smallest number
    drop = max(significand.bit_length() - fraction - 1, least - exponent)
    if drop <= 0:
        kept = significand << -drop
    else:
        kept = significand >> drop if to_zero else rounded(significand, drop)
    magnitude = (exponent + drop - least << fraction) + kept
    infinity = (1 << bits - 1) - (1 << fraction)
    return sign << bits - 1 | min(magnitude, infinity - to_zero)


def cast(number: int, source: str, target: str, to_zero: bool = False) -> int:
    """Section 4."""
    bits, fraction = FLOATS[source]
    sign, magnitude = number >> bits - 1, number % (1 << bits - 1)
    infinity = (1 << bits - 1) - (1 << fraction)
    if magnitude >= infinity:
        new_bits, new_fraction = FLOATS[target]
        kept, more = magnitude - infinity, new_fraction - fraction
        if more >= 0:
            kept <<= more
        elif kept:
            kept = kept >> -more | 1 << new_fraction - 1
        return sign << new_bits - 1 | (1 << new_bits - 1) - (1 << new_fraction) | kept
    field, kept = divmod(magnitude, 1 << fraction)
    least = 2 - (1 << bits - fraction - 2) - fraction
    return pack(sign, kept + (1 << fraction) * (field > 0), least + max(field, 1) - 1, target, to_zero)


def value(number: int) -> Fraction | None:
    """That of binary32; None for infinities and NaN."""
    field, kept = divmod(number & ~SIGN, 1 << 23)
    if field == 255:
        return None
    size = Fraction(kept + (1 << 23) * (field > 0)) * Fraction(2) ** (max(field, 1) - 150)
    return -size if number & SIGN else size


def f32(sign: int, size: Fraction) -> int:
    n, d = size.numerator, size.denominator
    shift = max(64 + d.bit_length() - n.bit_length(), 0)
    whole, rest = divmod(n << shift, d)
    return pack(sign, 2 * whole + (rest > 0), -shift - 1, "f32")


def difference(a: int, b: int) -> int:
    x, y = value(a), value(b)
    if x is None or y is None:
        return 0
    return f32(int(x < y), abs(x - y))


def quotient(a: int, b: int) -> int:
    x, y = value(a), value(b)
    if x is None or not y:
        return 0
    return f32((a ^ b) >> 31, abs(x / y))


def to_24_bits(number: Fraction) -> Fraction:
    if number == 0:
        return number
    size = abs(number)
    n, d = size.numerator, size.denominator
    exponent = n.bit_length() - d.bit_length() - 25
    scaled = size / Fraction(2) ** exponent
    whole, rest = divmod(scaled.numerator, scaled.denominator)
    drop = (2 * whole + (rest > 0)).bit_length() - 24
    near = rounded(2 * whole + (rest > 0), drop) * Fraction(2) ** (exponent - 1 + drop)
    return near if number > 0 else -near


def small(number: int) -> int:
    """A whole number as binary32."""
    return f32(int(number < 0), Fraction(abs(number)))


def rank(number: int) -> int:
    return -(number & ~SIGN) if number & SIGN else number


def quantized(name: str, numbers: list[int]) -> bytes:
    """Section 7."""
    low, high = GRIDS[name].code_bounds
    greatest, least = max(numbers, key=rank), min(numbers, key=rank)
    extreme = max(numbers, key=lambda x: x & ~SIGN)
    block = Block()
    if name == "q8_0":
        d = quotient(extreme & ~SIGN, small(127))
    elif name in ("q4_0", "q5_0"):
        d = quotient(extreme if extreme & ~SIGN else 0, small(low))
    else:
        d = quotient(difference(greatest, least), small(high))
        block.minimum = cast(least, "f32", "f16")
    block.scale = cast(d, "f32", "f16")
    r = value(quotient(ONE, d)) or Fraction(0)
    for x in numbers:
        x = x if low < 0 else difference(x, least)
        p = to_24_bits((value(x) or 0) * r)
        if name == "q8_0":
            code = int(abs(p) + Fraction(1, 2)) * (-1 if p < 0 else 1)
        else:
            code = max(int(to_24_bits(p + Fraction(1, 2) - min(low, 0))), 0) + low
        block.codes.append(min(max(code, low), high))
    return write_block(name, block)


def dequantized(name: str, data: bytes) -> Iterator[int]:
    """Section 6."""
    grid = GRIDS[name]
    block = read_block(name, data)
    for i, code in enumerate(block.codes):
        group = i // grid.group_codes
        factor = block.group_scales[group] if grid.scale_bounds else 1
        start = 0
        if grid.start == ADDED:
            start = units(block.minimum)
        elif grid.start != NO_START:
            start = -units(block.minimum) * block.group_minima[group]
        number = units(block.scale) * factor * code + start
        sign = int(number < 0)
        if number == 0 and grid.start == NO_START:
            sign = (block.scale >> 15) ^ (factor < 0) ^ (code < 0)
        yield pack(sign, abs(number), -24, "f32")


def load(name: str, data: bytes, to_zero: bool) -> list[int]:
    _, size = block_of(name)
    pieces = [data[at:at + size] for at in range(0, len(data), size)]
    if name in FLOATS:
        return [cast(int.from_bytes(piece, "little"), name, "f32", to_zero) for piece in pieces]
    return [number for piece in pieces for number in dequantized(name, piece)]


def store(name: str, numbers: list[int], to_zero: bool) -> bytes:
    elements, size = block_of(name)
    if name in FLOATS:
        return b"".join(cast(number, "f32", name, to_zero).to_bytes(size, "little") for number in numbers)
    return b"".join(quantized(name, numbers[at:at + elements]) for at in range(0, len(numbers), elements))


def convert(conversion: int, dtype: int, data: bytes) -> bytes:
    to_zero = conversion >= TO_ZERO
    if mask := SIGNS.get((NAMES[conversion & 0x7F], NAMES[dtype])):
        return bytes(byte ^ mask for byte in data)
    return store(NAMES[dtype], load(NAMES[conversion & 0x7F], data, to_zero), to_zero)
