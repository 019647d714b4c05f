"""Seeded numbers and their encodings.

Everything is integer arithmetic or exact IEEE operations, so that the same seed gives the
same bytes on every machine and with every Python.
"""

import struct
from typing import NamedTuple

MASK64 = (1 << 64) - 1


class Rng:
    """SplitMix64. The standard module `random` does not promise equal floats for ever."""

    def __init__(self, seed: str) -> None:
        self.state = 0xCBF29CE484222325
        for byte in seed.encode():  # FNV-1a: any text is a seed, so each tensor names its own
            self.state = ((self.state ^ byte) * 0x100000001B3) & MASK64

    def u64(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK64
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        return z ^ (z >> 31)

    def below(self, limit: int) -> int:
        return self.u64() % limit

    def bytes(self, count: int) -> bytes:
        return b"".join(struct.pack("<Q", self.u64()) for _ in range(count // 8 + 1))[:count]

    def weight(self) -> float:
        """Bell-shaped around 0, within (-0.3, 0.3); a multiple of 2^-20, so exact in f32."""
        total = sum(self.below(1 << 16) for _ in range(6)) - 3 * (1 << 16)
        return total / (1 << 20)

    def weights(self, count: int) -> list[float]:
        return [self.weight() for _ in range(count)]


class Stored(NamedTuple):
    """One tensor as a model file holds it; `ranges.tsv` is made from these."""

    name: str
    type: str
    dims: tuple[int, ...]
    payload: bytes
    how: str = "raw"
    side_file: str = ""


class Made(NamedTuple):
    """One finished model: its bytes, what is in it, and the files beside it."""

    file: bytes
    tensors: list[Stored] = []
    side_files: dict[str, bytes] = {}


def pack(code: str, values: list, order: str = "<") -> bytes:
    return struct.pack(f"{order}{len(values)}{code}", *values)


def bf16(values: list[float], order: str = "<") -> bytes:
    """Upper half of f32, rounded to nearest even."""
    words = struct.unpack(f"<{len(values)}I", pack("f", values))
    return pack("H", [(word + 0x7FFF + ((word >> 16) & 1)) >> 16 for word in words], order)


def quantise(values: list[float], low: int, high: int) -> list[int]:
    """Integers in low..high, of the spread that trained weights have."""
    middle = (low + high + 1) // 2
    span = (high - low) * 8  # in halves of a step, so that the shift below rounds
    return [min(high, max(low, middle + (int(value * span) + 1 >> 1))) for value in values]


def pack_bits(values: list[int], bits: int) -> bytes:
    """Elements of 1, 2 or 4 bits, from the least significant bits up."""
    per_byte = 8 // bits
    mask = (1 << bits) - 1
    packed = bytearray((len(values) + per_byte - 1) // per_byte)
    for index, value in enumerate(values):
        packed[index // per_byte] |= (value & mask) << (bits * (index % per_byte))
    return bytes(packed)


def nudge(values: list[float], seed: str) -> list[float]:
    """A short fine-tuning: one value in four moves a little, the others stay."""
    rng = Rng(seed)
    return [value + (rng.below(2049) - 1024) / (1 << 20) if rng.below(4) == 0 else value
            for value in values]
