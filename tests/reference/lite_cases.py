"""Vectors of profile lite: docs/format/lite.md."""

from __future__ import annotations

from collections.abc import Iterator

from lite import ALONE, CHANGED, COPY, DERIVED, F32, LITERAL, decode_lite
from lite_maker import copy, head, literal, make_body, number, own, want
from patch_maker import make_patch

TYPE_7 = [0, *want(7, 3), *want(0, 16)]
# Blocks of 64 bytes.
IN_PLACE = {"features": 1 << 9 | 1 << 10 | 6 << 11}
WITH_LAG = {"features": IN_PLACE["features"] | 2 << 24}
FLOATS = [0, *want(F32, 3), *want(0, 16)]


def lite_patch(base: bytes, result: bytes, body: bytes, **fields: object) -> bytes:
    return make_patch(base, result, body, **{"profile": 1, "features": 1 << 9, "memory": 1, **fields})


def good(base: bytes) -> Iterator[tuple[str, str, bytes, bytes]]:
    """Name, what, patch, result."""
    def case(name: str, what: str, segments: list[list[list[int]]], restart: int, length: int,
             **fields: object) -> tuple[str, str, bytes, bytes]:
        body = make_body(base, segments, restart, length)
        result = decode_lite(body, base, length)
        return name, what, lite_patch(base, result, body, **fields), result

    yield case("lite-restarts", "three segments of 16 bytes and one of 5",
               [[literal(b"a segment of its"), ], [copy(10), copy(6, -4)],
                [own(COPY, 3, 20), own(COPY, 13, 1)], [literal(b"ends\0")]], 4, 53)
    yield case("lite-far", "lengths and sizes of many bits",
               [[head(ALONE, 2, *FLOATS, *want(254, 8), *want(15, 4), *number(239), 1, *want(5, 3),
                      *want(12345, 20), *want(3, 4), 0, *want(7, 3), *want(1 << 19, 20)),
                 literal(bytes(range(0, 256, 5)))]], 31, 8 + 52)
    yield case("lite-in-place", "from behind, up to the end of a block",
               [[literal(b"ab"), copy(24), own(COPY, 26, 5), copy(12, -14), own(COPY, 3, 64)]], 31, 67,
               **IN_PLACE)
    yield case("lite-lag", "from two blocks behind, and a little more, up to the end of a block",
               [[literal(b"a"), own(COPY, 127, 1), copy(26), copy(20, -23), copy(18, -22),
                 own(COPY, 3, 100)]], 31, 195, **WITH_LAG)


def bad(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    def case(name: str, what: str, *steps: list[int], restart: int = 31, length: int = 8,
             extra: bytes = b"", **fields: object) -> tuple[str, str, str, bytes]:
        body = make_body(base, [list(steps)], restart, length, not extra) + extra
        return f"lite-{name}", "corrupt_data", what, lite_patch(base, bytes(length), body, **fields)

    eight = literal(bytes(8))
    yield case("kind-7", "", head(7, 8))
    yield case("type-7", "", head(LITERAL, 8, *TYPE_7))
    yield case("nothing", "a step of no elements", head(LITERAL, 0, 1))
    yield case("past-the-end", "one element too many", head(LITERAL, 9, 1))
    yield case("past-the-segment", "a step goes past a restart", head(LITERAL, 8, 1), restart=2)
    yield case("source-length", "one byte past the end of the base", copy(8, len(base) - 7))
    yield case("source-before", "a source before the base", copy(8, -1))
    yield case("own-at-once", "a byte that is not made yet", own(CHANGED, 8, 0))
    yield case("own-before", "a source before the result", own(CHANGED, 8, 1))
    yield case("own-too-near", "a number of which a byte is not made yet",
               literal(bytes(4)), own(DERIVED, 1, 3))
    yield case("bytes-left", "a byte behind the last segment", eight, extra=b"\1")
    yield case("in-place-before", "a byte that is overwritten",
               literal(b"a"), own(COPY, 63, 1), copy(1, 25), length=65, **IN_PLACE)
    yield case("in-place-across", "the last byte is in the next block",
               literal(b"a"), own(COPY, 59, 1), copy(5), length=65, **IN_PLACE)
    yield case("lag-before", "a byte that is overwritten",
               literal(b"a"), own(COPY, 191, 1), copy(1, 25), length=193, **WITH_LAG)
    yield case("lag-across", "the last byte is in the next block",
               literal(b"a"), own(COPY, 187, 1), copy(5, 20), length=193, **WITH_LAG)
    for name, features in (("lag-alone", 1 << 9 | 1 << 24),
                           ("lag-too-long", 1 << 9 | 1 << 10 | 29 << 11 | 2 << 24)):
        yield (f"lite-{name}", "malformed", "in place",
               lite_patch(base, bytes(8), make_body(base, [[eight]], 31, 8), features=features))
    body = make_body(base, [[eight]], 31, 8)
    yield ("lite-result", "result_mismatch", "",
           lite_patch(base, bytes(8), body, result_digest=bytes(32)))
    yield "lite-truncated", "truncated", "", lite_patch(base, bytes(8), body + bytes(9))[:-1]
    yield "lite-trailing", "trailing_bytes", "", lite_patch(base, bytes(8), body) + b"\0"
