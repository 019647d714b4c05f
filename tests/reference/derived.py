"""Numbers that follow from others of the chunk: docs/format/structure.md, section 13."""

from __future__ import annotations

from range_coder import Number, RangeDecoder


def product(a: int, b: int) -> int:
    """That of two binary32 numbers, as bits."""
    exponents = [x >> 23 & 0xFF for x in (a, b)]
    if 255 in exponents:
        return 0
    sign = (a ^ b) & 1 << 31
    whole = 1
    for x, exponent in zip((a, b), exponents):
        whole *= x & 0x7FFFFF | (1 << 23 if exponent > 0 else 0)
    if whole == 0:
        return sign
    drop = whole.bit_length() - 24
    e = sum(max(exponent, 1) for exponent in exponents) - 150 + drop
    if e < 1:
        drop += 1 - e
        e = 1
    kept = whole << -drop if drop < 0 else rounded(whole, drop)
    return sign + min((e - 1 << 23) + kept, 255 << 23)


def rounded(whole: int, drop: int) -> int:
    """whole / 2^drop, to the nearest; of two, to the even one."""
    kept, rest = divmod(whole, 1 << drop)
    return kept + (2 * rest + (kept & 1) > 1 << drop)


class Corrections:
    def __init__(self) -> None:
        self.models = [Number() for _ in range(4)]
        self.size = 0

    def begin_step(self) -> None:
        self.size = 0

    def decode(self, coder: RangeDecoder) -> int:
        folded = self.models[self.size].decode(coder) % (1 << 32)
        self.size = 0 if folded == 0 else 1 if folded <= 2 else 2 if folded < 256 else 3
        return folded // 2 if folded % 2 == 0 else (1 << 32) - (folded + 1) // 2


def add_products(corrections: bytes, source: bytes, factor: int) -> bytes:
    made = b""
    for at in range(0, len(source), 4):
        number = product(int.from_bytes(source[at:at + 4], "little"), factor)
        number += int.from_bytes(corrections[at:at + 4], "little")
        made += (number % (1 << 32)).to_bytes(4, "little")
    return made
