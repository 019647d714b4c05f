"""Writes patches that no program writes: odd ones that must be read, and wrong ones.

The models are those of the decoder, which ask a coder for each bit. Here the coder is an encoder that
has been told beforehand which bits to give. scripts/make_vectors.py has the cases.
"""

from __future__ import annotations

import subprocess
from collections import deque
from dataclasses import dataclass, field

from conversions import base_length, exists
from expectations import Cursor
from faults import Fault, crc32c
from lanes import Lanes
from mask import Cells, MaskDecoder, Shape
from permuted import Permutation
from patch import MAGIC, sha256
from structure import (BYTES, COPY, DERIVED, NEAR, NONE, SECTION, STRAIGHT, SectionOfSteps,
                       StructureDecoder)
from weights import has_weights


def varint(value: int, width: int = 1) -> bytes:
    """At least `width` bytes: more than needed are allowed."""
    out = bytearray()
    while value >= 0x80 or len(out) + 1 < width:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


class RangeEncoder:
    """docs/format/structure.md, section 4, the other way; `wanted` are the bits to code next."""

    def __init__(self) -> None:
        self.wanted: deque[int] = deque()
        self.low, self.range = 0, (1 << 64) - 1  # low has all digits: carries need no care
        self.count = 0  # words shifted out so far
        self.raw = ""  # digits

    def bit(self, p: int) -> int:
        return self.below((self.range >> 16) * p)

    def fine(self, p: int) -> int:
        return self.below((self.range >> 22) * p)

    def below(self, bound: int) -> int:
        bit = self.wanted.popleft()
        if bit:
            self.range = bound
        else:
            self.low += bound
            self.range -= bound
        self.normalize()
        return bit

    def symbol(self, bounds: list[int]) -> int:
        symbol = self.wanted.popleft()
        unit = self.range >> 15
        self.low += unit * bounds[symbol]
        self.range = unit * (bounds[symbol + 1] - bounds[symbol])
        self.normalize()
        return symbol

    def normalize(self) -> None:
        if self.range < 1 << 32:
            self.range <<= 32
            self.low <<= 32
            self.count += 1

    def more(self, value: int, left: int) -> int:
        for _ in range(left):
            bit = self.wanted.popleft()
            self.raw += str(bit)
            value = 2 * value + bit
        return value

    def coded(self) -> bytes:
        """The fewest bytes that lie in range, whatever raw bits do behind them."""
        raw = bytes(int(self.raw[at:at + 8].ljust(8, "0"), 2) for at in range(0, len(self.raw), 8))
        for count in range(9):
            left = 64 - 8 * count  # bits that are open
            digits = -(-self.low >> left)
            most = (digits << left) + ((1 << left) - 1 if raw else 0)
            if most < self.low + self.range:
                break
        return digits.to_bytes(4 * self.count + count, "big") + raw[::-1]

    def want_tree(self, value: int, bits: int) -> None:
        self.wanted.extend(value >> i & 1 for i in reversed(range(bits)))

    def want_number(self, value: int) -> None:
        length = value.bit_length()
        self.want_tree(length, 6)
        self.want_tree(value, max(length - 1, 0))


@dataclass
class Plan:
    """A step to write. `offset` None means address NONE."""

    kind: int
    length: int
    offset: int | None = None
    made: bytes = b""  # kind BYTES; of kind DERIVED the corrections
    section: int = 0
    address: int | None = None  # None: STRAIGHT where that is right, else NEAR
    reference: int | None = None  # of NEAR; None: the nearest
    distance: int | None = None  # None: from offset
    ahead: int = 0  # kind DERIVED
    factor: int = 0  # kind DERIVED
    permutation: Permutation | None = None  # kind SECTION, of a permuted one


class StructureMaker(StructureDecoder):
    """Writes steps; stops, as a reader does, where one is wrong."""

    def __init__(self, base: bytes, position: int, result_bytes: int, coded_bytes: int,
                 sections: list[SectionOfSteps]) -> None:
        self.encoder = RangeEncoder()
        super().__init__(self.encoder, base, position, result_bytes, coded_bytes, sections)  # type: ignore
        self.plan = Plan(COPY, 0)

    def write(self, plans: list[Plan]) -> bytes:
        try:
            for plan in plans:
                self.plan = plan
                self._want(plan)
                self.make(self.decode_step())
        except Fault:
            self.encoder.wanted.clear()
        assert not self.encoder.wanted
        return self.encoder.coded()

    def _want(self, plan: Plan) -> None:
        coder = self.encoder
        coder.want_tree(plan.kind, 2)
        if plan.kind == SECTION:
            coder.want_number(plan.section)
        coder.want_number(plan.length)
        if plan.kind == DERIVED:
            coder.want_number(abs(plan.ahead))
            coder.wanted.append(int(plan.ahead > 0))
            coder.want_tree(plan.factor, 32)
            return
        address = plan.address
        if address is None:
            address = (NONE if plan.offset is None else
                       STRAIGHT if plan.offset == self.stops[0] else NEAR)
        coder.want_tree(address, 2)
        if address == NEAR:
            self._want_near(plan)
        is_permuted = any(section.is_permuted for section in self.sections[plan.section:][:1])
        if plan.kind == SECTION and is_permuted and address != NONE:
            self._want_permutation(plan.permutation)

    def _want_permutation(self, permutation: Permutation | None) -> None:
        coder = self.encoder
        coder.want_tree(0 if permutation is None else len(permutation.lengths), 3)
        if permutation is None:
            return
        for axis, length, picks in zip(permutation.order, permutation.lengths, permutation.picks):
            coder.want_tree(axis, 2)
            coder.want_number(length)
            coder.want_number(len(picks))
        coder.want_number(permutation.first)
        for picks in permutation.picks:
            expected = 0
            for pick in picks:
                ahead, expected = pick - expected, pick + 1
                coder.want_tree(int(ahead != 0), 1)
                if ahead:
                    coder.want_number(2 * ahead if ahead > 0 else -2 * ahead - 1)

    def _want_near(self, plan: Plan) -> None:
        places = self.stops + self.starts
        reference = plan.reference
        if reference is None:
            reference = 0 if plan.offset is None else min(
                range(16), key=lambda r: (abs(plan.offset - places[r]), r))
        ahead = plan.distance if plan.distance is not None else plan.offset - places[reference]
        self.encoder.want_tree(reference, 4)
        self.encoder.want_number(abs(ahead))
        self.encoder.wanted.append(int(ahead < 0))

    def decode_byte(self, cursor: Cursor, index: int) -> int:
        byte = self.plan.made[index]
        asked = self.bytes.asked(cursor)
        if asked is not None:
            self.encoder.wanted.append(int(byte == asked))
        if byte != asked:
            self.encoder.want_tree(byte, 8)
        return super().decode_byte(cursor, index)

    def decode_correction(self, index: int) -> int:
        value = int.from_bytes(self.plan.made[4 * index:4 * index + 4], "little", signed=True)
        self.encoder.want_number(2 * value if value >= 0 else -2 * value - 1)
        return super().decode_correction(index)


class CellsMaker(Cells):
    def __init__(self, encoder: RangeEncoder, shape: Shape, rows: list[list[int]]) -> None:
        super().__init__(encoder, shape)  # type: ignore
        self.rows = deque(rows)

    def decode_row(self) -> list[int]:
        wanted, ones = self.rows.popleft(), self.ones_left
        for column in range(len(self.columns)):
            if ones not in (0, self.cells_left - column):
                self.coder.wanted.append(int(column in wanted))  # type: ignore
            ones -= int(column in wanted)
        return super().decode_row()


class MaskMaker(MaskDecoder):
    """Writes sections of codec 5, with the shapes that it is given, be they wrong."""

    def __init__(self) -> None:
        self.encoder = RangeEncoder()
        super().__init__(self.encoder)  # type: ignore
        self.rows: list[list[int]] = []

    def write(self, shape: Shape, rows: list[list[int]]) -> bytes:
        """The arrays."""
        self.want_shape(shape)
        self.decode_shape()
        self.rows = rows
        return self.decode_arrays(shape)

    def want_shape(self, shape: Shape) -> None:
        self.encoder.wanted.append(shape.is_segments_first)
        for number in (shape.rows, shape.columns, shape.ones):
            self.encoder.want_number(number)
        for width in (shape.index_bytes, shape.segment_bytes):
            self.encoder.want_tree(width.bit_length() - 1, 2)

    def write_shape(self, shape: Shape) -> bytes:
        """The coded bytes of a shape alone."""
        self.want_shape(shape)
        self.decode_shape()
        return self.encoder.coded()

    def decode_rows(self, shape: Shape) -> list[list[int]]:
        if shape.cells() == 0:
            return self.rows
        cells = CellsMaker(self.encoder, shape, self.rows)
        return [cells.decode_row() for _ in range(shape.rows)]


@dataclass
class Section:
    codec: int
    dtype: int
    payload: bytes
    result: bytes
    has_base: bool = False
    flags: int | None = None
    result_bytes: int | None = None
    conversion: int | None = None
    lanes: Lanes | None = None
    is_permuted: bool = False

    def of_steps(self) -> SectionOfSteps:
        made = SectionOfSteps(_result_bytes(self), self.has_base, is_permuted=self.is_permuted,
                              dtype=self.dtype)
        conversion = self.conversion
        if conversion is not None and (exists(conversion, self.dtype) or self.lanes is not None
                                       or has_weights(conversion, self.dtype)):
            made.seen = lambda length: base_length(conversion, self.dtype, length)
        return made


@dataclass
class Chunk:
    """Fields that are None follow from the plans."""

    plans: list[Plan]
    sections: list[Section] = field(default_factory=list)
    result: bytes = b""
    result_bytes: int | None = None
    coded_bytes: int | None = None
    section_count: int | None = None
    payload_bytes: int | None = None  # of the last section
    check: int | None = None
    structure: bytes | None = None
    width: int = 1  # of varints

    def record(self, base: bytes, position: int) -> bytes:
        result_bytes = len(self.result) if self.result_bytes is None else self.result_bytes
        coded_bytes = self.coded_bytes
        if coded_bytes is None:
            coded_bytes = sum(plan.length for plan in self.plans if plan.kind != COPY)
        structure = self.structure
        if structure is None:
            maker = StructureMaker(base, position, result_bytes, coded_bytes,
                                   [section.of_steps() for section in self.sections])
            structure = maker.write(self.plans)
        check = crc32c(self.result) if self.check is None else self.check
        count = len(self.sections) if self.section_count is None else self.section_count
        head = b"\0" + varint(result_bytes, self.width) + varint(coded_bytes, self.width)
        head += check.to_bytes(4, "little") + varint(count, self.width)
        for section in self.sections:
            is_converted = section.conversion is not None
            flags = section.has_base + 2 * is_converted + 4 * section.is_permuted
            flags = flags if section.flags is None else section.flags
            length = len(section.payload)
            if section is self.sections[-1] and self.payload_bytes is not None:
                length = self.payload_bytes
            head += bytes([section.codec, section.dtype, flags])
            head += bytes([section.conversion]) if is_converted else b""  # type: ignore[list-item]
            head += lanes_bytes(section.lanes) if section.lanes is not None else b""
            head += varint(_result_bytes(section), self.width) + varint(length, self.width)
        return head + structure + b"".join(section.payload for section in self.sections)


def _result_bytes(section: Section) -> int:
    return len(section.result) if section.result_bytes is None else section.result_bytes


def lanes_bytes(lanes: Lanes) -> bytes:
    zero = 2 * lanes.zero if lanes.zero >= 0 else -2 * lanes.zero - 1
    return (bytes([lanes.flags]) + b"".join(map(varint, (lanes.first, lanes.run, lanes.count, zero)))
            + b"".join(scale.to_bytes(4, "little") for scale in lanes.scales))


def literal(made: bytes) -> Plan:
    return Plan(BYTES, len(made), None, made)


def predicted(made: bytes, offset: int, address: int | None = None) -> Plan:
    return Plan(BYTES, len(made), offset, made, address=address)


def copy(offset: int, length: int, address: int | None = None) -> Plan:
    return Plan(COPY, length, offset, address=address)


def from_section(section: int, length: int, offset: int | None = None,
                 address: int | None = None, permutation: Permutation | None = None) -> Plan:
    return Plan(SECTION, length, offset, section=section, address=address, permutation=permutation)


def derived(corrections: list[int], ahead: int, factor: int) -> Plan:
    made = b"".join(value.to_bytes(4, "little", signed=True) for value in corrections)
    return Plan(DERIVED, len(made), made=made, ahead=ahead, factor=factor)


def chunk_records(chunks: list[Chunk], base: bytes) -> list[bytes]:
    records, position = [], 0
    for chunk in chunks:
        records.append(chunk.record(base, position))
        position += len(chunk.result)
    return records


def body_of(records: list[bytes], width: int = 1) -> bytes:
    return b"".join(varint(len(record), width) + record for record in records) + varint(0, width)


def make_patch(base: bytes, result: bytes, body: bytes, **fields: object) -> bytes:
    """Any field of the header may be given; the check is right unless it is given, too."""
    values: dict = {
        "magic": MAGIC, "version": 0, "profile": 0, "header_length": None, "features": 3,
        "memory": 16384, "release": 0, "body_length": len(body), "body_digest": sha256(body),
        "files": 1, "id_length": None, "base_length": len(base), "base_digest": sha256(base),
        "result_length": len(result), "result_digest": sha256(result), "model_id": b"", "check": None,
    }
    assert not fields.keys() - values.keys(), fields
    values.update(fields)
    model_id = values["model_id"]
    header_length = values["header_length"] or 146 + len(model_id)
    id_length = len(model_id) if values["id_length"] is None else values["id_length"]
    head = values["magic"] + bytes([values["version"], values["profile"]])
    head += bytes([header_length, 0])
    for name in ("features", "memory", "release"):
        head += values[name].to_bytes(4, "little")
    head += values["body_length"].to_bytes(8, "little") + values["body_digest"]
    head += bytes([values["files"], id_length])
    for name in ("base", "result"):
        head += values[f"{name}_length"].to_bytes(8, "little") + values[f"{name}_digest"]
    head += model_id
    check = crc32c(head) if values["check"] is None else values["check"]
    return head + check.to_bytes(4, "little") + body


def zstd_frame(content: bytes, level: int = 19, *options: str) -> bytes:
    done = subprocess.run(["zstd", f"-{level}", "-cq", *options], input=content, capture_output=True,
                          check=True)
    return done.stdout


def zstd_blocks(content: bytes, level: int = 19) -> bytes:
    """A frame without its header: of what is read from a pipe it is six bytes long."""
    frame = zstd_frame(content, level, "--no-check")
    assert frame[4] == 0, "a frame header without content size"
    return frame[6:]
