"""Writes sections of codec 6: the decoder, told beforehand what it is to find."""

from __future__ import annotations

import contextlib
import random
from collections import deque

from faults import Fault
from patch_maker import RangeEncoder, varint
from tokens import LEAST_STATE, STATES, TOTAL, TokensDecoder


class TokensMaker(TokensDecoder):
    """Writes a section of codec 6 by decoding it: every choice is made here, and stands for some result.

    Tokens and raw bits are random, but for those that `wanted_tokens` and `wanted_raw` have.
    """

    def __init__(self, dtype: int, base: bytes | None, length: int, seed: int, method: int = 1,
                 group: int = 0, level: int = 0, tables: list[list[int]] | None = None) -> None:
        self.random = random.Random(seed)
        self.wanted_head = {"method": method, "group": group, "level": level}
        self.wanted_tables = tables or []
        self.wanted_tokens: deque[int] = deque()
        self.wanted_raw: deque[int] = deque()
        self.written: list[tuple[int, int, int]] = []  # state, first slot, frequency
        super().__init__(dtype, b"", base, length)

    def begin(self, payload: bytes) -> None:
        self.coder = self.encoder = RangeEncoder()  # type: ignore[assignment]
        self.raw = self.raw_at = 0

    def make(self) -> tuple[bytes, bytes]:
        """The coded bytes, and the result; up to where a reader stops, if one has to."""
        with contextlib.suppress(Fault):
            self.decode_section()
        states, words = [LEAST_STATE] * STATES, []
        for index, first, frequency in reversed(self.written):
            state = states[index]
            if state >= frequency << 21:
                words.append(state & 0xFFFF)
                state >>= 16
            states[index] = (state // frequency << 11) + state % frequency + first
        tokens = b"".join(state.to_bytes(4, "little") for state in states)
        tokens += b"".join(word.to_bytes(2, "little") for word in reversed(words))
        head = self.encoder.coded()
        raw = self.raw.to_bytes((self.raw_at + 7) // 8, "little")
        return varint(len(head)) + varint(len(tokens)) + head + tokens + raw, bytes(self.made)

    def head(self, what: str, bits: int) -> int:
        value = self.wanted_head.get(what)
        self.encoder.want_tree(self.random.randrange(1 << bits) if value is None else value, bits)
        return super().head(what, bits)

    def frequencies(self, tokens: int) -> list[int]:
        table = self.wanted_tables.pop(0) if self.wanted_tables else self.random_table(tokens)
        self.encoder.wanted.append(int(bool(table)))
        length = 0
        for frequency in table:
            length = frequency.bit_length()
            self.encoder.want_tree(length, 4)
            self.encoder.want_tree(frequency, max(length - 1, 0))
        return super().frequencies(tokens)

    def random_table(self, tokens: int) -> list[int]:
        """Some few tokens, the first among them; at times a context that is not in use."""
        if self.random.random() < 0.1:
            return []
        used = sorted({0, *(self.random.randrange(min(tokens, self.random.choice((3, 12, 256))))
                            for _ in range(self.random.randrange(1, 5)))})
        cuts = sorted(self.random.sample(range(1, TOTAL), len(used) - 1))
        table = [0] * (used[-1] + 1)
        for token, begin, end in zip(used, [0, *cuts], [*cuts, TOTAL]):
            table[token] = end - begin
        return table

    def token(self, context: int) -> int:
        table = self.tables[context]
        token = (self.wanted_tokens.popleft() if self.wanted_tokens else
                 self.random.choices(range(len(table)), table)[0])
        self.written.append((self.position % STATES, sum(table[:token]), table[token]))
        self.position += 1
        return token

    def raw_bits(self, count: int) -> int:
        value = self.wanted_raw.popleft() if self.wanted_raw else self.random.getrandbits(count)
        self.raw |= value << self.raw_at
        self.raw_at += count
        return value

    def missed(self, step: int, context: int, bounds: tuple[int, int]) -> int:
        """No number out of bounds, unless that is wanted."""
        if self.wanted_tokens:
            return super().missed(step, context, bounds)
        before = len(self.written), self.position, self.raw, self.raw_at
        with contextlib.suppress(Fault):
            return super().missed(step, context, bounds)
        del self.written[before[0]:]
        _, self.position, self.raw, self.raw_at = before
        self.wanted_tokens.append(0)
        return super().missed(step, context, bounds)
