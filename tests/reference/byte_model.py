"""Bytes of the structure: docs/format/structure.md, sections 7, 11 and 12."""

from __future__ import annotations

from expectations import GOLDEN, Cursor, Recent, Words
from range_coder import BitModel, RangeDecoder

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


def run_class(run: int) -> int:
    return run if run < 4 else 4 if run < 8 else 5 if run < 16 else 6 if run < 32 else 7


def hash32(value: int, salt: int) -> int:
    return ((value + salt) * GOLDEN % (1 << 64)) >> 32


def wrap32(x: int) -> int:
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


class ByteModel:
    """Lives as long as a chunk."""

    CONTEXTS = 16

    def __init__(self) -> None:
        self.words = Words()
        self.recent = Recent()
        self.hit = [BitModel(), BitModel()]
        self.coded = 0
        self.slots: list[dict[int, BitModel]] = [{} for _ in range(self.CONTEXTS)]
        self.by_run = [[7864] * (self.CONTEXTS + 1) for _ in range(48)]
        self.by_node = [[7864] * (self.CONTEXTS + 1) for _ in range(4 * 256)]
        self.by_last = [[7864] * (self.CONTEXTS + 1) for _ in range(256)]
        self.lessons: list[dict[tuple[int, int], BitModel]] = [{} for _ in range(self.CONTEXTS)]
        self.corr = [[[squash((k - 16) * 128) for k in range(33)] for _ in range(48)] for _ in range(3)]
        self.position = 0
        self.history = 0

    def begin_step(self, position: int, before: int) -> None:
        self.position = position
        self.history = before
        self.words.begin_step()

    def decode(self, coder: RangeDecoder, cursor: Cursor) -> int:
        self.words.begin_byte(self.position, cursor)
        expected = cursor.at_straight() or 0
        if cursor.straight_run >= 32 and self.hit[cursor.straight_run == 63].decode(coder, 100):
            byte = expected
        else:
            byte = self._decode_bits(coder, cursor)
        self.words.end_byte(self.position, byte)
        self.history = (self.history << 8 | byte) % (1 << 64)
        self.recent.end_byte(byte, self.history)
        self.position += 1
        self.coded += 1
        cursor.advance(byte)
        return byte

    def _contexts(self, cursor: Cursor) -> list[int]:
        history = self.history

        def last(n: int) -> int:
            return history % (1 << 8 * n)

        def back(n: int) -> int:
            return history >> 8 * (n - 1) & 0xFF

        straight, waiting, recent = cursor.at_straight(), cursor.at_waiting(), self.recent.expected()
        S = 0 if straight is None else 256 + straight
        W = 0 if waiting is None else 256 + waiting
        X = 0 if recent is None else 256 + recent
        s = S % 256
        R, Q = run_class(cursor.straight_run), run_class(cursor.waiting_run)
        k = self.position % 4
        contexts = [hash32(last(n), salt) for salt, n in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 6))]
        contexts += [
            hash32(S + (R << 9), 6),
            hash32(W + (S << 9) + (Q << 18) + (R << 22), 7),
            hash32((S + cursor.difference) % 256 + (S << 9) + ((cursor.straight_run < 2) << 18), 8),
            hash32(S + (back(1) << 9) + (W << 17), 9),
            hash32(back(4) + (S << 9) + (k << 18), 10),
        ]
        for i in range(3):
            g = self.words.byte(i, self.position)
            contexts.append(hash32(g + (self.words.trust(i) << 8) + ((g == s) << 12) + (k << 14), 11 + i))
        contexts += [
            hash32(X + (run_class(self.recent.run) << 9) + (s << 12), 14),
            hash32(S + (last(2) << 9), 15),
            hash32(back(4) + (back(8) << 8), 16),
        ]
        return contexts

    def _decode_bits(self, coder: RangeDecoder, cursor: Cursor) -> int:
        contexts = self._contexts(cursor)
        straight = cursor.at_straight()
        R, Q = run_class(cursor.straight_run), run_class(cursor.waiting_run)
        if straight is None:
            run_set = 0
        elif cursor.at_waiting() is None:
            run_set = 1 + R
        else:
            run_set = 1 + R + 8 * (1 + Q // 2)
        expected = 256 + (straight or 0)
        node = 1
        for depth in range(8):
            node = 2 * node + self._decode_bit(coder, contexts, run_set, expected, node, depth)
        return node - 256

    def _decode_bit(self, coder: RangeDecoder, contexts: list[int], run_set: int, expected: int,
                    node: int, depth: int) -> int:
        agrees = expected >> (8 - depth) == node
        a = run_set if agrees else 0
        t = 1 + (expected >> (7 - depth)) % 2 if agrees else 0

        models, lessons, inputs = [], [], []
        for context, slots, learned in zip(contexts, self.slots, self.lessons):
            j = ((context + node * 0x9E3779B1) * 0x2C1B3C6D & 0xFFFFFFFF) >> 16
            model = slots.get(j)
            if model is None:
                model = slots[j] = BitModel()
            said = STRETCH[model.p >> 4]
            key = (min(model.n, 31), (said + 2112) >> 7)
            lesson = learned.get(key)
            if lesson is None:
                lesson = learned[key] = BitModel()
                lesson.p, lesson.n = squash((key[1] - 16) * 128), 8
            models.append(model)
            lessons.append(lesson)
            inputs.append((said + STRETCH[lesson.p >> 4]) >> 1 if model.n > 0 else 0)
        inputs.append(256)

        weights = (self.by_run[a], self.by_node[256 * (self.position % 4) + node],
                   self.by_last[self.history & 0xFF])
        said = [clamp(sum(w * i for w, i in zip(ws, inputs)) >> 16, -2047, 2047) for ws in weights]
        z = sum(said) * 21845 >> 16
        u, part = (z + 2048) >> 7, (z + 2048) % 128
        corr = self.corr[t][a]
        q = (corr[u] * (128 - part) + corr[u + 1] * part) >> 7
        bit = coder.bit(clamp((squash(z) + 3 * q) >> 2, 16, 65520))

        target = 65535 if bit else 0
        v = 4 if self.coded < 16384 else 5
        near, far = (u + 1, u) if part >= 64 else (u, u + 1)
        corr[near] += (target - corr[near]) >> v
        corr[far] += (target - corr[far]) >> (v + 1)
        rate = 28 - (self.coded >> 8) if self.coded < 4096 else 12
        for ws, x in zip(weights, said):
            step = (target - squash(x)) * rate
            for i, value in enumerate(inputs):
                ws[i] = wrap32(ws[i] + ((value * step + (1 << 17)) >> 18))
        for model, lesson in zip(models, lessons):
            model.update(bit, 100)
            lesson.update(bit, 120)
        return bit
