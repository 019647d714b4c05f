"""Codec 2: docs/format/planes.md, sections 3 to 5."""

from __future__ import annotations

from dtypes import Codes, Field, layout
from faults import Fault, Reader
from zstd_frames import decode_section

DIRECT, RESIDUAL, ORDERED = 0, 1, 2
STORED, CONSTANT, ZSTD, SPARSE = 0, 1, 2, 3


def decode_planes(dtype: int, coded: bytes, base: bytes | None, length: int) -> bytes:
    form = layout(dtype)
    reader = Reader(coded, short="corrupt_data")
    mode = reader.integer(1)
    is_float = len(form.fields) == 1 and form.fields[0].lane in ("f16", "f32", "f64")
    if mode > ORDERED or (mode == ORDERED and not is_float):
        raise Fault("corrupt_data", "mode")
    if mode != DIRECT and base is None:
        raise Fault("corrupt_data", "no prediction")
    block_count = length // form.bytes
    tail_length = length % form.bytes
    planes = [[_read_plane(reader, field.count * block_count) for _ in range(field.width)]
              if block_count else [] for field in form.fields]
    tail = _read_plane(reader, tail_length) if tail_length else b""
    if reader.left():
        raise Fault("corrupt_data", "bytes after the last plane")
    if mode == DIRECT:
        base = None
    order = _order(base, form.fields[0].width, block_count) if mode == ORDERED and base else None

    made = bytearray(length)
    for field, field_planes in zip(form.fields, planes):
        _place(field, field_planes, order, form.bytes, block_count, made)
    for block in range(block_count):
        start = block * form.bytes
        old = base[start:start + form.bytes] if base is not None else None
        new = made[start:start + form.bytes]
        for field in form.fields:
            _transform(field, new, old)
        for codes in form.codes:
            _transform_codes(codes, new, old)
        made[start:start + form.bytes] = new
    for i, byte in enumerate(tail, start=block_count * form.bytes):
        made[i] = (byte + (base[i] if base is not None else 0)) % 256
    return bytes(made)


def _read_plane(reader: Reader, length: int, may_be_sparse: bool = True) -> bytes:
    header = reader.varint(malformed="corrupt_data")
    kind, size = header & 3, header >> 2
    if kind != ZSTD and size != 0:
        raise Fault("corrupt_data", "plane header")
    if kind == STORED:
        return reader.take(length)
    if kind == CONSTANT:
        return reader.take(1) * length
    if kind == ZSTD:
        return decode_section(reader.take(size), length)
    if not may_be_sparse:
        raise Fault("corrupt_data", "sparse plane within a sparse plane")
    mask = int.from_bytes(_read_plane(reader, (length + 7) // 8, False), "little")
    if mask == 0 or mask >> length:
        raise Fault("corrupt_data", "mask")
    values = iter(_read_plane(reader, mask.bit_count(), False))
    return bytes(next(values) if mask >> i & 1 else 0 for i in range(length))


def _order(base: bytes, width: int, count: int) -> list[int]:
    """Place in the planes of each number in file order."""
    def magnitude(i: int) -> int:
        number = int.from_bytes(base[i * width:(i + 1) * width], "little")
        return number >> (8 * width - 9) & 0xFF
    places = [0] * count
    for place, i in enumerate(sorted(range(count), key=magnitude)):
        places[i] = place
    return places


def _place(field: Field, planes: list[bytes], order: list[int] | None, block_bytes: int,
           block_count: int, made: bytearray) -> None:
    """Puts the coded numbers of a field where the numbers of the result will be."""
    for block in range(block_count):
        for i in range(field.count):
            at = block * block_bytes + field.offset + i * field.stride
            index = block * field.count + i
            if order is not None:
                index = order[index]
            for significance, plane in enumerate(reversed(planes)):
                made[at + significance] = plane[index]


def _unzigzag(x: int, bits: int) -> int:
    return (x >> 1 ^ -(x & 1)) % (1 << bits)


def _monotone(u: int, bits: int) -> int:
    return u ^ ((1 << bits - 1) - 1) if u >> (bits - 1) else u


def _number(lane: str, x: int, b: int | None, bits: int) -> int:
    if b is None:
        if lane[0] == "u":
            return x
        if lane[0] == "i":
            return _unzigzag(x, bits)
        return x >> 1 | (x & 1) << (bits - 1)
    if lane[0] == "f":
        return _monotone((_monotone(b, bits) + _unzigzag(x, bits)) % (1 << bits), bits)
    return (b + _unzigzag(x, bits)) % (1 << bits)


def _within_byte(lane: str, x: int, b: int) -> int:
    if lane == "bits":
        return b ^ x
    if lane == "f8":
        return _monotone((_monotone(b, 8) + x) % 256, 8)
    width = {"bytes": 8, "nibbles": 4, "crumbs": 2}[lane]
    mask = (1 << width) - 1
    return sum((((b >> at) + (x >> at)) & mask) << at for at in range(0, 8, width))


def _transform(field: Field, new: bytearray, old: bytes | None) -> None:
    if field.lane == "part" or (old is None and field.width == 1):
        return
    if field.lane == "scales":
        assert old is not None
        at = slice(field.offset, field.offset + 12)
        sums = [(b + _unzigzag(x, 6)) % 64 for x, b in zip(_scales(new[at]), _scales(old[at]))]
        new[at] = _packed_scales(sums)
        return
    width = field.width
    for at in range(field.offset, field.offset + field.count * field.stride, field.stride):
        x = int.from_bytes(new[at:at + width], "little")
        b = None if old is None else int.from_bytes(old[at:at + width], "little")
        if width > 1:
            number = _number(field.lane, x, b, 8 * width)
        else:
            assert b is not None
            number = _within_byte(field.lane, x, b)
        new[at:at + width] = number.to_bytes(width, "little")


def _scales(s: bytes) -> list[int]:
    return ([s[i] % 64 for i in range(4)] + [s[8 + i] % 16 + 16 * (s[i] >> 6) for i in range(4)]
            + [s[4 + i] % 64 for i in range(4)]
            + [(s[8 + i] >> 4) + 16 * (s[4 + i] >> 6) for i in range(4)])


def _packed_scales(c: list[int]) -> bytes:
    return bytes([c[i] | c[4 + i] >> 4 << 6 for i in range(4)]
                 + [c[8 + i] | c[12 + i] >> 4 << 6 for i in range(4)]
                 + [c[4 + i] % 16 | c[12 + i] % 16 << 4 for i in range(4)])


def _transform_codes(codes: Codes, new: bytearray, old: bytes | None) -> None:
    if old is None:
        return
    low_bits = codes.low.bits
    bits = low_bits + codes.high.bits
    parts = ((codes.low, 0), (codes.high, low_bits))

    def read(block: bytes, number: int) -> int:
        value = 0
        for part, shift in parts:
            at, bit = part.place(number)
            value |= (block[at] >> bit & (1 << part.bits) - 1) << shift
        return value

    for number in range(codes.count):
        value = (read(old, number) + _unzigzag(read(new, number), bits)) % (1 << bits)
        for part, shift in parts:
            at, bit = part.place(number)
            mask = (1 << part.bits) - 1
            new[at] = new[at] & ~(mask << bit) | (value >> shift & mask) << bit
