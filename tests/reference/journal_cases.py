"""The journals of tests/vectors/journal/journals.tsv, with what comes of them set down by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from faults import crc32c
from good_patches import patch_of
from journal import BATCH_MAGIC, BLOCK, CHUNK, COPY, HEAD, MAGIC, PART, in_blocks
from patch import sha256
from patch_maker import Chunk, literal

OLD = b"old model: " + bytes(range(0, 250, 5)) + b" and what is left of it"
NEW = b"New model, " + bytes(i * 5 + i % 3 - 1 & 0xFF for i in range(50)) + b" and what it grew by, somewhat"
PATCH = patch_of(OLD, [Chunk([literal(NEW)], result=NEW)])
OTHER = patch_of(OLD, [Chunk([literal(OLD)], result=OLD)])


@dataclass
class JournalCase:
    name: str
    undone: str  # `old`: the old model comes back; else a status
    finished: str  # `new`, or a status
    patch: bytes
    model: bytes
    journal: bytes
    spec: str
    what: str


def number(value: int, width: int = 8) -> bytes:
    return value.to_bytes(width, "little")


def zstd(content: bytes) -> bytes:
    """One block that is stored as it is."""
    return number(len(content) << 3 | 1, 3) + content


def differences(old: bytes, now: bytes, width: int) -> bytes:
    count = len(old) // width
    folded = []
    for i in range(count):
        a, b = (int.from_bytes(each[i * width:(i + 1) * width], "little") for each in (old, now))
        d = (a - b) % (1 << 8 * width)
        half = 1 << 8 * width - 1
        folded.append(number(2 * d if d < half else 2 * (2 * half - d) - 1, width))
    return b"".join(bytes(each[k] for each in folded) for k in range(width)) + old[count * width:]


def undo_record(coding: int, *ranges: tuple[int, int], coded: bytes | None = None,
                check: int | None = None) -> bytes:
    old, now = (b"".join(model[at:at + size] for at, size in ranges) for model in (OLD, NEW))
    if coded is None:
        coded = old if coding == 0 else zstd(old if coding == 1 else differences(old, now, {2: 1, 3: 2, 4: 4}[coding]))
    listed = b"".join(number(at) + number(size, 4) for at, size in ranges)
    if check is None:
        check = crc32c(listed + old)
    return bytes([coding]) + number(len(ranges), 4) + number(len(coded), 4) + number(check, 4) + listed + coded


def piece(model: bytes, at: int, end: int) -> bytes:
    return number(at) + number(end - at) + model[at:end]


def batch(sequence: int, done: int, pieces: bytes, direction: int = 0) -> bytes:
    head = BATCH_MAGIC + number(sequence) + number(done) + number(len(pieces))
    head += number(crc32c(pieces), 4) + number(direction, 4)
    return head + number(crc32c(head), 4) + pieces


def stashed(content: bytes) -> bytes:
    return content.ljust(in_blocks(len(content)), b"\0")


@dataclass
class Plan:
    """A journal to be written; any number may be given, and the checks are right all the same."""

    units: list[tuple[int, int, int, int]]  # kind, source, offset, length
    undo: list[bytes]  # by unit
    slots: tuple[bytes, bytes] = (b"", b"")
    stash: bytes = b""
    patch: bytes = PATCH
    version: int = 1
    flag: int = 1
    slot: int = BLOCK
    undo_length: int | None = None
    spread: int = 0  # added to the undo length of each unit
    reserved: bytes = bytes(58)

    def write(self) -> bytes:
        records = b"".join(self.undo)
        tables, at = b"", 0
        for (kind, source, offset, length), undo in zip(self.units, self.undo):
            tables += bytes([kind]) + number(source) + number(offset) + number(length) + number(0, 4)
            tables += number(at) + number(len(undo) + self.spread)
            at += len(undo)
        kept = stashed(self.stash) if self.stash else b""
        if kept:
            tables += number(0) + number(len(kept)) + number(crc32c(kept), 4)
        head = MAGIC + bytes([self.version]) + sha256(self.patch[:self.patch[6]])
        for value in (len(OLD), len(NEW), len(self.units), int(bool(kept)), len(kept), self.slot):
            head += number(value)
        length = len(records) if self.undo_length is None else self.undo_length
        head += number(crc32c(tables), 4) + bytes([self.flag]) + number(length) + self.reserved
        head += number(crc32c(head), 4)
        assert len(head) == HEAD
        made = stashed(head + records + tables) + kept
        return made + b"".join(slot.ljust(self.slot, b"\0") for slot in self.slots)


UNITS = [(CHUNK, 146, 0, len(NEW)), (COPY, 3, 11, 20), (COPY, 9, 31, 30), (COPY, 0, 61, 9), (COPY, 5, 70, 20)]
CODINGS = [undo_record(0, (0, 3), (5, 6)), undo_record(2, (11, 20)), undo_record(3, (31, 25), (56, 4)) +
           undo_record(0, (60, 1)), undo_record(4, (61, 9)), undo_record(1, (70, 14))]
WRITTEN = piece(NEW, 0, 11) + piece(NEW, 11, 61) + piece(NEW, 61, len(NEW))
THERE = Plan(UNITS, CODINGS, (b"", batch(1, 5, WRITTEN)))
TORN = NEW[:40] + OLD[40:]
WITH = "journal 6"


def good() -> Iterator[JournalCase]:
    yield JournalCase("codings", "old", "new", PATCH, TORN, THERE.write(), WITH,
                      "an undo record of each coding; the one batch is torn in the model")
    back = batch(2, 2, piece(OLD, 61, len(OLD)) + piece(OLD, 31, 61), 1)
    model = NEW[:31] + OLD[31:70] + NEW[70:]
    yield JournalCase("back", "old", "new", PATCH, model, replace(THERE, slots=(back, THERE.slots[1])).write(),
                      "journal 11", "half way back")
    torn = batch(2, 2, piece(OLD, 61, len(OLD)), 1)[:-1] + b"?"
    yield JournalCase("back-torn", "old", "new", PATCH, NEW[:-1], replace(THERE, slots=(torn, THERE.slots[1])).write(),
                      "journal 8", "the first batch back was never complete")
    parts = Plan([(PART, 0, 0, len(NEW))], [b""], (b"", batch(1, 1, piece(NEW, 0, len(NEW)))), OLD, flag=0)
    yield JournalCase("no-undo", "base_mismatch", "new", PATCH, TORN, parts.write(), "journal 7",
                      "a part, a stash, and nothing kept for the way back")


def with_record(record: bytes) -> Plan:
    """The last unit has this record."""
    return replace(THERE, undo=[*CODINGS[:-1], record])


def bad() -> Iterator[JournalCase]:
    last = undo_record(1, (70, 14))
    head = {"magic": (b"\x8DMLP" + THERE.write()[4:], "bad_magic"),
            "version": (replace(THERE, version=2), "unsupported_version"),
            "head-check": (THERE.write()[:20] + b"?" + THERE.write()[21:], "check_mismatch"),
            "reserved": (replace(THERE, reserved=bytes(57) + b"\x01"), "malformed"),
            "undo-flag": (replace(THERE, flag=2), "malformed"),
            "undo-without-flag": (replace(THERE, flag=0), "malformed"),
            "undo-length": (replace(THERE, undo_length=1 << 63), "malformed"),
            "slot-length": (replace(THERE, slot=BLOCK + 1), "malformed"),
            "another-patch": (replace(THERE, patch=OTHER), "base_mismatch"),
            "no-batch": (replace(THERE, slots=(b"", THERE.slots[1][:-1] + b"?")), "base_mismatch")}
    units = {"unit-kind": (replace(THERE, units=[(3, 0, 0, 9), *UNITS[1:]]), "malformed"),
             "unit-outside": (replace(THERE, units=[(CHUNK, 146, 1, len(NEW)), *UNITS[1:]]), "malformed"),
             "copy-outside": (replace(THERE, units=[(COPY, len(OLD) - 8, 0, 9), *UNITS[1:]]), "malformed"),
             "undo-shared": (replace(THERE, spread=1), "malformed")}
    records = {"coding": (bytes([5]) + last[1:], "malformed"),
               "no-ranges": (last[:1] + number(0, 4) + last[5:], "malformed"),
               "range-outside": (undo_record(0, (len(OLD) - 3, 4), coded=bytes(4)), "malformed"),
               "empty-range": (undo_record(0, (70, 14), (84, 0)), "malformed"),
               "record-cut": (last[:-1], "malformed"),
               "coded-length": (undo_record(0, (70, 14), coded=bytes(13)), "corrupt_data"),
               "coded": (undo_record(1, (70, 14), coded=b"\x01\x00\x00?"), "corrupt_data"),
               "record-check": (undo_record(0, (70, 14), check=7), "check_mismatch")}
    for name, (plan, status) in {**head, **units}.items():
        data = plan if isinstance(plan, bytes) else plan.write()
        yield JournalCase(name, status, status, PATCH, TORN, data, "journal 5" if name in units else "journal 4", "")
    for name, (record, status) in records.items():
        yield JournalCase(name, status, "new", PATCH, TORN, with_record(record).write(), WITH,
                          "does not matter to who goes on")


def changes(data: bytes, first: bytes) -> str:
    """Where `data` is not as `first`, and what it is there; at the end its length."""
    first = first[:len(data)].ljust(len(data), b"\0")
    wrong = [at for at, (a, b) in enumerate(zip(data, first)) if a != b]
    parts = []
    while wrong:
        begin = end = wrong[0]
        while wrong and wrong[0] < end + 8:  # what lies close is one
            end = wrong.pop(0)
        parts.append(f"{begin}:{data[begin:end + 1].hex()}")
    return " ".join([*parts, f"{len(data)}:"])


def changed(first: bytes, text: str) -> bytes:
    """What changes() was given."""
    data = bytearray(first)
    for part in text.split():
        at, _, digits = part.partition(":")
        content = bytes.fromhex(digits)
        data += bytes(max(0, int(at) + len(content) - len(data)))
        data[int(at):int(at) + len(content)] = content
    return bytes(data[:int(at)])


HEADING = ["name", "undone", "finished", "patch", "model", "journal", "pins", "what"]


def table() -> str:
    """Patches, models and journals behind the first are given by what is not as in that."""
    lines = [HEADING]
    first = b"", b"", b""
    for case in [*good(), *bad()]:
        files = case.patch, case.model, case.journal
        lines.append([case.name, case.undone, case.finished, *map(changes, files, first), case.spec, case.what])
        first = files if case.name == "codings" else first
    return "".join("\t".join(line) + "\n" for line in lines)
