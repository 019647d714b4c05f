"""Range coder, bit models, trees and numbers: docs/format/structure.md, sections 4 and 5."""

from __future__ import annotations

from faults import Fault

MASK = 0xFFFFFFFF


class RangeDecoder:
    def __init__(self, coded: bytes) -> None:
        self.coded = coded
        self.read = 0
        self.range = MASK
        self.code = 0
        for _ in range(4):
            self.code = self.code << 8 | self._next()

    def _next(self) -> int:
        byte = self.coded[self.read] if self.read < len(self.coded) else 0
        self.read += 1
        return byte

    def bit(self, p: int) -> int:
        """The next bit; a one has probability p, in 65536ths."""
        bound = (self.range >> 16) * p
        bit = 1 if self.code < bound else 0
        if bit:
            self.range = bound
        else:
            self.range -= bound
            self.code = self.code - bound & MASK
        self._normalize()
        return bit

    def bits(self, n: int) -> int:
        """The next n bits, at once."""
        self.range >>= n
        value = min(self.code // self.range, (1 << n) - 1)
        self.code -= value * self.range
        self._normalize()
        return value

    def more(self, value: int, left: int) -> int:
        """Puts so many bits behind those of `value`, 16 at once and then the rest."""
        while left > 0:
            n = min(left, 16)
            left -= n
            value = value << n | self.bits(n)
        return value

    def _normalize(self) -> None:
        while self.range < 1 << 24:
            self.range = self.range << 8 & MASK
            self.code = (self.code << 8 | self._next()) & MASK

    def check_end(self) -> None:
        if not self.read - 8 <= len(self.coded) <= self.read:
            raise Fault("corrupt_data", "the coded bytes do not end where the steps do")


RATES = [131072 // (2 * n + 3) for n in range(256)]


class BitModel:
    __slots__ = ("p", "n")

    def __init__(self) -> None:
        self.p = 32768
        self.n = 0

    def update(self, bit: int, limit: int = 30) -> None:
        target = 65535 if bit else 0
        self.p += (target - self.p) * RATES[self.n] >> 16
        if self.n < limit:
            self.n += 1

    def decode(self, coder: RangeDecoder, limit: int = 30) -> int:
        bit = coder.bit(min(max(self.p, 32), 65504))
        self.update(bit, limit)
        return bit


class Tree:
    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.models = [BitModel() for _ in range(1 << bits)]

    def decode(self, coder: RangeDecoder, limit: int = 30) -> int:
        node = 1
        for _ in range(self.bits):
            node = 2 * node + self.models[node].decode(coder, limit)
        return node - (1 << self.bits)


class Number:
    def __init__(self) -> None:
        self.length = Tree(6)
        self.top: dict[tuple[int, int], BitModel] = {}

    def decode(self, coder: RangeDecoder) -> int:
        length = self.length.decode(coder)
        if length < 2:
            return length
        value = node = 1
        for _ in range(length - 1):
            if node < 64:
                bit = self.top.setdefault((length, node), BitModel()).decode(coder)
                node = 2 * node + bit
            else:
                bit = coder.bit(32768)
            value = 2 * value + bit
        return value
