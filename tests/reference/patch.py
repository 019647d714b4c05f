"""Patches: docs/format/patch.md."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import conversions
from blocks import decode_blocks
from dtypes import NAMES
from edits import decode_edits
from faults import Fault, Reader, crc32c
from grid import decode_grid
from lanes import Lanes, convert_lanes, has_lanes, read_lanes
from lite import decode_lite
from mask import decode_mask
from mixed import decode_mixed
from permuted import element_bytes
from planes import decode_planes
from range_coder import RangeDecoder
from signatures import MOST, split
from structure import (BYTES, DERIVED, SECTION, SectionOfSteps, Step, StructureDecoder,
                       make_derived)
from tokens import decode_tokens
from values import HALVES, decode_values
from weights import decode_by_weights, has_weights
from zstd_frames import decode_run, decode_section

MAGIC = bytes.fromhex("8D 4D 4C 50")
FIXED_HEADER = 146
MAX_MODEL_ID = 64
ZSTD, STRUCTURE, BLOCKS, VALUES, MASK, DERIVED_NUMBERS, TOKENS, MIXED, CONVERTED, LITE, \
    IN_PLACE = range(11)  # their bits
IN_PLACE_LENGTH = 11  # a number of five bits
IN_PLACE_LAG = 24  # one of seven
LANES, HALF_BYTES, WEIGHTS, PERMUTED, GRID, EDITS, AGAIN = 16, 17, 19, 20, 21, 22, 23
KNOWN_FEATURES = (1 << 18) - 1 | 31 << WEIGHTS | 127 << IN_PLACE_LAG
MAX_RECORD = (1 << 20) + (1 << 18)
MAX_RESULT = 1 << 30
MAX_CODED = 1 << 20
MAX_SECTIONS = 64
AGAIN_REST = 64
CHUNK, ZSTD_RUN, CHUNK_AGAIN = 0, 1, 2


@dataclass
class Header:
    profile: int
    signatures: int
    features: int
    memory: int
    release: int
    body_length: int
    body_digest: bytes
    base_length: int
    base_digest: bytes
    result_length: int
    result_digest: bytes
    model_id: bytes


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def read_header(patch: bytes) -> tuple[Header, bytes]:
    """The header, and what follows its signatures."""
    if len(patch) >= 4 and patch[:4] != MAGIC:
        raise Fault("bad_magic")
    if len(patch) < FIXED_HEADER:
        raise Fault("truncated", "header")
    if patch[4] != 0:
        raise Fault("unsupported_version", str(patch[4]))
    length = patch[6]
    if not FIXED_HEADER <= length <= FIXED_HEADER + MAX_MODEL_ID:
        raise Fault("malformed", "header length")
    if len(patch) < length:
        raise Fault("truncated", "header")
    if crc32c(patch[:length - 4]) != int.from_bytes(patch[length - 4:length], "little"):
        raise Fault("check_mismatch", "header")
    reader = Reader(patch[:length - 4])
    reader.take(5)
    profile = reader.integer(1)
    reader.take(1)
    signatures = reader.integer(1)
    numbers = [reader.integer(4) for _ in range(3)]
    body = reader.integer(8), reader.take(32)
    files, id_length = reader.integer(1), reader.integer(1)
    base = reader.integer(8), reader.take(32)
    result = reader.integer(8), reader.take(32)
    if id_length != reader.left() or body[0] == 0 or signatures > MOST:
        raise Fault("malformed", "header")
    header = Header(profile, signatures, *numbers, *body, *base, *result, reader.take(id_length))
    if profile > 1 or files != 1 or header.features & ~KNOWN_FEATURES:
        raise Fault("unsupported_feature", "header")
    in_place, lag = in_place_of(header)
    if header.features >> IN_PLACE & 1:
        if not has_lite_body(header) or not 6 <= in_place <= 29 or lag << in_place >= 1 << 30:
            raise Fault("malformed", "in place")
    elif in_place or lag:
        raise Fault("malformed", "in place")
    return header, split(patch)[2]


def in_place_of(header: Header) -> tuple[int, int]:
    """The binary logarithm of the blocks' length, and the lag in blocks."""
    return header.features >> IN_PLACE_LENGTH & 31, header.features >> IN_PLACE_LAG & 127


def has_lite_body(header: Header) -> bool:
    return header.profile == 1 and header.features >> LITE & 1 == 1


def read_body(header: Header, after: bytes) -> bytes:
    """That of profile lite, which has no records."""
    body = after[:header.body_length]
    if len(body) < header.body_length:
        raise Fault("truncated", "body")
    if sha256(body) != header.body_digest:
        raise Fault("corrupt_data", "body digest")
    if len(after) > header.body_length:
        raise Fault("trailing_bytes")
    return body


@dataclass
class Record:
    at: int  # where in the body it begins, with its length
    data: bytes  # its kind first


def read_records(header: Header, after: bytes) -> list[Record]:
    body = after[:header.body_length]
    is_cut = len(body) < header.body_length
    reader = Reader(body, short="truncated" if is_cut else "malformed")
    records = []
    while True:
        at = reader.at
        length = reader.varint()
        if length == 0:
            break
        if length > MAX_RECORD:
            raise Fault("limit_exceeded", "record")
        if length > header.body_length - reader.at:
            raise Fault("malformed", "record ends past the body")
        records.append(Record(at, reader.take(length)))
    if reader.at != header.body_length:
        raise Fault("malformed", "end mark before the end")
    if sha256(body) != header.body_digest:
        raise Fault("corrupt_data", "body digest")
    if len(after) > header.body_length:
        raise Fault("trailing_bytes")
    return records


@dataclass
class SectionHeader:
    codec: int
    dtype: int
    has_base: bool
    result_bytes: int
    payload_bytes: int
    conversion: int | None = None
    lanes: Lanes | None = None
    is_permuted: bool = False

    def seen(self, length: int) -> int | None:
        """How many bytes of the base a step of `length` reads."""
        if self.conversion is None:
            return length
        return conversions.base_length(self.conversion, self.dtype, length)

    def has_weights(self) -> bool:
        return self.conversion is not None and has_weights(self.conversion, self.dtype)

    def predicted(self, step: Step, base: bytes) -> bytes:
        if step.permutation is not None:
            return step.permutation.gathered(self.dtype, base, step.length)
        if self.conversion is None:
            return base
        if self.lanes is not None:
            return convert_lanes(self.conversion, self.dtype, self.lanes, base)
        if self.has_weights():
            numbers = conversions.load(NAMES[self.conversion], base, False)
            return b"".join(number.to_bytes(4, "little") for number in numbers)
        return conversions.convert(self.conversion, self.dtype, base)


def read_section_header(reader: Reader) -> SectionHeader:
    codec, dtype, flags = reader.take(3)
    conversion = reader.integer(1) if flags & 2 else None
    lanes = None
    if conversion is not None and has_lanes(conversion, dtype):
        lanes = read_lanes(reader, dtype)
    section = SectionHeader(codec, dtype, flags & 1 == 1, reader.varint(), reader.varint(), conversion,
                            lanes, flags & 4 == 4)
    if codec > 9:
        raise Fault("unknown_codec", str(codec))
    if flags not in (0, 1, 3, 5) or dtype not in NAMES or section.result_bytes == 0:
        raise Fault("malformed", "section header")
    is_by_weights = section.has_weights()
    if section.is_permuted and element_bytes(dtype) is None:
        raise Fault("malformed", "elements that are not permuted")
    if conversion is not None and lanes is None and not (is_by_weights or conversions.exists(conversion, dtype)):
        raise Fault("malformed", "no such conversion")
    if is_by_weights and codec != 3:
        raise Fault("malformed", "weights without blocks")
    return section


def decode_section_payload(section: SectionHeader, payload: bytes, base: bytes | None) -> bytes:
    if section.codec == 0:
        if (section.conversion is not None or section.is_permuted) and not payload:
            assert base is not None
            return base
        if len(payload) != section.result_bytes:
            raise Fault("corrupt_data", "stored section")
        return payload
    if section.codec == 1:
        return decode_section(payload, section.result_bytes)
    if section.codec == 2:
        return decode_planes(section.dtype, payload, base, section.result_bytes)
    if section.codec == 3 and section.has_weights():
        assert base is not None
        return decode_by_weights(section.dtype, payload, base)
    if section.codec == 3:
        return decode_blocks(section.dtype, payload, base)
    if section.codec == 4:
        return decode_values(section.dtype, payload, base, section.result_bytes)
    if section.codec == 5:
        return decode_mask(section.dtype, payload, base, section.result_bytes)
    if section.codec == 6:
        return decode_tokens(section.dtype, payload, base, section.result_bytes)
    if section.codec == 7:
        return decode_mixed(section.dtype, payload, base, section.result_bytes)
    if section.codec == 8:
        return decode_edits(section.dtype, payload, base, section.result_bytes)
    return decode_grid(section.dtype, payload, base, section.result_bytes)


def check_declared(features: int, is_needed: bool, bit: int) -> None:
    if is_needed and not features >> bit & 1:
        raise Fault("malformed", f"feature {bit} is used and not declared")


def decode_chunk(record: bytes, base: bytes, position: int, result_left: int, features: int) -> bytes:
    """`record` without its kind."""
    reader = Reader(record)
    result_bytes = reader.varint()
    if result_bytes > result_left:
        raise Fault("malformed", "chunk reaches past the end of the result")
    coded_bytes = reader.varint()
    check = reader.integer(4)
    section_count = reader.varint()
    if result_bytes > MAX_RESULT or coded_bytes > MAX_CODED or section_count > MAX_SECTIONS:
        raise Fault("limit_exceeded", "chunk header")
    if result_bytes == 0:
        raise Fault("malformed", "chunk of nothing")
    sections = [read_section_header(reader) for _ in range(section_count)]
    check_declared(features, any(section.codec in (1, 2) for section in sections), ZSTD)
    check_declared(features, any(section.codec == 3 for section in sections), BLOCKS)
    check_declared(features, any(section.codec == 5 for section in sections), MASK)
    check_declared(features, any(section.codec == 4 for section in sections), VALUES)
    check_declared(features, any(section.codec == 6 for section in sections), TOKENS)
    check_declared(features, any(section.codec == 7 for section in sections), MIXED)
    check_declared(features, any(section.codec == 8 for section in sections), EDITS)
    check_declared(features, any(section.codec == 9 for section in sections), GRID)
    is_converted = any(section.conversion is not None for section in sections)
    check_declared(features, is_converted, CONVERTED)
    check_declared(features, any(section.lanes is not None for section in sections), LANES)
    check_declared(features, any(section.is_permuted for section in sections), PERMUTED)
    check_declared(features, any(section.has_weights() for section in sections), WEIGHTS)
    check_declared(features, any(section.codec == 4 and NAMES[section.dtype] in HALVES
                                 for section in sections), HALF_BYTES)
    payload_bytes = sum(section.payload_bytes for section in sections)
    if sum(section.result_bytes for section in sections) > coded_bytes:
        raise Fault("malformed", "sections make more than is coded")
    if payload_bytes > reader.left():
        raise Fault("malformed", "payloads are longer than the record")
    if coded_bytes > result_bytes:
        raise Fault("corrupt_data", "more is coded than made")
    coder = RangeDecoder(reader.take(reader.left() - payload_bytes))
    payloads = [reader.take(section.payload_bytes) for section in sections]
    steps = StructureDecoder(coder, base, position, result_bytes, coded_bytes,
                             [SectionOfSteps(s.result_bytes, s.has_base, s.seen, s.is_permuted, s.dtype)
                              for s in sections]).run()
    check_declared(features, any(step.kind == BYTES for step in steps), STRUCTURE)
    check_declared(features, any(step.kind == DERIVED for step in steps), DERIVED_NUMBERS)
    for index, (section, payload) in enumerate(zip(sections, payloads)):
        mine = [step for step in steps if step.kind == SECTION and step.section == index]
        prediction = (b"".join(section.predicted(step, base[step.offset:step.offset + step.seen])
                               for step in mine)
                      if section.has_base else None)
        dealt = Reader(decode_section_payload(section, payload, prediction))
        for step in mine:
            step.made = dealt.take(step.length)
    make_derived(steps)
    made = b"".join(step.made for step in steps)
    if crc32c(made) != check:
        raise Fault("check_mismatch", "chunk")
    return made


def find_chunk(record: Record, made: int, body: bytes) -> tuple[bytes, int]:
    """The record that makes the bytes of `record`, and where it takes them to belong."""
    if record.data[0] == CHUNK:
        return record.data, made
    reader = Reader(record.data[1:], short="malformed")
    record_back, result_back = reader.varint(), reader.varint()
    if reader.left() or not 0 < record_back <= record.at or not 0 < result_back <= made:
        raise Fault("malformed", "a chunk to be made again, of nowhere")
    earlier = Reader(body[record.at - record_back:record.at], short="malformed")
    length = earlier.varint()
    if not 0 < length <= MAX_RECORD:
        raise Fault("malformed", "no record to be made again")
    data = earlier.take(length)
    if data[0] != CHUNK:
        raise Fault("malformed", "no chunk to be made again")
    if length > 2 * Reader(data[1:], short="malformed").varint() + AGAIN_REST:
        raise Fault("limit_exceeded", "a chunk to be made again, of too long a record")
    return data, made - result_back


def decode_records(header: Header, records: list[Record], body: bytes, base: bytes) -> bytes:
    if not records:
        return b""
    kinds = {record.data[0] for record in records}
    if kinds == {ZSTD_RUN}:
        check_declared(header.features, True, ZSTD)
        return decode_run(b"".join(record.data[1:] for record in records), header.result_length)
    if not kinds <= {CHUNK, CHUNK_AGAIN}:
        raise Fault("malformed", "kind of a record")
    check_declared(header.features, CHUNK_AGAIN in kinds, AGAIN)
    made = b""
    for record in records:
        data, position = find_chunk(record, len(made), body)
        made += decode_chunk(data[1:], base, position, header.result_length - len(made),
                             header.features)
    return made


def decode(patch: bytes, base: bytes) -> bytes:
    """The result that `patch` makes of `base`; Fault if either is to be refused."""
    header, after = read_header(patch)
    if len(base) != header.base_length or sha256(base) != header.base_digest:
        raise Fault("base_mismatch")
    if has_lite_body(header):
        made = decode_lite(read_body(header, after), base, header.result_length,
                           *in_place_of(header))
    else:
        made = decode_records(header, read_records(header, after), after, base)
    if len(made) != header.result_length or sha256(made) != header.result_digest:
        raise Fault("result_mismatch")
    return made
