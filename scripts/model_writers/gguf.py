"""GgufWriter: GGUF v1, v2 and v3 in either byte order, legal or not.

It checks nothing on purpose: the hostile generator writes through the same functions.
"""

import struct
from typing import Any, NamedTuple

from model_writers.values import Rng

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
VALUE_CODES = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f",
               BOOL: "B", U64: "Q", I64: "q", F64: "d"}


class BlockType(NamedTuple):
    id: int
    name: str
    block: int  # elements per block
    size: int  # bytes per block
    halves: tuple[int, ...] = ()  # where IEEE halves (scales, minimums) stand in a block


BLOCK_TYPES = {type.name: type for type in (
    BlockType(2, "Q4_0", 32, 18, (0,)),
    BlockType(3, "Q4_1", 32, 20, (0, 2)),
    BlockType(6, "Q5_0", 32, 22, (0,)),
    BlockType(7, "Q5_1", 32, 24, (0, 2)),
    BlockType(8, "Q8_0", 32, 34, (0,)),
    BlockType(9, "Q8_1", 32, 36, (0, 2)),
    BlockType(10, "Q2_K", 256, 84, (80, 82)),
    BlockType(11, "Q3_K", 256, 110, (108,)),
    BlockType(12, "Q4_K", 256, 144, (0, 2)),
    BlockType(13, "Q5_K", 256, 176, (0, 2)),
    BlockType(14, "Q6_K", 256, 210, (208,)),
    BlockType(15, "Q8_K", 256, 292),
    BlockType(16, "IQ2_XXS", 256, 66, (0,)),
    BlockType(17, "IQ2_XS", 256, 74, (0,)),
    BlockType(18, "IQ3_XXS", 256, 98, (0,)),
    BlockType(19, "IQ1_S", 256, 50, (0,)),
    BlockType(20, "IQ4_NL", 32, 18, (0,)),
    BlockType(21, "IQ3_S", 256, 110, (0,)),
    BlockType(22, "IQ2_S", 256, 82, (0,)),
    BlockType(23, "IQ4_XS", 256, 136, (0,)),
    BlockType(29, "IQ1_M", 256, 56),
    BlockType(34, "TQ1_0", 256, 54, (52,)),
    BlockType(35, "TQ2_0", 256, 66, (64,)),
    BlockType(39, "MXFP4", 32, 17),
    BlockType(40, "NVFP4", 64, 36),
    BlockType(41, "Q1_0", 128, 18, (0,)),
    BlockType(42, "Q2_0", 64, 18, (0,)),
)}
PLAIN_TYPES = {"F32": 0, "F16": 1, "I8": 24, "I16": 25, "I32": 26, "I64": 27, "F64": 28,
               "BF16": 30}


def make_blocks(name: str, count: int, seed: str, order: str = "<") -> bytes:
    """`count` blocks: random quants, and scales of the size that real ones have."""
    type = BLOCK_TYPES[name]
    rng = Rng(seed)
    blocks = bytearray()
    for _ in range(count):
        block = bytearray(rng.bytes(type.size))
        for at in type.halves:
            struct.pack_into(order + "H", block, at, 0x2000 + rng.below(0x400))
        if name == "Q8_K":
            struct.pack_into(order + "f", block, 0, (1 + rng.below(255)) / 65536)
        if name == "MXFP4":
            block[0] = 116 + rng.below(8)
        blocks += block
    return bytes(blocks)


def nudge_blocks(name: str, blocks: bytes, seed: str) -> bytes:
    """A re-quantised tensor: some scales move by one step, some nibbles by one."""
    type = BLOCK_TYPES[name]
    rng = Rng(seed)
    moved = bytearray(blocks)
    for start in range(0, len(moved), type.size):
        for at in type.halves:
            if rng.below(2) == 0:
                moved[start + at] ^= 1
        for at in range(start, start + type.size):
            in_half = any(at - start in (half, half + 1) for half in type.halves)
            if not in_half and rng.below(16) == 0:
                low = (moved[at] + 1 - 2 * rng.below(2)) & 0x0F
                moved[at] = (moved[at] & 0xF0) | low
    return bytes(moved)


class GgufWriter:
    def __init__(self, version: int = 3, order: str = "<", alignment: int = 32,
                 magic: bytes = b"GGUF", pad: bytes = b"\0") -> None:
        self.version, self.order, self.alignment = version, order, alignment
        self.magic, self.pad = magic, pad
        self.keys: list[bytes] = []
        self.infos: list[bytes] = []
        self.data = bytearray()
        if alignment != 32:
            self.key("general.alignment", U32, alignment)

    def number(self, code: str, value: int | float) -> bytes:
        return struct.pack(self.order + code, value)

    def count(self, value: int) -> bytes:
        """Counts and lengths were 32 bits wide in v1."""
        return self.number("I" if self.version == 1 else "Q", value)

    def string(self, text: str | bytes) -> bytes:
        raw = text.encode() if isinstance(text, str) else text
        return self.count(len(raw)) + raw

    def array(self, element_type: int, values: list) -> bytes:
        head = self.number("I", element_type) + self.count(len(values))
        return head + b"".join(self.value(element_type, value) for value in values)

    def value(self, type: int, value: Any) -> bytes:
        """An array is (element type, list); a nested one is a list of such pairs."""
        if type == STRING:
            return self.string(value)
        if type == ARRAY:
            return self.array(*value)
        return self.number(VALUE_CODES[type], value)

    def key(self, name: str | bytes, type: int, value: Any) -> None:
        self.raw_key(name, type, self.value(type, value))

    def raw_key(self, name: str | bytes, type: int, encoded: bytes) -> None:
        self.keys.append(self.string(name) + self.number("I", type) + encoded)

    def info(self, name: str | bytes, type_id: int, dims: list[int], offset: int) -> None:
        """A tensor info alone, pointing anywhere."""
        dim_code = "I" if self.version == 1 else "Q"
        self.infos.append(self.string(name) + self.number("I", len(dims))
                          + b"".join(self.number(dim_code, dim) for dim in dims)
                          + self.number("I", type_id) + self.number("Q", offset))

    def tensor(self, name: str | bytes, type_id: int, dims: list[int], data: bytes) -> int:
        """A tensor info whose data are appended; returns the offset in the data section."""
        offset = self.append(data)
        self.info(name, type_id, dims, offset)
        return offset

    def append(self, data: bytes) -> int:
        self.data += self.pad * (-len(self.data) % self.alignment)
        offset = len(self.data)
        self.data += data
        return offset

    def header(self, tensor_count: int, key_count: int) -> bytes:
        return (self.magic + self.number("I", self.version) + self.count(tensor_count)
                + self.count(key_count))

    def build(self, pad_end: bool = True, tensor_count: int | None = None,
              key_count: int | None = None) -> bytes:
        head = self.header(len(self.infos) if tensor_count is None else tensor_count,
                           len(self.keys) if key_count is None else key_count)
        head += b"".join(self.keys) + b"".join(self.infos)
        if not self.infos:
            return head
        file = head + self.pad * (-len(head) % self.alignment) + self.data
        return file + self.pad * (-len(self.data) % self.alignment) if pad_end else file
