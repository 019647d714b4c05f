"""What the base and the bytes so far let one expect: docs/format/structure.md, sections 7 to 10."""

from __future__ import annotations

from range_coder import BitModel

MASK = 0xFFFFFFFF
GOLDEN = 0x9E3779B97F4A7C15


def run_class(run: int) -> int:
    return run if run < 4 else 4 if run < 8 else 5 if run < 16 else 6 if run < 32 else 7


class Cursor:
    """Section 8. `base` is None for steps without a base."""

    def __init__(self, base: bytes | None, offset: int) -> None:
        self.base = b"" if base is None else base
        self.straight = self.waiting = 0 if base is None else offset
        self.straight_run = self.waiting_run = self.lead = self.difference = 0

    def at_straight(self) -> int | None:
        return self.base[self.straight] if self.straight < len(self.base) else None

    def at_waiting(self) -> int | None:
        if self.waiting == self.straight or self.waiting >= len(self.base):
            return None
        return self.base[self.waiting]

    def advance(self, byte: int) -> None:
        expected = self.at_straight()
        right = expected == byte
        if self.waiting == self.straight:
            if right:
                self.waiting += 1
            else:
                self.waiting_run = self.lead = 0
        elif self.at_waiting() == byte:
            self.waiting += 1
            self.waiting_run = min(self.waiting_run + 1, 63)
            self.lead += 1
        else:
            self.waiting_run = 0
        if right:
            self.lead -= 1
        if expected is not None and not right:
            self.difference = (byte - expected) % 256
        self.straight += 1
        self.straight_run = min(self.straight_run + 1, 63) if right else 0
        if self.waiting != self.straight:
            if self.lead >= 2:
                self.straight, self.straight_run, self.waiting_run = self.waiting, self.waiting_run, 0
            elif self.lead <= -8:
                self.waiting, self.waiting_run = self.straight, 0


class Words:
    """Section 9."""

    def __init__(self) -> None:
        self.has_word = False
        self.base_word = self.moved = self.word = 0
        self.guess = self.change = self.hits = 0
        self.alive = False

    def begin_step(self) -> None:
        self.has_word = False

    def begin_byte(self, position: int, cursor: Cursor) -> None:
        if position % 4 != 0:
            return
        word = cursor.base[cursor.straight:cursor.straight + 4]
        self.has_word = len(word) == 4
        if self.has_word:
            self.base_word = int.from_bytes(word, "little")
        self.moved = position - cursor.straight & MASK
        self.word = 0
        self.guess = self.base_word + self.moved + self.change & MASK
        self.alive = self.has_word

    def byte(self, position: int) -> int:
        return self.guess >> 8 * (position % 4) & 0xFF

    def trust(self) -> int:
        return 1 + self.hits if self.alive else 0

    def end_byte(self, position: int, byte: int) -> None:
        k = position % 4
        self.word |= byte << 8 * k
        if self.byte(position) != byte:
            self.alive = False
        if k != 3 or not self.has_word or self.word == self.base_word:
            return
        self.hits = min(self.hits + 1, 3) if self.word == self.guess else 0
        self.change = self.word - self.base_word - self.moved & MASK


class Recent:
    """Section 10."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.ring = bytearray(65536)
        self.seen = [0] * (1 << bits)
        self.count = self.at = self.run = 0

    def expected(self) -> int | None:
        return self.ring[self.at % 65536] if self.at > 0 else None

    def end_byte(self, byte: int, history: int) -> None:
        if self.at > 0:
            if self.ring[self.at % 65536] == byte:
                self.at += 1
                self.run = min(self.run + 1, 63)
            else:
                self.at = self.run = 0
        self.ring[self.count % 65536] = byte
        self.count += 1
        if self.count < 5:
            return
        key = ((history % (1 << 40)) * GOLDEN % (1 << 64)) >> 64 - self.bits
        if self.at == 0 and self.seen[key] > 0:
            self.at, self.run = self.seen[key], 1
        self.seen[key] = self.count


class Guess:
    """Section 7."""

    TRUSTS = (60000, 45000, 20000)

    def __init__(self) -> None:
        self.trust: list[dict[tuple[int, int, bool], BitModel]] = [{}, {}, {}]
        self.hits: dict[tuple[int, int, int], BitModel] = {}
        # of the byte to come
        self.said: list[tuple[int | None, BitModel]] = []
        self.source = 0
        self.byte: int | None = None
        self.hit = BitModel()

    def begin_byte(self, cursor: Cursor, history: int) -> None:
        zeros = 0
        while zeros < 8 and history >> 8 * zeros & 0xFF == 0:
            zeros += 1
        straight, waiting = cursor.at_straight(), cursor.at_waiting()
        runs = (cursor.straight_run, cursor.waiting_run, cursor.straight_run)
        self.said = []
        for i, said in enumerate((straight, waiting, 0 if zeros > 0 else None)):
            key = (zeros, run_class(runs[i]), waiting is not None)
            self.said.append((said, self.trust[i].setdefault(key, BitModel(self.TRUSTS[i], 4))))
        there = [i for i in range(3) if self.said[i][0] is not None]
        self.byte = None
        if there:
            self.source = max(there, key=lambda i: (self.said[i][1].p, -i))
            self.byte, trust = self.said[self.source]
            others = sum(1 if self.said[i][0] == self.byte else 3 for i in there if i != self.source)
            part = trust.p >> 11
            self.hit = self.hits.setdefault((self.source, others, part), BitModel(2048 * part + 1024, 2))

    def is_sure(self) -> bool:
        return self.byte is not None and self.hit.p >= 65300

    def is_asked(self) -> bool:
        return self.byte is not None and self.said[self.source][1].p >= 34000

    def end_byte(self, byte: int) -> None:
        if self.byte is not None:
            self.hit.update(int(byte == self.byte), 100)
        for said, trust in self.said:
            if said is not None:
                trust.update(int(byte == said), 100)
