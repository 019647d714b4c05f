"""Numbers, names and fields of dtypes: docs/format/dtypes.md; docs/format/planes.md, section 4.

The tables here were copied from the documents; documents_test.py compares them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMES = {number: name for number, name in enumerate(
    "opaque u8 i8 u16 i16 u32 i32 u64 i64 f16 bf16 f32 f64 bool c64 c128 i4 u4 i2 u2 f8_e4m3fn"
    " f8_e4m3fnuz f8_e5m2 f8_e5m2fnuz f8_e8m0 f4_e2m1".split())}
NAMES.update(enumerate(
    "q4_0 q4_1 q5_0 q5_1 q8_0 q8_1 q2_k q3_k q4_k q5_k q6_k q8_k iq2_xxs iq2_xs iq3_xxs iq1_s iq4_nl"
    " iq3_s iq2_s iq4_xs iq1_m tq1_0 tq2_0 mxfp4 nvfp4 q1_0 q2_0".split(), start=32))
NUMBERS = {name: number for number, name in NAMES.items()}

SCALARS = {
    "u8": (1, "bytes"), "i8": (1, "bytes"), "opaque": (1, "bytes"), "bool": (1, "bytes"),
    "f8_e8m0": (1, "bytes"), "u16": (2, "u16"), "i16": (2, "i16"), "u32": (4, "u32"), "i32": (4, "i32"),
    "u64": (8, "u64"), "i64": (8, "i64"), "f16": (2, "f16"), "bf16": (2, "f16"), "f32": (4, "f32"),
    "c64": (4, "f32"), "f64": (8, "f64"), "c128": (8, "f64"), "i4": (1, "nibbles"), "u4": (1, "nibbles"),
    "f4_e2m1": (1, "nibbles"), "i2": (1, "crumbs"), "u2": (1, "crumbs"), "f8_e4m3fn": (1, "f8"),
    "f8_e4m3fnuz": (1, "f8"), "f8_e5m2": (1, "f8"), "f8_e5m2fnuz": (1, "f8"),
}

# As in the document, columns `bytes`, `fields` and `codes`.
BLOCKS = {
    "q4_0": (18, "f16@0:1 · nibbles@2:16", ""),
    "q4_1": (20, "f16@0:1 · f16@2:1 · nibbles@4:16", ""),
    "q5_0": (22, "f16@0:1 · part@2:4 · part@6:16", "32: 6/4/16 + 2/1/1"),
    "q5_1": (24, "f16@0:1 · f16@2:1 · part@4:4 · part@8:16", "32: 8/4/16 + 4/1/1"),
    "q8_0": (34, "f16@0:1 · bytes@2:32", ""),
    "q8_1": (36, "f16@0:1 · f16@2:1 · bytes@4:32", ""),
    "q2_k": (84, "f16@80:1 · f16@82:1 · nibbles@0:16 · crumbs@16:64", ""),
    "q3_k": (110, "f16@108:1 · part@96:8 · part@104:4 · part@0:32 · part@32:64",
             "16: 96/4/8 + 104/2/4; 256: 32/2/32 + 0/1/32"),
    "q4_k": (144, "f16@0:1 · f16@2:1 · scales@4:12 · nibbles@16:128", ""),
    "q5_k": (176, "f16@0:1 · f16@2:1 · scales@4:12 · part@16:32 · part@48:128",
             "256: 48/4/32 + 16/1/32"),
    "q6_k": (210, "f16@208:1 · bytes@192:16 · part@128:64 · part@0:128", "256: 0/4/64 + 128/2/32"),
    "q8_k": (292, "f32@0:1 · bytes@4:256 · i16@260:16", ""),
    "iq2_xxs": (66, "f16@0:1 · bytes@2:8/8 · bytes@3:8/8 · bytes@4:8/8 · bytes@5:8/8 · bytes@6:8/8"
                    " · bytes@7:8/8 · bytes@8:8/8 · bytes@9:8/8", ""),
    "iq2_xs": (74, "f16@0:1 · nibbles@66:8 · bytes@2:32/2 · bytes@3:32/2", ""),
    "iq3_xxs": (98, "f16@0:1 · bytes@2:64 · bytes@66:8/4 · bytes@67:8/4 · bytes@68:8/4 · bytes@69:8/4",
                ""),
    "iq1_s": (50, "f16@0:1 · bytes@2:32 · bytes@34:8/2 · bytes@35:8/2", ""),
    "iq4_nl": (18, "f16@0:1 · nibbles@2:16", ""),
    "iq3_s": (110, "f16@0:1 · nibbles@106:4 · bits@66:8 · bits@74:32 · bytes@2:64", ""),
    "iq2_s": (82, "f16@0:1 · nibbles@74:8 · crumbs@66:8 · bits@34:32 · bytes@2:32", ""),
    "iq4_xs": (136, "f16@0:1 · crumbs@2:2 · nibbles@4:4 · nibbles@8:128", ""),
    "iq1_m": (56, "u16@48:4 · nibbles@32:16 · bytes@0:32", ""),
    "tq1_0": (54, "f16@52:1 · bytes@48:4 · bytes@0:48", ""),
    "tq2_0": (66, "f16@64:1 · crumbs@0:64", ""),
    "mxfp4": (17, "bytes@0:1 · nibbles@1:16", ""),
    "nvfp4": (36, "bytes@0:4 · nibbles@4:32", ""),
    "q1_0": (18, "f16@0:1 · bits@2:16", ""),
    "q2_0": (18, "f16@0:1 · crumbs@2:16", ""),
}

WIDTHS = {"u16": 2, "i16": 2, "f16": 2, "u32": 4, "i32": 4, "f32": 4, "u64": 8, "i64": 8, "f64": 8}


@dataclass(frozen=True)
class Field:
    lane: str
    offset: int
    count: int
    stride: int

    @property
    def width(self) -> int:
        return WIDTHS.get(self.lane, 1)


@dataclass(frozen=True)
class Part:
    offset: int
    bits: int
    run: int

    def place(self, number: int) -> tuple[int, int]:
        """Byte of the block, and lowest bit in it."""
        n = 8 // self.bits
        return (self.offset + number // (self.run * n) * self.run + number % self.run,
                self.bits * (number // self.run % n))


@dataclass(frozen=True)
class Codes:
    count: int
    low: Part
    high: Part


@dataclass(frozen=True)
class Layout:
    bytes: int
    fields: tuple[Field, ...]
    codes: tuple[Codes, ...]


def _parse_field(text: str) -> Field:
    found = re.fullmatch(r"(\w+)@(\d+):(\d+)(?:/(\d+))?", text)
    assert found, text
    lane, offset, count, stride = found.groups()
    return Field(lane, int(offset), int(count), int(stride or WIDTHS.get(lane, 1)))


def _parse_codes(text: str) -> Codes:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    return Codes(numbers[0], Part(*numbers[1:4]), Part(*numbers[4:7]))


def layout(dtype: int) -> Layout:
    name = NAMES[dtype]
    if name in SCALARS:
        width, lane = SCALARS[name]
        return Layout(width, (Field(lane, 0, 1, width),), ())
    width, fields, codes = BLOCKS[name]
    return Layout(width, tuple(map(_parse_field, fields.split(" · "))),
                  tuple(map(_parse_codes, codes.split("; "))) if codes else ())
