"""The protobuf wire format, field by field: every function returns the bytes of one field.

A message is the concatenation of its fields, so anything can be written: fields out of
order, twice, with longer varints than needed, or inside groups.
"""

import struct

VARINT, FIXED64, LENGTH, GROUP_START, GROUP_END, FIXED32 = range(6)


def varint(value: int, width: int = 0) -> bytes:
    """Seven bits a byte, least significant first; `width` pads to a non-minimal form."""
    value &= (1 << 64) - 1  # negative numbers travel as 64-bit two's complement
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    while len(encoded) < width:
        encoded[-1] |= 0x80
        encoded.append(0)
    return bytes(encoded)


def tag(field: int, wire_type: int, width: int = 0) -> bytes:
    return varint(field << 3 | wire_type, width)


def integer(field: int, value: int, width: int = 0) -> bytes:
    return tag(field, VARINT) + varint(value, width)


def data(field: int, content: str | bytes, width: int = 0) -> bytes:
    """A string, bytes, message or packed field; `width` is that of the length."""
    raw = content.encode() if isinstance(content, str) else content
    return tag(field, LENGTH) + varint(len(raw), width) + raw


def fixed32(field: int, value: float) -> bytes:
    return tag(field, FIXED32) + struct.pack("<f", value)


def fixed64(field: int, value: float) -> bytes:
    return tag(field, FIXED64) + struct.pack("<d", value)


def packed_varints(field: int, values: list[int]) -> bytes:
    return data(field, b"".join(varint(value) for value in values))


def group(field: int, content: bytes) -> bytes:
    return tag(field, GROUP_START) + content + tag(field, GROUP_END)
