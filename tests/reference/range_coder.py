"""Range coder, bit models, trees and numbers: docs/format/structure.md, sections 4 and 5."""

from __future__ import annotations

from faults import Fault

MASK = (1 << 64) - 1


class RangeDecoder:
    def __init__(self, coded: bytes) -> None:
        self.coded = coded
        self.read = 0
        self.raw_bits = 0  # read from the end on
        self.range = MASK
        self.code = 0
        for _ in range(2):
            self._take_word()

    def _take_word(self) -> None:
        word = self.coded[self.read:self.read + 4].ljust(4, b"\0")
        self.code = (self.code << 32 | int.from_bytes(word, "big")) & MASK
        self.read += 4

    def bit(self, p: int) -> int:
        """The next bit; a one has probability p, in 65536ths."""
        return self.below((self.range >> 16) * p)

    def fine(self, p: int) -> int:
        """The same; p is in 2^22nds."""
        return self.below((self.range >> 22) * p)

    def below(self, bound: int) -> int:
        bit = 1 if self.code < bound else 0
        if bit:
            self.range = bound
        else:
            self.range -= bound
            self.code = self.code - bound & MASK
        self._normalize()
        return bit

    def symbol(self, bounds: list[int]) -> int:
        """The next symbol; symbol i has its part of 2^15 from bounds[i] to bounds[i + 1]."""
        unit = self.range >> 15
        at = self.code // unit
        symbol = max(i for i in range(len(bounds) - 1) if bounds[i] <= at)
        self.code -= unit * bounds[symbol]
        self.range = unit * (bounds[symbol + 1] - bounds[symbol])
        self._normalize()
        return symbol

    def _normalize(self) -> None:
        if self.range < 1 << 32:
            self.range <<= 32
            self._take_word()

    def raw(self, n: int) -> int:
        """The next n raw bits, the highest first."""
        value = 0
        for _ in range(n):
            behind, place = divmod(self.raw_bits, 8)
            byte = self.coded[-1 - behind] if behind < len(self.coded) else 0
            value = 2 * value + (byte >> 7 - place & 1)
            self.raw_bits += 1
        return value

    def more(self, value: int, left: int) -> int:
        """Puts so many raw bits behind those of `value`; none if there are less than none."""
        return value << max(left, 0) | self.raw(left)

    def check_end(self) -> None:
        ranged = len(self.coded) - (self.raw_bits + 7) // 8
        if not self.read - 8 <= ranged <= self.read:
            raise Fault("corrupt_data", "the coded bytes do not end where the steps do")


RATES = [131072 // (2 * n + 3) for n in range(1024)]


class BitModel:
    __slots__ = ("p", "n")

    def __init__(self, p: int = 32768, n: int = 0) -> None:
        self.p = p
        self.n = n

    def update(self, bit: int, limit: int = 30) -> None:
        target = 65535 if bit else 32
        self.p += (target - self.p) * RATES[self.n] >> 16
        if self.n < limit:
            self.n += 1

    def decode(self, coder: RangeDecoder, limit: int = 30) -> int:
        bit = coder.bit(self.p)
        self.update(bit, limit)
        return bit


class FineModel:
    def __init__(self, p: int = 1 << 21, n: int = 0) -> None:
        self.p = p
        self.n = n

    def decode(self, coder: RangeDecoder, limit: int) -> int:
        bit = coder.fine(self.p)
        self.p += (((1 << 22) - 1 if bit else 64) - self.p) * RATES[self.n] >> 16
        self.n = min(self.n + 1, limit)
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
