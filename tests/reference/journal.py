"""Journals of updates in place: docs/format/journal.md.

What is read here: all but the making of chunks, for which a patch is decoded as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import patch
from faults import Fault, Reader, crc32c
from zstd_frames import decode_section

MAGIC = bytes.fromhex("8D 4D 4C 4A")
BATCH_MAGIC = bytes.fromhex("8D 4D 4C 42")
VERSION = 1
BLOCK = 1 << 16
HEAD, UNIT, STASH, BATCH, UNDO = 160, 45, 20, 40, 13
COPY, CHUNK, PART = range(3)
MAX_UNIT = 1 << 30
MAX_RECORD, MAX_RANGES = 1 << 18, 1 << 14
WIDTHS = {2: 1, 3: 2, 4: 4}  # of the numbers whose differences are coded


def in_blocks(length: int) -> int:
    return -(-length // BLOCK) * BLOCK


def refuse(is_wrong: bool, what: str, status: str = "malformed") -> None:
    if is_wrong:
        raise Fault(status, what)


@dataclass
class Batch:
    sequence: int = 0
    units_done: int = 0
    is_back: bool = False
    pieces: bytes = b""


@dataclass
class Journal:
    """What a journal says; `undo` has the undo records of each unit, one behind the other."""

    patch_digest: bytes
    base_length: int
    result_length: int
    has_undo: bool
    undo: list[bytes] = field(default_factory=list)
    stash: list[tuple[int, bytes]] = field(default_factory=list)
    batch: Batch = field(default_factory=Batch)


def read(data: bytes) -> Journal:
    head = Reader(data[:HEAD])
    refuse(head.take(4) != MAGIC, "magic", "bad_magic")
    refuse(head.integer(1) != VERSION, "version", "unsupported_version")
    refuse(len(data) < HEAD, "head", "truncated")
    refuse(crc32c(data[:HEAD - 4]) != int.from_bytes(data[HEAD - 4:HEAD], "little"), "head", "check_mismatch")
    digest = head.take(32)
    base, result, units, stashes, stash_length, slot = (head.integer(8) for _ in range(6))
    tables_check, has_undo, undo_length = head.integer(4), head.integer(1), head.integer(8)
    refuse(any(head.take(58)), "reserved")
    refuse(has_undo > 1 or (undo_length != 0 and not has_undo), "undo")
    refuse(stash_length % BLOCK != 0 or slot % BLOCK != 0 or slot == 0, "length that is no multiple of a block")
    tables_at = HEAD + undo_length
    stash_at = in_blocks(tables_at + units * UNIT + stashes * STASH)
    slots_at = stash_at + stash_length
    refuse(slots_at + 2 * slot > len(data), "shorter than its parts")
    journal = Journal(digest, base, result, bool(has_undo))
    tables = data[tables_at:tables_at + units * UNIT + stashes * STASH]
    refuse(crc32c(tables) != tables_check, "tables", "check_mismatch")
    reader = Reader(tables)
    read_units(journal, reader, units, data[HEAD:tables_at])
    read_stash(journal, reader, stashes, data[stash_at:slots_at])
    for number in range(2):
        batch = read_batch(data[slots_at + number * slot:][:slot], units, bool(has_undo))
        if batch and batch.sequence % 2 == number and batch.sequence > journal.batch.sequence:
            journal.batch = batch
    return journal


def read_units(journal: Journal, reader: Reader, count: int, undo: bytes) -> None:
    left = len(undo)
    for _ in range(count):
        kind = reader.integer(1)
        source, offset, length = (reader.integer(8) for _ in range(3))
        reader.integer(4)  # the check of what is written, which is not made here
        at, undo_length = reader.integer(8), reader.integer(8)
        refuse(kind > PART, "kind of a unit")
        refuse(not 0 < length <= MAX_UNIT or offset + length > journal.result_length, "unit")
        refuse(kind == COPY and source + length > journal.base_length, "copy")
        refuse(at + undo_length > len(undo) or undo_length > left, "undo records of a unit")
        left -= undo_length
        journal.undo.append(undo[at:at + undo_length])


def read_stash(journal: Journal, reader: Reader, count: int, stashed: bytes) -> None:
    checks = []
    end = at = 0
    for _ in range(count):
        offset, length = reader.integer(8), reader.integer(8)
        refuse(offset % BLOCK != 0 or length % BLOCK != 0 or length == 0, "stash entry")
        refuse(offset < end or offset + length > in_blocks(journal.base_length), "stash entry")
        end = offset + length
        checks.append(reader.integer(4))
        journal.stash.append((offset, stashed[at:at + length]))
        at += length
    refuse(at != len(stashed), "stash length")
    for check, (_, content) in zip(checks, journal.stash):
        refuse(crc32c(content) != check, "stash", "check_mismatch")


def read_batch(slot: bytes, units: int, has_undo: bool) -> Batch | None:
    """None: it is torn, or was never written."""
    if crc32c(slot[:BATCH - 4]) != int.from_bytes(slot[BATCH - 4:BATCH], "little"):
        return None
    reader = Reader(slot[:BATCH])
    magic = reader.take(4)
    sequence, done, length = (reader.integer(8) for _ in range(3))
    check, direction = reader.integer(4), reader.integer(4)
    if magic != BATCH_MAGIC or sequence == 0 or done > units or direction > has_undo:
        return None
    pieces = slot[BATCH:BATCH + length]
    if len(pieces) < length or crc32c(pieces) != check:
        return None
    return Batch(sequence, done, bool(direction), pieces)


def replayed(journal: Journal, model: bytes) -> bytearray:
    """The model with the last batch in it."""
    made = bytearray(model)
    reader = Reader(journal.batch.pieces, short="malformed")
    while reader.left():
        offset, length = reader.integer(8), reader.integer(8)
        content = reader.take(length)
        refuse(offset + length > journal.result_length, "piece")
        made.extend(bytes(max(0, offset + length - len(made))))
        made[offset:offset + length] = content
    return made


def old_bytes(coding: int, coded: bytes, now: bytes) -> bytes:
    if coding == 0:
        refuse(len(coded) != len(now), "undo record", "corrupt_data")
        return coded
    planes = decode_section(coded, len(now))
    if coding == 1:
        return planes
    width = WIDTHS[coding]
    count = len(now) // width
    numbers = []
    for i in range(count):
        folded = int.from_bytes(bytes(planes[k * count + i] for k in range(width)), "little")
        difference = -(folded >> 1) - 1 if folded & 1 else folded >> 1
        number = int.from_bytes(now[i * width:(i + 1) * width], "little") + difference
        numbers.append((number % (1 << 8 * width)).to_bytes(width, "little"))
    return b"".join(numbers) + planes[count * width:]


def restore(journal: Journal, records: bytes, model: bytearray) -> None:
    """Brings the old bytes of one unit back."""
    reader = Reader(records, short="malformed")
    while reader.left():
        coding, count, length, check = (reader.integer(width) for width in (1, 4, 4, 4))
        refuse(coding > 4 or not 0 < count <= MAX_RANGES or length > MAX_RECORD, "undo record")
        listed = reader.take(12 * count)
        coded = reader.take(length)
        table = Reader(listed)
        ranges = [(table.integer(8), table.integer(4)) for _ in range(count)]
        refuse(any(size == 0 or at + size > journal.base_length for at, size in ranges), "range")
        refuse(sum(size for _, size in ranges) > MAX_RECORD, "ranges")
        now = b"".join(bytes(model[at:at + size]).ljust(size, b"\0") for at, size in ranges)
        old = old_bytes(coding, coded, now)
        refuse(crc32c(listed + old) != check, "undo record", "check_mismatch")
        done = 0
        for at, size in ranges:
            model[at:at + size] = old[done:done + size]
            done += size


def opened(data: bytes, header: patch.Header, patch_bytes: bytes) -> Journal:
    journal = read(data)
    refuse(journal.patch_digest != patch.sha256(patch_bytes[:patch_bytes[6]]), "another patch", "base_mismatch")
    lengths = journal.base_length, journal.result_length
    refuse(lengths != (header.base_length, header.result_length), "lengths", "base_mismatch")
    refuse(journal.batch.sequence == 0, "no batch", "base_mismatch")
    return journal


def went_back(journal: Journal, header: patch.Header, model: bytes) -> bytes:
    made = replayed(journal, model)
    for records in reversed(journal.undo[:journal.batch.units_done]):
        restore(journal, records, made)
    old = bytes(made[:header.base_length])
    refuse(patch.sha256(old) != header.base_digest, "not the base", "result_mismatch")
    return old


def undone(data: bytes, patch_bytes: bytes, model: bytes) -> bytes:
    """Section 11: the old model."""
    header, _ = patch.read_header(patch_bytes)
    journal = opened(data, header, patch_bytes)
    refuse(not journal.has_undo, "no way back", "base_mismatch")
    return went_back(journal, header, model)


def finished(data: bytes, patch_bytes: bytes, model: bytes) -> bytes:
    """Section 10: the new model, if all units are in the batch, or it goes back."""
    header, _ = patch.read_header(patch_bytes)
    journal = opened(data, header, patch_bytes)
    if journal.batch.is_back:
        return patch.decode(patch_bytes, went_back(journal, header, model))
    assert journal.batch.units_done == len(journal.undo), "units are not made here"
    new = bytes(replayed(journal, model)[:header.result_length])
    refuse(patch.sha256(new) != header.result_digest, "not the result", "result_mismatch")
    return new
