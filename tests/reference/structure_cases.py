"""Patches of steps of every kind: where bytes come from, and how those that differ are told."""

from __future__ import annotations

import random

from derived import add_products
from dtypes import NUMBERS
from patch_maker import Chunk, Plan, Section, copy, derived, from_section, literal, predicted
from structure import STRAIGHT, WAITING


def all_steps(base: bytes) -> list[Chunk]:
    """Every kind with every address that it may have, in three chunks of odd lengths."""
    inserted = base[100:140] + b"XY" + base[140:170]  # `waiting` stands apart at the end
    parted = base[600:640] + b"Z"
    i8, far = NUMBERS["i8"], len(base) - 5
    section = Section(0, i8, b"0123456789", b"0123456789")
    other = Section(0, i8, b"abcdefghij", b"abcdefghij", has_base=True)
    first = Chunk([
        copy(0, 7, STRAIGHT), copy(500, 20), copy(100, 3),
        predicted(inserted, 100), copy(170, 30), predicted(parted, 600), copy(640, 9, WAITING),
        predicted(parted, 600), predicted(base[640:650], 640, WAITING),
        predicted(parted, 600), from_section(1, 4, 640, WAITING), from_section(0, 3),
        copy(644, 5, STRAIGHT), literal(b"no base at all"), copy(649, 5, STRAIGHT),
        predicted(base[far:] + b"behind the end", far), copy(10, 1),
        predicted(b"behind", len(base)), from_section(0, 7), from_section(1, 6, 2),
    ], [section, other])
    pieces = [base[:7], base[500:520], base[100:103], inserted, base[170:200], parted, base[640:649],
              parted, base[640:650], parted, b"abcd", b"012", base[644:649], b"no base at all",
              base[649:654], base[far:] + b"behind the end", base[10:11], b"behind", b"3456789",
              b"efghij"]
    first.result = b"".join(pieces)
    at = len(first.result)
    second = Chunk([copy(at, 100, STRAIGHT)], result=base[at:at + 100])
    return [first, second, Chunk([literal(b"!")], result=b"!")]


def derived_numbers(base: bytes) -> list[Chunk]:
    """From every kind of step, on either side; products of every kind."""
    numbers = [0x3F800000, 0x3FC00001, 0xBFFFFFFF, 0x00800001, 0x80000003, 0x7F7FFFFF, 0x7FC00000, 0]
    values = b"".join(number.to_bytes(4, "little") for number in numbers)
    section = Section(0, NUMBERS["f32"], values, values)
    ahead, zeros = base[300:316], [0] * 8
    first = [0, 1, -1, 0, 127, -128, 0x7FFFFFFF, -0x80000000]
    plans = [derived(first, 48, 0x42FE0000), copy(300, 16), from_section(0, 32),
             derived(zeros, -32, 0x3F000000), derived(zeros, -58, 0xBF7FFFFF), derived(zeros, -46, 0x34000001),
             predicted(base[412:424], 412, STRAIGHT), derived([7] * 3, -12, 0x7F800000), literal(b"end")]

    def make(corrections: list[int], source: bytes, factor: int) -> bytes:
        return add_products(b"".join((value % (1 << 32)).to_bytes(4, "little") for value in corrections),
                            source, factor)

    made = make(first, values, 0x42FE0000) + ahead + values
    made += make(zeros, values, 0x3F000000)
    made += make(zeros, made[len(made) - 58:][:32], 0xBF7FFFFF)
    made += make(zeros, made[len(made) - 46:][:32], 0x34000001)
    made += base[412:424] + make([7] * 3, bytes(12), 0x7F800000) + b"end"
    return [Chunk(plans, [section], made)]


def hits_then_end(base: bytes) -> list[Chunk]:
    """32 right guesses up to the last byte of the base; then a byte of 0 is `hit`, or is not."""
    tail = base[-70:]
    return [Chunk([predicted(tail + b"\0", len(base) - 70), predicted(tail + b"\1\0\2", len(base) - 70)],
                  result=tail + b"\0" + tail + b"\1\0\2")]


def moved_words(base: bytes) -> list[Chunk]:
    """Words that change alike, and words that point to what has moved, before and after them."""
    generator = random.Random(13)
    at = start = 4096
    made = bytearray()

    def equal(length: int) -> None:
        nonlocal at
        made.extend(base[at:at + length])
        at += length

    for kind in range(3):
        equal(64)
        for i in range(12):
            if kind > 0 and i % 2 == 0:
                made += generator.randbytes(4 * (1 + i % 3))  # positions stay multiples of four
                equal(24)
            moved = len(made) - at
            change = (0x124, moved + 0x350, 0x777 - moved)[kind]
            word = int.from_bytes(base[at:at + 4], "little") + change
            made += (word % (1 << 32)).to_bytes(4, "little")
            at += 4
            equal(8)
    made += b"odd" + base[at:at + 30]
    return [Chunk([predicted(bytes(made), start), copy(at, 6), predicted(base[at + 9:at + 20], at + 9)],
                  result=bytes(made) + base[at:at + 6] + base[at + 9:at + 20])]


def grown_numbers(base: bytes) -> list[Chunk]:
    """Lengths of eight bytes for lengths of four: zeros that go on, and a base that waits."""
    generator = random.Random(17)
    start = at = 100
    made = bytearray()
    for _ in range(120):
        length = generator.randrange(1, 14)
        made += base[at:at + 4] + bytes(4) + base[at + 4:at + 4 + length]
        at += 4 + length
    return [Chunk([predicted(bytes(made), start), literal(bytes(made[:200]))],
                  result=bytes(made) + bytes(made[:200]))]


def many_steps(base: bytes) -> list[Chunk]:
    """As many as there may be; probabilities reach their bounds."""
    plans = [copy(7, 128) for _ in range(20)]  # 128, 129: the bits below the leading one are 0
    plans += [copy(7 + i % 3, 128 + i % 2) for i in range(20)]
    plans += [copy(9, 1) for _ in range((1 << 14) - 40)]
    return [Chunk(plans, result=b"".join(base[plan.offset:plan.offset + plan.length] for plan in plans))]


def long_bytes(base: bytes) -> list[Chunk]:
    """More than the ring of `recent` holds: hits, words that move, cursors that part."""
    generator = random.Random(11)
    plans: list[Plan] = []
    start = at = 0
    made = bytearray()
    for i in range(16):
        end = at + generator.randrange(4000, 5000)
        made += base[at:end]
        at = end
        if i % 4 == 0:
            made += generator.randbytes(generator.randrange(1, 12))
        elif i % 4 == 1:
            made[-200] ^= 0x10
        elif i % 4 == 2:
            for k in range(3):
                word = int.from_bytes(base[at:at + 4], "little") + 0x124
                made += (word % (1 << 32)).to_bytes(4, "little") + base[at + 4:at + 20 + k]
                at += 20 + k
        else:
            plans.append(predicted(bytes(made), start))
            start = at = at + generator.randrange(1, 12)
            made.clear()
    plans.append(predicted(base[20:400] + bytes(range(64)) + base[20:400], 20))
    return [Chunk(plans, result=b"".join(plan.made for plan in plans))]
