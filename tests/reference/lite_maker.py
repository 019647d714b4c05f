"""Writes bodies of profile lite that no program writes: docs/format/lite.md.

The models are those of the decoder, which ask a coder for each bit; here the coder is an encoder that
has been told beforehand which bits to give.
"""

from __future__ import annotations

from collections import deque

from faults import Fault
from lite import COPY, DERIVED, LITERAL, LiteDecoder


class LiteEncoder:
    """The range coder, the other way; `wanted` are the bits to code next."""

    def __init__(self) -> None:
        self.wanted: deque[int] = deque()
        self.low, self.range, self.count = 0, 1 << 24, 0

    def bit(self, p: int) -> int:
        bound = (self.range >> 16) * p
        bit = self.wanted.popleft()
        if bit:
            self.range = bound
        else:
            self.low += bound
            self.range -= bound
        self._normalize()
        return bit

    def _normalize(self) -> None:
        while self.range < 1 << 24:
            self.range, self.low, self.count = self.range << 8, self.low << 8, self.count + 1

    def coded(self, is_last: bool) -> bytes:
        value = self.low + self.range - 1
        for bits in range(31, -1, -1):
            rounded = value >> bits << bits
            if rounded >= self.low:
                break
        whole = rounded.to_bytes(3 + self.count, "big")
        return whole.rstrip(b"\0") if is_last else whole


def number(value: int) -> list[int]:
    """By a tree of pairs of bits."""
    pairs = (value.bit_length() + 1) // 2
    return want(pairs, 4) + want(value, 2 * pairs)


def want(value: int, bits: int) -> list[int]:
    return [value >> i & 1 for i in reversed(range(bits))]


def head(kind: int, elements: int, *rest: int) -> list[int]:
    return want(kind, 3) + number(elements) + list(rest)


def copy(elements: int, distance: int = 0) -> list[int]:
    """From the base, so far from where the last one stopped."""
    if distance == 0:
        return head(COPY, elements, 0, 1)
    return head(COPY, elements, 0, 0, distance < 0, *number(abs(distance)))


def own(kind: int, elements: int, back: int) -> list[int]:
    factor = [0] * 32 if kind == DERIVED else []
    return head(kind, elements, 1, *number(back), *factor)


def literal(content: bytes, expected: int = 0) -> list[int]:
    """Bytes, where type and zero points are those of the step before."""
    bits = head(LITERAL, len(content), 1)
    for byte in content:
        missed = (byte - expected + 128) % 256 - 128
        if missed == 0:
            bits.append(1)
            continue
        size = -missed - 1 if missed < 0 else missed - 1
        bits += [0, missed < 0, *want(size >> 2, 5), *want(size & 3, 2)]
    return bits


def make_body(base: bytes, segments: list[list[list[int]]], restart: int, length: int,
              is_cut: bool = True) -> bytes:
    """Segments of steps; what a reader makes of them need not be right. Each segment but the last makes
    2^restart bytes; `length` is that of the result. Zeros at the end are left out if `is_cut`."""
    body = b""
    made = bytearray()
    for index, steps in enumerate(segments):
        encoder = LiteEncoder()
        encoder.wanted.extend(want(restart, 5))
        decoder = LiteDecoder(encoder, base, made, length)  # type: ignore
        try:
            for step in steps:
                encoder.wanted.extend(step)
                decoder.step()
                assert not encoder.wanted
        except Fault:
            encoder.wanted.clear()
        body += encoder.coded(is_cut and index + 1 == len(segments))
    return body
