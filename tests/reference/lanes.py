"""Codes from floats by scales of lanes, and back: docs/format/conversions.md, section 8."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from conversions import FLOATS, INFINITY, ONE, SIGN, TO_ZERO, block_of, load, quotient, small, store, value
from derived import product
from dtypes import NAMES
from faults import Fault, Reader

CODES = ("i8", "u8")
MAX_RUN, MAX_LANES = 1 << 40, 1 << 13


def has_lanes(conversion: int, dtype: int) -> bool:
    source, target = NAMES.get(conversion), NAMES.get(dtype)
    return conversion < TO_ZERO and ((source in CODES and target in FLOATS)
                                     or (source in FLOATS and target in CODES))


@dataclass
class Lanes:
    run: int
    count: int
    scales: list[int] = field(default_factory=list)  # binary32; none: they are derived
    first: int = 0
    zero: int = 0
    flags: int = 0  # bit 0 derived, bit 1 inverse, bit 2 even


def read_lanes(reader: Reader, dtype: int) -> Lanes:
    flags = reader.integer(1)
    if flags > (7 if NAMES[dtype] in CODES else 0):
        raise Fault("malformed", "flags of lanes")
    first, run, count, zero = (reader.varint() for _ in range(4))
    zero = zero // 2 if zero % 2 == 0 else -(zero + 1) // 2
    if (not 1 <= run <= MAX_RUN or first >= run or not 1 <= count <= MAX_LANES
            or not -128 <= zero <= 255):
        raise Fault("malformed", "lanes")
    scales = [] if flags & 1 else [reader.integer(4) for _ in range(count)]
    return Lanes(run, count, scales, first, zero, flags)


def whole(number: int, is_even: bool) -> int:
    """The nearest whole number."""
    if number & ~SIGN >= INFINITY:
        return -(1 << 16) if number & SIGN else 1 << 16
    exact = value(number) or Fraction(0)
    size, rest = divmod(abs(exact), 1)
    half = Fraction(1, 2)
    size = int(size) + (rest > half or (rest == half and (not is_even or int(size) % 2 == 1)))
    return -size if exact < 0 else size


def convert_lanes(conversion: int, dtype: int, lanes: Lanes, data: bytes) -> bytes:
    source, target = NAMES[conversion], NAMES[dtype]
    elements = len(data) // block_of(source)[1]
    lane_of = [(lanes.first + i) // lanes.run % lanes.count for i in range(elements)]
    if source in CODES:
        numbers = []
        for byte, lane in zip(data, lane_of):
            code = byte - 256 * (source == "i8" and byte > 127) - lanes.zero
            numbers.append(product(small(code), lanes.scales[lane]))
        return store(target, numbers, False)
    numbers = load(source, data, False)
    scales = lanes.scales
    if lanes.flags & 1:
        largest = [0] * lanes.count
        for number, lane in zip(numbers, lane_of):
            largest[lane] = max(largest[lane], number & ~SIGN)
        scales = [quotient(number, small(127)) for number in largest]
    low = -128 if target == "i8" else 0
    made = []
    for number, lane in zip(numbers, lane_of):
        steps = (product(number, quotient(ONE, scales[lane])) if lanes.flags & 2
                 else quotient(number, scales[lane]))
        code = whole(steps, lanes.flags & 4 != 0) + lanes.zero
        made.append(min(max(code, low), low + 255) % 256)
    return bytes(made)
