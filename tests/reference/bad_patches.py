"""The bad patches of tests/vectors/patch: one fault each, sealed so that nothing else is wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator

from blocks import GRIDS, read_block
from blocks_maker import BlocksMaker, PlannedBlocks
from cases import Case, read
from dtypes import NUMBERS
from good_patches import ABC, GGUF, text, varint_block
from mask import Shape
from patch_maker import (Chunk, MaskMaker, Plan, Section, body_of, chunk_records, copy, derived,
                         from_section, literal, make_patch, zstd_blocks, zstd_frame)
from residuals import NOT_ROUNDED, Guess
from signatures import with_blocks
from structure import BYTES, COPY, DERIVED, NEAR, NONE, STRAIGHT
from tokens_maker import TokensMaker

import again_cases
import blocks_cases
import edits_cases
import grid_cases
import lite_cases
import mixed_cases
import permuted_cases
import values_cases
import weights_cases

ALPHABET = "vectors/patch/base/alphabet"
U8 = NUMBERS["u8"]


def headers(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    chunk = Chunk([copy(0, 3)], result=base[:3])
    body = body_of(chunk_records([chunk], base))

    def header(**fields: object) -> bytes:
        return make_patch(base, base[:3], body, **fields)

    good = header()
    yield "empty", "truncated", "no bytes at all", b""
    yield "bad-magic", "bad_magic", "that of a stream", header(magic=b"\x8DMLS")
    yield "bad-magic-short", "bad_magic", "four bytes, not the magic", b"\x8DMLQ"
    yield "version-1", "unsupported_version", "", header(version=1)
    yield "profile-2", "unsupported_feature", "", header(profile=2)
    yield "header-length-145", "malformed", "", header(header_length=145)
    yield "header-length-211", "malformed", "", header(header_length=211) + bytes(99)
    yield "signatures-5", "malformed", "one too many", with_blocks(good[:146], [bytes(72)] * 5, body)
    yield ("truncated-signatures", "truncated", "the last byte of the second is missing",
           with_blocks(good[:146], [bytes(72)] * 2, b"")[:-1])
    yield "model-id-length", "malformed", "n is 1, but there is no room for it", header(id_length=1)
    yield "unknown-feature", "unsupported_feature", "bit 31", header(features=1 << 31)
    yield "two-files", "unsupported_feature", "", header(files=2)
    yield "no-body", "malformed", "body length 0", make_patch(base, b"", b"")
    yield "header-check", "check_mismatch", "the last bit", good[:145] + bytes([good[145] ^ 1]) + good[146:]
    yield "truncated-header", "truncated", "the last byte of the header is missing", good[:145]
    yield "truncated-model-id", "truncated", "", header(model_id=b"name")[:149]
    yield "base-length", "base_mismatch", "", header(base_length=len(base) + 1)
    yield "base-digest", "base_mismatch", "", header(base_digest=bytes(32))
    yield ("wrong-base-damaged-body", "base_mismatch", "the base is told first",
           header(base_digest=bytes(32))[:-1] + b"\1")
    yield "result-digest", "result_mismatch", "", header(result_digest=bytes(32))
    yield ("result-too-short", "result_mismatch", "no chunk for the last byte",
           header(result_length=4))


def records(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    chunk = Chunk([copy(0, 3)], result=base[:3])
    record = chunk.record(base, 0)
    good = body_of([record])

    def patch(body: bytes, result: bytes = base[:3], **fields: object) -> bytes:
        return make_patch(base, result, body, **fields)

    yield "truncated-record", "truncated", "", patch(good)[:-4]
    yield "truncated-end-mark", "truncated", "", patch(good)[:-1]
    yield "trailing-byte", "trailing_bytes", "", patch(good) + b"\0"
    yield "early-end-mark", "malformed", "a record follows it", patch(b"\0" + good)
    yield "no-end-mark", "malformed", "", patch(good[:-1])
    yield "body-digest", "corrupt_data", "", patch(good, body_digest=bytes(32))
    yield "record-past-body", "malformed", "its length is 100", patch(b"\x64" + good[1:])
    yield "record-too-long", "limit_exceeded", "1,310,721 bytes", patch(b"\x81\x80\x50" + good)
    yield "record-length", "malformed", "ten bytes, all to be continued", patch(b"\xFF" * 10 + good)
    yield "record-length-65-bits", "malformed", "", patch(b"\x80" * 9 + b"\2" + good)
    yield "record-kind-2", "malformed", "", patch(body_of([b"\2" + record[1:]]))
    run = b"\1" + zstd_frame(base[:3])
    yield "chunk-after-zstd-run", "malformed", "", patch(body_of([run, record]), base[:3] * 2)
    yield "zstd-run-after-chunk", "malformed", "", patch(body_of([record, run]), base[:3] * 2)


def runs(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    content = text(30)
    frame = zstd_frame(content, 19, "--check")

    def patch(run: bytes, result: bytes = content, features: int = 1) -> bytes:
        return make_patch(base, result, body_of([b"\1" + run]), features=features)

    blocks = frame[6:]
    yield "zstd-run-no-frame", "corrupt_data", "", patch(content)
    yield ("zstd-run-checksum", "corrupt_data", "of the content",
           patch(frame[:-1] + bytes([frame[-1] ^ 1])))
    yield ("zstd-run-window", "corrupt_data", "2^23 + 2^20 bytes",
           patch(frame[:5] + bytes([13 << 3 | 1]) + blocks))
    yield ("zstd-run-single-segment", "corrupt_data", "content size 2^24",
           patch(b"\x28\xB5\x2F\xFD\xA4" + (1 << 24).to_bytes(4, "little") + blocks))
    yield ("zstd-run-dictionary", "corrupt_data", "id 7",
           patch(frame[:4] + bytes([frame[4] | 1]) + frame[5:6] + b"\7" + blocks))
    yield "zstd-run-trailing-byte", "corrupt_data", "", patch(frame + b"\0")
    yield "zstd-run-two-frames", "corrupt_data", "", patch(frame + frame, content * 2)
    yield ("zstd-run-too-long", "result_mismatch", "one byte more than the result has",
           patch(frame, content[:-1]))
    yield "undeclared-zstd-run", "malformed", "bit 0 clear", patch(frame, features=2)
    yield "zstd-run-too-short", "result_mismatch", "one byte less", patch(frame, content + b".")


def chunk_headers(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    def patch(chunk: Chunk, cut: int | None = None, **fields: object) -> bytes:
        record = chunk.record(base, 0)[:cut]
        return make_patch(base, chunk.result, body_of([record]), **fields)

    def copied(**fields: object) -> Chunk:
        return Chunk([copy(0, 3)], result=base[:3], **fields)  # type: ignore[arg-type]

    def sectioned(sections: int = 1, plans: int = 1, **fields: object) -> Chunk:
        values = {"codec": 0, "dtype": U8, "payload": b"123", "result": b"123", **fields}
        section = Section(**values)  # type: ignore[arg-type]
        offset = 0 if section.has_base else None
        return Chunk([from_section(0, 3, offset)] * plans, [section] * sections, b"123" * plans)

    yield "truncated-chunk", "truncated", "within its check", patch(copied(), cut=5)
    yield "chunk-of-nothing", "malformed", "result_bytes 0", patch(copied(result_bytes=0))
    yield "chunk-past-end", "malformed", "4 bytes of 3", patch(copied(result_bytes=4))
    yield ("chunk-too-long", "limit_exceeded", "2^30 + 1 bytes",
           patch(copied(result_bytes=(1 << 30) + 1, structure=b""), result_length=1 << 31))
    yield ("chunk-coded-too-long", "limit_exceeded", "2^20 + 1 bytes",
           patch(copied(coded_bytes=(1 << 20) + 1)))
    yield "chunk-check", "check_mismatch", "", patch(copied(check=0))
    yield "sections-65", "limit_exceeded", "", patch(copied(section_count=65))
    yield ("truncated-section-header", "truncated", "there is none",
           patch(copied(section_count=1, structure=b"")))
    yield "unknown-codec", "unknown_codec", "255", patch(sectioned(codec=255))
    yield "unknown-dtype", "malformed", "31", patch(sectioned(dtype=31))
    yield "reserved-flag", "malformed", "bit 1 of a section, without bit 0", patch(sectioned(flags=2))
    yield "reserved-flag-2", "malformed", "bit 2 of a section", patch(sectioned(flags=4))
    empty = Chunk([from_section(0, 3)], [Section(0, U8, b"", b"")], b"123")
    yield "section-of-nothing", "malformed", "result_bytes 0", patch(empty)
    sums = sectioned(sections=2)
    sums.coded_bytes = 5
    yield "section-sums", "malformed", "6 bytes in sections, 5 coded", patch(sums)
    past = sectioned()
    past.payload_bytes = 200
    yield "payload-past-record", "malformed", "", patch(past)
    yield "stored-length", "corrupt_data", "4 bytes for 3", patch(sectioned(payload=b"1234"))

    aaa = bytes.fromhex("1B 00 00 61")
    for name, what, payload in (
            ("zstd-block-type", "3", varint_block(3, b"123")),
            ("zstd-block-size", "2^17 + 1", bytes.fromhex("0B 00 10 61")),
            ("zstd-truncated", "no block is marked last", bytes.fromhex("1A 00 00 61")),
            ("zstd-trailing-byte", "", aaa + b"\0"),
            ("zstd-too-long", "4 bytes for 3", bytes.fromhex("23 00 00 61")),
            ("zstd-too-short", "2 bytes for 3", bytes.fromhex("13 00 00 61")),
            ("zstd-with-frame-header", "it has no place here", zstd_frame(b"aaa")),
            ("zstd-nothing", "no blocks", b"")):
        yield name, "corrupt_data", what, patch(sectioned(codec=1, payload=payload, result=b"aaa"))
    blocks = zstd_blocks(b"abcdefgh" * 16)
    for name, what, payload, has_base, dtype in (
            ("planes-mode", "3", b"\3\0" b"123", True, U8),
            ("planes-ordered", "of integers", b"\2\0" b"123", True, U8),
            ("planes-no-prediction", "mode residual", b"\1\0" b"123", False, U8),
            ("planes-nothing", "not even a mode", b"", True, U8),
            ("planes-trailing-byte", "", b"\0\0" b"123\0", False, U8),
            ("planes-truncated", "", b"\0\00012", False, U8),
            ("planes-no-tail", "3 bytes of f16 have one", b"\0\0\x31\0\x32", False, NUMBERS["f16"]),
            ("plane-stored-length", "a stored plane with a length", b"\0\x0C123", False, U8),
            ("plane-zstd-past-end", "", b"\0" + bytes([len(blocks) + 1 << 2 | 2]) + blocks, False, U8),
            ("plane-zstd-length", "128 bytes for 3", b"\0" + bytes([len(blocks) << 2 | 2]) + blocks, False, U8),
            ("sparse-in-sparse", "as mask", b"\0\3\3\0\1\0\7", False, U8),
            ("sparse-empty", "a mask of zeros", b"\0\3\0\0", False, U8),
            ("sparse-mask-too-long", "bit 3 of 3 bytes", b"\0\3\0\x09\0\1\2", False, U8)):
        yield name, "corrupt_data", what, patch(
            sectioned(codec=2, payload=payload, has_base=has_base, dtype=dtype))
    yield ("undeclared-zstd", "malformed", "a section of codec zstd, bit 0 clear",
           patch(sectioned(codec=1, payload=aaa, result=b"aaa"), features=2))
    yield ("undeclared-planes", "malformed", "a section of codec planes, bit 0 clear",
           patch(sectioned(codec=2, payload=b"\0\0" b"123"), features=2))
    yield ("undeclared-bytes", "malformed", "a step of kind bytes, bit 1 clear",
           patch(Chunk([literal(b"123")], result=b"123"), features=1))


class OutOfBounds(BlocksMaker):
    """Writes one number, or the difference of two halves, that no reader may take."""

    def __init__(self, name: str, index: int, wrong: int) -> None:
        super().__init__(name)
        self.index, self.wrong = index, wrong  # index of a number in the block; -1: the scale

    def decode_half(self, which: int, old: int) -> int:
        if self.index >= 0:
            return super().decode_half(which, old)
        self.half_change = self.wrong
        return self.decode_residual(self.halves, old >> 10 & 31, Guess(0, NOT_ROUNDED),
                                    self.half_spreads[which]) % 65536

    def decode_next(self, old: bytes) -> bytes:
        made, self.made = self.made[:len(old)], self.made[len(old):]
        block = read_block(self.name, made)
        numbers = block.group_scales + block.group_minima + block.codes
        if self.index >= 0:
            numbers[self.index] = self.wrong
        self.encoder.wanted.append(0)
        self.decode_equal()
        self.halves_wanted = (block.scale, block.minimum)
        self.base_codes = block.codes
        self.numbers_left.extend(numbers)
        self.decode_block(old)
        return old


def blocks(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    def patch(name: str, payload: bytes, made: bytes, has_base: bool = True, features: int = 4) -> bytes:
        section = Section(3, NUMBERS[name], payload, made, has_base)
        chunk = Chunk([from_section(0, len(made), 0 if has_base else None)], [section], made)
        return make_patch(base, made, body_of([chunk.record(base, 0)]), features=features)

    old = base[:18]
    made = old[:5] + b"\x9A" + old[6:]
    good = BlocksMaker("q4_0").write(old, made)
    yield "blocks-no-prediction", "corrupt_data", "", patch("q4_0", good, made, has_base=False)
    for name in ("f32", "u8", "q8_1", "iq3_s"):
        yield f"blocks-{name}", "corrupt_data", "it has no grid", patch(name, good, made)
    yield "undeclared-blocks", "malformed", "bit 2 clear", patch("q4_0", good, made, features=3)
    more = good[:-1] + bytes(8) + b"\1" + good[-1:]  # the last one is raw bits
    yield "blocks-too-long", "corrupt_data", "nine bytes more", patch("q4_0", more, made)
    noise = bytes(byte ^ 0x5A for byte in base[:36])
    long = BlocksMaker("q4_0").write(base[:36], noise)
    yield "blocks-too-short", "corrupt_data", "14 bytes less", patch("q4_0", long[:-14], noise)
    for what, name, index, wrong in (("code-above", "q4_0", 4, 8), ("code-below", "q5_0", 2, -17),
                                     ("code-below-0", "q4_1", 20, -1), ("code-128", "q8_0", 1, 128),
                                     ("group-scale", "q4_k", 2, 64), ("group-minimum", "q2_k", 31, 16),
                                     ("half", "q4_0", -1, 0x8000), ("code-above-15", "mxfp4", 7, 16),
                                     ("power", "mxfp4", -1, 600)):
        size = GRIDS[name].bytes
        payload = OutOfBounds(name, index, wrong).write(base[:size], base[:size])
        yield f"blocks-{what}", "corrupt_data", f"{name}: {wrong}", patch(name, payload, base[:size])


def masks(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    def patch(payload: bytes, made: bytes, dtype: int = 0, has_base: bool = False,
              features: int = 16) -> bytes:
        chunk = Chunk([from_section(0, len(made), 0 if has_base else None)],
                      [Section(5, dtype, payload, made, has_base)], made)
        return make_patch(base, made, body_of([chunk.record(base, 0)]), features=features)

    maker = MaskMaker()
    made = maker.write(Shape(0, 2, 5, 4, 1, 1), [[1, 4], [0, 2]])
    good = maker.encoder.coded()
    yield "mask-u8", "corrupt_data", "of a dtype", patch(good, made, dtype=U8)
    yield "mask-prediction", "corrupt_data", "", patch(good, made, has_base=True)
    yield "undeclared-mask", "malformed", "bit 4 clear", patch(good, made, features=15 - 8)
    for what, length, shape in (("ones", 13, Shape(0, 2, 5, 11, 1, 1)), ("width", 7, Shape(0, 2, 5, 4, 8, 1)),
                                ("cells", 516, Shape(0, 513, 65536, 1, 2, 1))):
        yield (f"mask-{what}", "corrupt_data", "beyond its bound",
               patch(MaskMaker().write_shape(shape), bytes(length)))


def converted(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    def patch(source: str, dtype: str, length: int, offset: int = 0, bits: int = 0, payload: bytes = b"",
              features: int = 256, **fields: object) -> bytes:
        section = Section(0, NUMBERS[dtype], payload, bytes(length), True,
                          conversion=NUMBERS[source] | bits, **fields)  # type: ignore[arg-type]
        chunk = Chunk([from_section(0, length, offset)], [section], bytes(length))
        return make_patch(base, bytes(length), body_of([chunk.record(base, 0)]), features=features)

    yield "conversion-to-integers", "malformed", "f32 to i8", patch("f32", "i8", 8)
    yield "conversion-of-integers", "malformed", "i8 to f32", patch("i8", "f32", 8)
    yield "conversion-to-q4_k", "malformed", "f16 to q4_k", patch("f16", "q4_k", 144)
    of_weights = weights_cases.section_of("q8_0", "iq4_nl", base[:34], [PlannedBlocks(1)], random.Random(1))
    chunk = Chunk([from_section(0, 18, 0)], [of_weights], of_weights.result)
    yield ("undeclared-weights", "malformed", "bit 19 clear",
           make_patch(base, chunk.result, body_of([chunk.record(base, 0)]), features=0x104))
    yield "conversion-to-itself", "malformed", "f32 to f32", patch("f32", "f32", 8)
    yield "conversion-rounding-signs", "malformed", "to zero, i8 to u8", patch("i8", "u8", 8, bits=128)
    yield "conversion-rounding", "malformed", "to zero, f32 to f16", patch("f32", "f16", 8, bits=128)
    yield ("conversion-unpredicted", "malformed", "without bit 0",
           patch("f32", "f16", 8, flags=2))
    yield "conversion-part", "corrupt_data", "33 bytes of q8_0", patch("f32", "q8_0", 33)
    yield "conversion-unit", "corrupt_data", "one block of q8_0 from q4_k", patch("q4_k", "q8_0", 34)
    yield ("conversion-outside-base", "corrupt_data", "9 bytes to the end, 10 needed",
           patch("f16", "f32", 20, len(base) - 9))
    yield "conversion-payload", "corrupt_data", "codec stored, 7 of 8 bytes", patch(
        "f32", "f16", 8, payload=bytes(7))
    yield "undeclared-converted", "malformed", "bit 8 clear", patch("f32", "f16", 8, features=3)
    nothing = Section(0, NUMBERS["f16"], b"", bytes(8), True)
    chunk = Chunk([from_section(0, 8, 0)], [nothing], bytes(8))
    yield ("stored-nothing", "corrupt_data", "predicted, not converted",
           make_patch(base, bytes(8), body_of([chunk.record(base, 0)]), features=256))


def tokens(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    def patch(dtype: str, payload: bytes, made: bytes, features: int = 64) -> bytes:
        section = Section(6, NUMBERS[dtype], payload, made, True)
        chunk = Chunk([from_section(0, len(made), 0)], [section], made)
        return make_patch(base, made, body_of([chunk.record(base, 0)]), features=features)

    def example(tables: list[list[int]], *wanted: int) -> tuple[bytes, bytes]:
        maker = TokensMaker(NUMBERS["i8"], base[:2], 2, 0, level=1, tables=tables + [[]] * 16)
        maker.wanted_tokens.extend(wanted)
        return maker.make()

    good, made = example([[1024, 1024]], 0, 1)
    states = 2 + good[0]  # where they begin: lengths of one and of two bytes stand before the head
    assert good[1:3] == b"\x80\x01"
    states += 1
    yield "undeclared-tokens", "malformed", "bit 6 clear", patch("i8", good, made, features=3)
    yield ("tokens-state", "corrupt_data", "2^16 - 1, of one that is not in use",
           patch("i8", good[:states + 124] + b"\xFF\xFF\0\0" + good[states + 128:], made))
    yield ("tokens-words", "corrupt_data", "one more than is read",
           patch("i8", good[:1] + b"\x82\x01" + good[3:states + 128] + bytes(2) + good[states + 128:], made))
    yield "tokens-raw-bits", "corrupt_data", "a byte that no number has", patch("i8", good + b"\0", made)
    above, made = example([[1024, 1025]])
    yield "tokens-frequencies", "corrupt_data", "2049 of 2048", patch("i8", above, made)
    bounds = TokensMaker(NUMBERS["q4_0"], base[:18], 18, 0, level=1,
                         tables=[[2048], *[[]] * 9, [1024, *[0] * 21, 1024], *[[]] * 30])
    bounds.wanted_tokens.extend((0, 22))
    payload, made = bounds.make()
    yield "tokens-bounds", "corrupt_data", "a code of q4_0, 16 less than it was", patch("q4_0", payload, made)


def steps(base: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    size = len(base)
    stored = Section(0, U8, b"123", b"123")
    with_base = Section(0, U8, b"123", b"123", has_base=True)

    def patch(plans: list[Plan], result: bytes, sections: list[Section] | None = None,
              **fields: object) -> bytes:
        chunk = Chunk(plans, sections or [], result, **fields)  # type: ignore[arg-type]
        return make_patch(base, result, body_of([chunk.record(base, 0)]), features=0x23)

    abc = base[:3]
    part = Plan(DERIVED, 3, ahead=-3, factor=1)
    yield "derived-length", "corrupt_data", "three bytes", patch([copy(0, 3), part], abc * 2)
    zeros = bytes(8)
    yield ("derived-outside-chunk", "corrupt_data", "its first byte",
           patch([literal(zeros[4:]), derived([0], -5, 1)], zeros))
    yield ("undeclared-derived", "malformed", "bit 5 clear",
           make_patch(base, zeros, body_of([Chunk([literal(zeros[4:]), derived([0], -4, 1)],
                                                  result=zeros).record(base, 0)])))
    yield "step-of-nothing", "corrupt_data", "length 0", patch([copy(0, 0)], abc)
    yield "step-past-chunk", "corrupt_data", "4 bytes of 3", patch([copy(0, 4)], abc)
    yield ("step-past-coded", "corrupt_data", "3 bytes, 2 coded",
           patch([literal(b"123")], b"123", coded_bytes=2))
    yield ("coded-not-reached", "corrupt_data", "copies alone, 1 coded",
           patch([copy(0, 3)], abc, coded_bytes=1))
    yield "copy-no-address", "corrupt_data", "", patch([copy(0, 3, NONE)], abc)
    yield "copy-outside-base", "corrupt_data", "its last byte", patch([copy(size - 2, 3)], abc)
    yield ("copy-before-base", "corrupt_data", "at -1",
           patch([Plan(COPY, 3, address=NEAR, distance=-1)], abc))
    yield ("copy-far-outside-base", "corrupt_data", "at 2^63 - 1",
           patch([Plan(COPY, 3, address=NEAR, distance=(1 << 63) - 1)], abc))
    yield ("bytes-outside-base", "corrupt_data", "one byte behind the end",
           patch([Plan(BYTES, 3, size + 1, b"123")], b"123"))
    yield ("section-outside-base", "corrupt_data", "its last byte",
           patch([from_section(0, 3, size - 2)], b"123", [with_base]))
    yield ("section-no-address", "corrupt_data", "but a prediction",
           patch([from_section(0, 3)], b"123", [with_base]))
    yield ("section-address", "corrupt_data", "but no prediction",
           patch([from_section(0, 3, 0, STRAIGHT)], b"123", [stored]))
    yield "section-1-of-1", "corrupt_data", "", patch([from_section(1, 3)], b"123", [stored])
    yield ("section-2-pow-32", "corrupt_data", "its lower 32 bits are 0",
           patch([from_section(1 << 32, 3)], b"123", [stored]))
    yield ("section-overdrawn", "corrupt_data", "4 of 3 bytes",
           patch([from_section(0, 4)], b"1234", [stored], coded_bytes=4))
    yield ("section-not-used-up", "corrupt_data", "2 of 3 bytes",
           patch([from_section(0, 2), literal(b"x")], b"12x", [stored]))
    noise = bytes(range(7, 250, 3))
    good = Chunk([literal(noise)], result=noise)
    structure = good.record(base, 0)[8:]
    yield ("structure-too-long", "corrupt_data", "nine bytes more",
           patch([], noise, structure=structure + bytes(8) + b"\1", coded_bytes=len(noise)))
    yield ("structure-too-short", "corrupt_data", "20 bytes less",
           patch([], noise, structure=structure[:-20], coded_bytes=len(noise)))
    yield ("structure-nothing", "corrupt_data", "",
           patch([], noise, structure=b"", coded_bytes=len(noise)))


def cases() -> Iterator[Case]:
    abc, alphabet = read(ABC), read(ALPHABET)
    for base_name, base, group, spec in (
            (ABC, abc, headers, "patch 4"), (ABC, abc, records, "patch 5"), (ABC, abc, runs, "patch 8"),
            (ALPHABET, alphabet, chunk_headers, "patch 6, 7"), (ALPHABET, alphabet, steps, "structure 6"),
            (GGUF, read(GGUF), blocks, "blocks 11"), (ALPHABET, alphabet, masks, "mask 6"),
            (GGUF, read(GGUF), tokens, "tokens 10"), (GGUF, read(GGUF), converted, "patch 7"),
            (ALPHABET, alphabet, blocks_cases.bad, "blocks 6"),
            (ALPHABET, alphabet, values_cases.bad, "values 12"),
            (ALPHABET, alphabet, mixed_cases.bad, "mixed 6"),
            (ALPHABET, alphabet, edits_cases.bad, "edits 8"),
            (ALPHABET, alphabet, grid_cases.bad, "grid 10"),
            (GGUF, read(GGUF), permuted_cases.bad, "structure 14"),
            (ALPHABET, read(ALPHABET), again_cases.bad, "patch 6"),
            (ALPHABET, alphabet, lite_cases.bad, "lite 17")):
        for name, status, what, data in group(base):
            yield Case(name, base_name, data, spec, what, status=status)
    many = Chunk([copy(0, 1) for _ in range((1 << 14) + 1)], result=alphabet[:1] * ((1 << 14) + 1))
    yield Case("steps-16385", ALPHABET,
               make_patch(alphabet, many.result, body_of([many.record(alphabet, 0)])), "structure 6",
               "one step too many", status="limit_exceeded")
