"""Patches with steps that read the axes of a tensor in another order."""

from __future__ import annotations

from collections.abc import Iterator

from dtypes import NUMBERS
from patch_maker import Chunk, Plan, Section, body_of, copy, from_section, make_patch
from permuted import MOST_PICKS, MOST_STEPS, Permutation, element_bytes
from planes import decode_planes
from structure import STRAIGHT

FEATURES = 1 << 20
MATRIX = Permutation([1, 0], [3, 5])


def elements_of(base: bytes, offset: int, dtype: str, length: int, permutation: Permutation) -> bytes:
    seen = permutation.seen(NUMBERS[dtype], length)
    assert seen is not None
    return permutation.gathered(NUMBERS[dtype], base[offset:offset + seen], length)


def good(base: bytes) -> Chunk:
    """Elements of every width in orders of 2, 3 and 4 axes, whole tensors and parts; a section that
    steps share which are permuted and which are not, and one whose steps hold nothing new."""
    sections, plans, result = [], [], b""
    for dtype, count, offset, permutation in (
            ("u8", 15, 7, MATRIX),
            ("f16", 24, 100, Permutation([0, 2, 1], [2, 3, 4])),
            ("i32", 7, 300, Permutation([2, 0, 1], [2, 3, 4], 17)),
            ("f64", 120, 400, Permutation([3, 1, 0, 2], [2, 3, 4, 5])),
            ("c64", 1, 700, Permutation([2, 3, 0, 1], [5, 2, 2, 3], 59)),
            ("f8_e5m2", 256, 900, Permutation([1, 0], [2, 1 << 7]))):
        length = count * (element_bytes(NUMBERS[dtype]) or 0)
        made = elements_of(base, offset, dtype, length, permutation)
        plans.append(from_section(len(sections), length, offset, permutation=permutation))
        sections.append(Section(0, NUMBERS[dtype], b"", made, True, is_permuted=True))
        result += made
    # The matrix goes on where the first step of it stopped; then a step that is not permuted.
    rest = Permutation([1, 0], [3, 5], 4)
    first = elements_of(base, 50, "i16", 8, MATRIX)
    others = elements_of(base, 50, "i16", 22, rest), base[80:90]
    shared = [from_section(len(sections), 8, 50, permutation=MATRIX), copy(80, 3, STRAIGHT),
              from_section(len(sections), 22, 50, permutation=rest),
              from_section(len(sections), 10, 80, STRAIGHT)]
    old = first + b"".join(others)
    payload = b"\1" + b"\1\2" * 2  # direct planes of codec 2 that add 2 to each byte
    made = decode_planes(NUMBERS["i16"], payload, old, len(old))
    sections.append(Section(2, NUMBERS["i16"], payload, made, True, is_permuted=True))
    result += made[:8] + base[80:83] + made[8:]
    return Chunk(plans + shared, sections, result)


def picked(base: bytes) -> Chunk:
    """Axes that have lost indices, or have them in another order, or again; of blocks, and in
    another order of axes as well."""
    sections, plans, result = [], [], b""
    for dtype, count, offset, permutation in (
            ("u8", 6, 3, Permutation([0], [9], 0, [[8, 7, 6, 2, 3, 4]])),
            ("i16", 8, 50, Permutation([0, 1], [4, 5], 1, [[], [0, 3, 4]])),
            ("f32", 12, 100, Permutation([1, 0], [4, 5], 0, [[3, 1, 0], [0, 0, 2, 4]])),
            ("c128", 5, 200, Permutation([0, 1, 2], [2, 3, 2], 3, [[], [2, 0], []])),
            ("q8_0", 4, 500, Permutation([0, 1], [2, 4], 0, [[], [1, 3]])),
            ("i4", 200, 700, Permutation([0, 1], [2, 300], 100, [[], [*range(5, 105), *range(250, 150, -1)]]))):
        length = count * (element_bytes(NUMBERS[dtype]) or 0)
        made = elements_of(base, offset, dtype, length, permutation)
        plans.append(from_section(len(sections), length, offset, permutation=permutation))
        sections.append(Section(0, NUMBERS[dtype], b"", made, True, is_permuted=True))
        result += made
    return Chunk(plans, sections, result)


def bad(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    def patch(permutation: Permutation | None, dtype: str = "i16", length: int = 30, offset: int = 0,
              features: int = FEATURES, **fields: object) -> bytes:
        section = Section(0, NUMBERS[dtype], b"", bytes(length), True,
                          **{"is_permuted": True, **fields})  # type: ignore[arg-type]
        plan = from_section(0, length, offset, permutation=permutation)
        chunk = Chunk([plan], [section], bytes(length))
        return make_patch(base, bytes(length), body_of([chunk.record(base, 0)]), features=features)

    yield "undeclared-permuted", "malformed", "bit 20 clear", patch(MATRIX, features=3)
    yield "permuted-unpredicted", "malformed", "without bit 0", patch(MATRIX, flags=4)
    yield ("permuted-converted", "malformed", "bits 1 and 2",
           patch(MATRIX, flags=7, conversion=NUMBERS["f32"]))
    yield "permuted-opaque", "malformed", "elements of opaque", patch(MATRIX, "opaque", length=34)
    yield "permuted-axes", "corrupt_data", "five", patch(Permutation([0, 1, 2, 3, 0], [2] * 5))
    yield ("picked-beyond", "corrupt_data", "index 5 of 5",
           patch(Permutation([0, 1], [3, 5], 0, [[], [0, 1, 2, 3, 5]])))
    yield ("picked-before", "corrupt_data", "index -1", patch(Permutation([0], [20], 0, [[-1, *range(14)]])))
    yield ("picked-past-end", "corrupt_data", "15 of 12 elements",
           patch(Permutation([0, 1], [3, 5], 0, [[], [0, 1, 2, 3]])))
    yield ("picked-large", "corrupt_data", "2^28 + 2^15 bytes, of 2^16",
           patch(Permutation([0, 1], [1 << 14, 2], 0, [[], [1] * ((1 << 13) + 1)])))
    yield ("picked-often", "limit_exceeded", "2^16 + 1",
           patch(Permutation([0], [15], 0, [[0] * (MOST_PICKS + 1)])))
    for name, what, order in (("twice", "an axis that comes twice", [1, 1]),
                              ("beyond", "axis 2 of 2", [2, 0])):
        yield f"permuted-order-{name}", "corrupt_data", what, patch(Permutation(order, [3, 5]))
    for name, what, lengths in (("zero", "an axis of no length", [0, 5]),
                                ("one", "an axis of length 1", [1, 15]),
                                ("wrap", "2^32 + 3 and 5", [(1 << 32) + 3, 5]),
                                ("product", "2^63 - 1 by 2^63 - 1", [(1 << 63) - 1, (1 << 63) - 1]),
                                ("large", "2^28 + 2 bytes", [(1 << 27) // 3 + 1, 3])):
        yield (f"permuted-length-{name}", "corrupt_data", what, patch(Permutation([1, 0], lengths)))
    yield "permuted-part", "corrupt_data", "29 bytes of i16", patch(MATRIX, length=29)
    yield "permuted-past-end", "corrupt_data", "from the second element on", patch(
        Permutation([1, 0], [3, 5], 1))
    yield "permuted-first", "corrupt_data", "from element 2^63 - 1 on", patch(
        Permutation([1, 0], [3, 5], (1 << 63) - 1))
    yield "permuted-outside-base", "corrupt_data", "30 bytes of 29", patch(
        MATRIX, length=2, offset=len(base) - 29)
    yield "permuted-none", "corrupt_data", "not permuted, 30 bytes of 29", patch(
        None, offset=len(base) - 29)
    plans: list[Plan] = [from_section(0, 2, 0, permutation=MATRIX) for _ in range(MOST_STEPS + 1)]
    section = Section(0, NUMBERS["i16"], b"", bytes(512), True, is_permuted=True)
    chunk = Chunk(plans, [section], bytes(512))
    yield ("permuted-steps", "limit_exceeded", "256",
           make_patch(base, bytes(512), body_of([chunk.record(base, 0)]), features=FEATURES))
