"""Records of kind 2: those of a good vector, and faults."""

from __future__ import annotations

from collections.abc import Iterator

from patch_maker import (Chunk, Section, body_of, copy, from_section, literal, make_patch, predicted,
                         varint)

FEATURES = 1 << 1 | 1 << 23


def again(record_back: int, result_back: int) -> bytes:
    return b"\2" + varint(record_back) + varint(result_back)


def sized(record: bytes) -> int:
    """Length of the record, and of its length."""
    return len(varint(len(record)) + record)


def chunk_of(base: bytes) -> Chunk:
    """Whose bytes are coded by where they are in the result, and a copy."""
    moved = bytes(byte ^ (1 if i % 4 == 2 else 0) for i, byte in enumerate(base[:16]))
    return Chunk([copy(3, 5), predicted(moved, 0)], result=base[3:8] + moved)


def good(base: bytes) -> tuple[bytes, bytes]:
    """The patch, and what it makes: a chunk, another, the first, the second, the first."""
    first, second = chunk_of(base), Chunk([literal(b"another")], result=b"another")
    one = first.record(base, 0)
    two = second.record(base, len(first.result))
    records = [one, two]
    made = [first.result, second.result]
    for index in (0, 1, 0):
        records.append(again(sum(map(sized, records[index:])), sum(map(len, made[index:]))))
        made.append(made[index])
    result = b"".join(made)
    return make_patch(base, result, body_of(records), features=FEATURES), result


def long_record(base: bytes) -> bytes:
    """One byte more than may be made again, of a chunk that makes one: blocks of nothing, and the byte."""
    blocks = bytes(3) * 16 + bytes([1 | 1 << 3, 0, 0]) + b"z"
    chunk = Chunk([from_section(0, 1)], [Section(1, 1, blocks, b"z")], result=b"z")
    record = chunk.record(base, 0)
    assert len(record) == 67, len(record)
    return record


def bad(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    chunk = chunk_of(base)
    one = chunk.record(base, 0)
    back, length = sized(one), len(chunk.result)

    def patch(second: bytes, *more: bytes, features: int = FEATURES, times: int = 2) -> bytes:
        return make_patch(base, chunk.result * times, body_of([one, second, *more]), features=features)

    yield "undeclared-again", "malformed", "bit 23 clear", patch(again(back, length), features=2)
    yield ("again-first", "malformed", "there is nothing before it",
           make_patch(base, b"", body_of([again(1, 1)]), features=FEATURES))
    yield "again-of-itself", "malformed", "0 bytes back", patch(again(0, length))
    yield "again-of-no-place", "malformed", "0 bytes of the result back", patch(again(back, 0))
    yield "again-before-the-body", "malformed", "one byte too far", patch(again(back + 1, length))
    yield "again-before-the-result", "malformed", "one byte too far", patch(again(back, length + 1))
    yield ("again-of-again", "malformed", "only a chunk can be made again",
           patch(again(back, length), again(sized(again(back, length)), length), times=3))
    yield "again-cut-short", "malformed", "without the second field", patch(again(back, length)[:-1])
    yield "again-trailing-byte", "malformed", "", patch(again(back, length) + b"\0")
    yield ("again-within-a-record", "malformed", "what is there as a length leads beyond this record",
           patch(again(1, length)))
    yield ("again-past-end", "malformed", "more than is left of the result",
           make_patch(base, chunk.result + b"x", body_of([one, again(back, length)]), features=FEATURES))
    long = long_record(base)
    yield ("again-of-a-long-record", "limit_exceeded", "67 bytes that make one",
           make_patch(base, b"zz", body_of([long, again(sized(long), 1)]), features=FEATURES | 1))
    yield ("again-by-another-place", "corrupt_data", "which its bytes are coded by",
           patch(again(back, length - 1)))
