"""Bytes of the structure: docs/format/structure.md, sections 7, 11 and 12."""

from __future__ import annotations

from expectations import GOLDEN, Cursor, Guess, Recent, Words, run_class
from range_coder import RATES, BitModel, RangeDecoder

KNOTS = [22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768,
         40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476,
         65500, 65514]


def clamp(x: int, low: int, high: int) -> int:
    return max(low, min(x, high))


def squash(x: int) -> int:
    y = clamp(x, -2047, 2047) + 2048
    i, part = y >> 7, y % 128
    return (KNOTS[i] * (128 - part) + KNOTS[i + 1] * part + 64) >> 7


def _stretches() -> list[int]:
    table = []
    x = -2047
    for p in range(4096):
        while x < 2047 and squash(x) < 16 * p + 8:
            x += 1
        table.append(x)
    return table


STRETCH = _stretches()


def stretch(p: int) -> int:
    return STRETCH[p >> 4]


def hash32(value: int, salt: int) -> int:
    return ((value + salt) * GOLDEN % (1 << 64)) >> 32


class ByteModel:
    """Lives as long as a chunk, which has so many bytes of its own."""

    CONTEXTS = 11

    def __init__(self, own_bytes: int) -> None:
        self.line_bits = clamp(own_bytes.bit_length(), 8, 13)
        self.words = Words()
        self.recent = Recent(self.line_bits + 1)
        self.sure = [BitModel(), BitModel()]
        self.guess = Guess()
        self.coded = 0
        # of 12 bits, and a count
        self.slots: list[dict[tuple[int, int], list[int]]] = [{} for _ in range(self.CONTEXTS)]
        self.by_run = [[2400] * self.CONTEXTS + [0] for _ in range(96)]
        self.by_node = [[2400] * self.CONTEXTS + [0] for _ in range(4 * 256)]
        self.lessons: list[dict[tuple[int, int], BitModel]] = [{} for _ in range(self.CONTEXTS)]
        self.corr = [[[squash((k - 16) * 128) for k in range(33)] for _ in range(48)] for _ in range(4)]
        self.position = 0
        self.history = 0
        # of the byte to come
        self.contexts: list[int] = []
        self.run_set = 0
        self.expected = 0

    def begin_step(self, position: int, before: int) -> None:
        self.position = position
        self.history = before
        self.words.begin_step()

    def decode(self, coder: RangeDecoder, cursor: Cursor) -> int:
        self.words.begin_byte(self.position, cursor)
        if cursor.straight_run >= 32:
            byte = self._decode_sure(coder, cursor)
        else:
            byte = self._decode_guessed(coder, cursor)
        self.words.end_byte(self.position, byte)
        self.history = (self.history << 8 | byte) % (1 << 64)
        self.recent.end_byte(byte, self.history)
        self.position += 1
        self.coded += 1
        cursor.advance(byte)
        return byte

    def _decode_sure(self, coder: RangeDecoder, cursor: Cursor) -> int:
        if self.sure[cursor.straight_run == 63].decode(coder, 100):
            return cursor.at_straight() or 0
        self._begin_byte(cursor)
        return self._decode_bits(coder)

    def asked(self, cursor: Cursor) -> int | None:
        """The byte for which a bit is decoded first, if there is one."""
        if cursor.straight_run >= 32:
            return cursor.at_straight() or 0
        self.guess.begin_byte(cursor, self.history)
        return self.guess.byte if self.guess.is_sure() or self.guess.is_asked() else None

    def _decode_guessed(self, coder: RangeDecoder, cursor: Cursor) -> int:
        guess = self.guess
        guess.begin_byte(cursor, self.history)
        self._begin_byte(cursor)
        if guess.is_sure():
            right = coder.bit(guess.hit.p)
        elif guess.is_asked():
            right = self._decode_bit(coder, 0, 0)
        else:
            right = 0
        byte = guess.byte if right else self._decode_bits(coder)
        guess.end_byte(byte)
        return byte

    def _begin_byte(self, cursor: Cursor) -> None:
        history = self.history

        def last(n: int) -> int:
            return history % (1 << 8 * n)

        straight, waiting, recent = cursor.at_straight(), cursor.at_waiting(), self.recent.expected()
        S = 0 if straight is None else 256 + straight
        W = 0 if waiting is None else 256 + waiting
        X = 0 if recent is None else 256 + recent
        s = S % 256
        R, Q = run_class(cursor.straight_run), run_class(cursor.waiting_run)
        k = self.position % 4
        g = self.words.byte(self.position)
        self.contexts = [hash32(last(n), n) for n in range(1, 5)] + [
            hash32(S + (R << 9), 5),
            hash32(W + (S << 9) + (Q << 18) + (R << 22), 6),
            hash32((S + cursor.difference) % 256 + (S << 9) + ((cursor.straight_run < 2) << 18), 7),
            hash32((history >> 24 & 0xFF) + (S << 9) + (k << 18), 8),
            hash32(g + (self.words.trust() << 8) + ((g == s) << 12) + (k << 14), 9),
            hash32(X + (run_class(self.recent.run) << 9) + (s << 12), 10),
            hash32(S + (last(2) << 9), 11),
        ]
        self.expected = 256 + s
        if straight is None:
            self.run_set = 0
        elif waiting is None:
            self.run_set = 1 + R
        else:
            self.run_set = 1 + R + 8 * (1 + Q // 2)

    def _decode_bits(self, coder: RangeDecoder) -> int:
        node = 1
        for depth in range(8):
            node = 2 * node + self._decode_bit(coder, node, depth)
        return node - 256

    def _decode_bit(self, coder: RangeDecoder, node: int, depth: int) -> int:
        if node == 0:
            a, r, t = self.run_set, 48 + self.run_set, 3
        elif self.expected >> (8 - depth) == node:
            a = r = self.run_set
            t = 1 + (self.expected >> (7 - depth)) % 2
        else:
            a = r = t = 0
        first, x = 1 + 32 * self.guess.source if node == 0 else 1, node
        if depth >= 4:
            first = node >> (depth - 4)
            x = (1 << (depth - 4)) + node % (1 << (depth - 4))

        models, lessons, inputs = [], [], []
        for context, slots, learned in zip(self.contexts, self.slots, self.lessons):
            j = ((context + first * 0x9E3779B1) * 0x2C1B3C6D & 0xFFFFFFFF) >> 32 - self.line_bits
            model = slots.setdefault((j, x), [2048, 0])
            said = STRETCH[model[0]]
            key = (model[1], (said + 2112) >> 7)
            lesson = learned.get(key)
            if lesson is None:
                lesson = learned[key] = BitModel(squash((key[1] - 16) * 128), 8)
            models.append(model)
            lessons.append(lesson)
            inputs.append(said + STRETCH[lesson.p >> 4] if model[1] > 0 else 0)
        inputs.append(2048)

        weights = (self.by_run[r], self.by_node[256 * (self.position % 4) + node])
        said = [clamp(sum(w * i for w, i in zip(ws, inputs)) >> 15, -2047, 2047) for ws in weights]
        z = sum(said) >> 1
        u, part = (z + 2048) >> 7, (z + 2048) % 128
        corr = self.corr[t][a]
        q = (corr[u] * (128 - part) + corr[u + 1] * part) >> 7
        bit = coder.bit(clamp((squash(z) + q) >> 1, 16, 65520))

        target = 65535 if bit else 0
        v = 4 if self.coded < 16384 else 5
        near, far = (u + 1, u) if part >= 64 else (u, u + 1)
        corr[near] += (target - corr[near]) >> v
        corr[far] += (target - corr[far]) >> (v + 1)
        rate = 28 - (self.coded >> 8) if self.coded < 4096 else 12
        for ws, x in zip(weights, said):
            step = clamp((target - squash(x)) * rate >> 5, -32767, 32767)
            for i, value in enumerate(inputs):
                ws[i] = clamp(ws[i], -30000, 30000) + (value * step >> 16)
        for model, lesson in zip(models, lessons):
            model[0] += ((4095 if bit else 0) - model[0]) * RATES[model[1]] + (1 << 15) >> 16
            model[1] = min(model[1] + 1, 15)
            lesson.update(bit, 120)
        return bit
