#!/usr/bin/env python3
"""The documents: their worked examples are vectors, their tables those of the decoder."""

from __future__ import annotations

import math
import random
import re
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent.parent / "scripts"))

import blocks  # noqa: E402
import byte_model  # noqa: E402
import conversions  # noqa: E402
import dtypes  # noqa: E402
import edits  # noqa: E402
import edits_cases  # noqa: E402
import grid  # noqa: E402
import grid_cases  # noqa: E402
import lite  # noqa: E402
import mask  # noqa: E402
import mixed  # noqa: E402
import mixed_law  # noqa: E402
import range_coder  # noqa: E402
import tokens  # noqa: E402
import values  # noqa: E402
import values_cases  # noqa: E402
from cases import DOCS, VECTORS, read  # noqa: E402
from dtypes import NAMES  # noqa: E402
from faults import crc32c  # noqa: E402
from structure import StructureDecoder  # noqa: E402
from vectors import VectorTest  # noqa: E402

FORMAT = DOCS / "format"


def hex_rows(text: str) -> bytes:
    """The bytes of an example: lines that begin with pairs of hexadecimal digits."""
    made = b""
    for line in text.splitlines():
        if found := re.match(r"    ((?:[0-9A-F]{2} {1,2})*[0-9A-F]{2})(?:   |$)", line):
            made += bytes.fromhex(found[1])
    return made


def section(document: str, heading: str) -> str:
    """From `heading` to the next heading, or the next paragraph that begins in bold type."""
    text = (FORMAT / document).read_text(encoding="utf-8")
    return re.split(r"\n(?:## |\*\*)", text.split("\n" + heading, 1)[1])[0]


class Tracer(range_coder.RangeDecoder):
    def __init__(self, coded: bytes) -> None:
        super().__init__(coded)
        self.trace: list[str] = []

    def state(self) -> tuple[str, str]:
        return f"{self.range:016X}", f"{self.code:016X}"

    def bit(self, p: int) -> int:
        before = " | ".join(self.state())
        bit = super().bit(p)
        self.trace.append(f"{bit} | {p} | {before}")
        return bit

    def fine(self, p: int) -> int:
        before = " | ".join(self.state())
        bit = super().fine(p)
        self.trace.append(f"{bit} | {p} | {before}")
        return bit

    def symbol(self, bounds: list[int]) -> int:
        before = " | ".join(self.state())
        symbol = super().symbol(bounds)
        self.trace.append(f"{symbol} | {bounds[symbol]}-{bounds[symbol + 1]} | {before}")
        return symbol

    def raw(self, n: int) -> int:
        before = " | ".join(self.state())
        value = super().raw(n)
        if n > 0:
            self.trace.append(f"{value:0{n}b} | - | {before}")
        return value


class LiteTracer(lite.LiteRangeDecoder):
    def __init__(self, coded: bytes) -> None:
        super().__init__(coded)
        self.trace: list[str] = []

    def state(self) -> tuple[str, str]:
        return f"{self.range:08X}", f"{self.code:08X}"

    def bit(self, p: int) -> int:
        before = " | ".join(self.state())
        bit = super().bit(p)
        self.trace.append(f"{bit} | {p} | {before}")
        return bit


class Documents(VectorTest):
    def check_example(self, document: str, heading: str, vector: str) -> None:
        self.assertEqual(hex_rows(section(document, heading)).hex(" "),
                         (VECTORS / vector).read_bytes().hex(" "), document)

    def test_examples_are_vectors(self) -> None:
        self.check_example("stream.md", "**Model stream**", "stream/good/abc.mls")
        self.check_example("stream.md", "**Delta stream**", "stream/good/abc-abd.mls")
        self.check_example("patch.md", "## 11. Worked example", "patch/good/abc-abd.mlp")
        self.check_example("sign.md", "## 8. Worked example", "patch/good/signed.mlp")

    def test_example_of_the_structure(self) -> None:
        text = section("structure.md", "## 16. Worked example")
        coded = hex_rows(text)
        self.assertIn(b"\0" + coded + b"\0", (VECTORS / "patch/good/abc-abd.mlp").read_bytes())
        coder = Tracer(coded)
        steps = StructureDecoder(coder, b"abc", 0, 3, 3, []).run()
        self.assertEqual([step.made for step in steps], [b"abd"])
        self.check_trace(text, coder)

    def test_example_of_lite(self) -> None:
        text = section("lite.md", "## 19. Worked example")
        body = hex_rows(text)
        self.assertTrue((VECTORS / "patch/good/lite-abc-abd.mlp").read_bytes().endswith(body))
        coder = LiteTracer(body)
        made = bytearray()
        lite.LiteDecoder(coder, b"abc", made, 3).run()
        self.assertEqual(made, b"abd")
        self.check_trace(text, coder)

    def test_example_of_blocks(self) -> None:
        text = section("blocks.md", "## 14. Worked example")
        base, result = (bytes.fromhex(found) for found in
                        re.findall(r"^    (?:base|result) +([0-9A-F ]+)$", text, re.M))
        coder = Tracer(hex_rows(text))
        self.assertEqual(blocks.BlocksDecoder("q4_0", coder).decode(base), result)
        coder.check_end()
        self.check_trace(text, coder)

    def test_example_of_masks(self) -> None:
        text = section("mask.md", "## 8. Worked example")
        coded = hex_rows(text)
        self.assertIn(coded, (VECTORS / "patch/good/mask.mlp").read_bytes())
        result = bytes.fromhex(re.findall(r"^    result +([0-9A-F ]+)$", text, re.M)[0])
        coder = Tracer(coded)
        self.assertEqual(mask.MaskDecoder(coder).decode(len(result)), result)

    def test_example_of_conversions(self) -> None:
        base, result = (bytes.fromhex("".join(
            pair * int(times or 1) for pair, times in re.findall(
                r"((?:[0-9A-F]{2} ?)+)(?:\((\d+) times\))?", line)))
            for line in re.findall(r"^    (.*)$", section("conversions.md", "## 10. Worked example"), re.M))
        self.assertEqual(read("vectors/patch/base/q4_0"), base)
        numbers = {name: number for number, name in NAMES.items()}
        q4_0, f16 = numbers["q4_0"], numbers["f16"]
        self.assertEqual(conversions.convert(q4_0, f16, base), result)
        self.assertEqual(conversions.convert(f16, q4_0, result), base)

    def test_example_of_values(self) -> None:
        text = section("values.md", "## 15. Worked example")
        base, result = (bytes.fromhex(found) for found in
                        re.findall(r"^    (?:base|result) +([0-9A-F ]+)$", text, re.M))
        coded = hex_rows(text)
        self.assertTrue((VECTORS / "patch/good/values-example.mlp").read_bytes().endswith(coded + b"\0"))
        self.assertTrue(read(values_cases.NUMBERS).startswith(base))
        coder = Tracer(coded)
        self.assertEqual(values.ValuesDecoder("f16", coder).decode(base, len(result)), result)
        coder.check_end()
        self.check_trace(text, coder)

    def test_example_of_mixed(self) -> None:
        text = section("mixed.md", "## 15. Worked example")
        result = bytes.fromhex(re.search(r"^    result +([0-9A-F ]+)$", text, re.M)[1])
        coded = hex_rows(text)
        self.assertTrue((VECTORS / "patch/good/mixed-example.mlp").read_bytes().endswith(coded + b"\0"))
        coder = Tracer(coded)
        self.assertEqual(mixed.MixedDecoder("f16", coder).decode(None, len(result)), result)
        coder.check_end()
        self.check_trace(text, coder)

    def test_example_of_edits(self) -> None:
        text = section("edits.md", "## 10. Worked example")
        base, result = (bytes.fromhex(found) for found in
                        re.findall(r"^    (?:base|result) +([0-9A-F ]+)$", text, re.M))
        coded = hex_rows(text)
        self.assertTrue((VECTORS / "patch/good/edits-example.mlp").read_bytes().endswith(coded + b"\0"))
        self.assertEqual(edits.decode_edits(edits_cases.CODES["f16"], coded, base, len(result)), result)
        coder = Tracer(coded[1:])
        edits.EditsDecoder("f16", coder).decode(base)
        self.check_trace(text, coder)

    def test_example_of_grid(self) -> None:
        text = section("grid.md", "## 12. Worked example")
        base, result = (bytes.fromhex(found) for found in
                        re.findall(r"^    (?:base|result) +([0-9A-F ]+)$", text, re.M))
        coded = hex_rows(text)
        self.assertEqual(read(grid_cases.EXAMPLE), base)
        self.assertTrue((VECTORS / "patch/good/grid-example.mlp").read_bytes().endswith(coded + b"\0"))
        self.assertEqual(grid.decode_grid(grid_cases.CODES["f32"], coded, base, len(result)), result)
        coder = Tracer(coded[2:])
        grid.GridDecoder(coder).decode(grid_cases.F32.elements(base), 4)
        self.check_trace(text, coder)

    def test_law(self) -> None:
        """The table of mixed.md, section 11, and what it is said to be."""
        rows = re.findall(r"^\| \d+ \+ \|([\d |]+)\|$", section("mixed.md", "## 11. Normal law"), re.M)
        self.assertEqual([int(word) for row in rows for word in row.split() if word != "|"], mixed_law.LAW)
        for i, entry in enumerate(mixed_law.LAW):
            self.assertLess(abs(entry - 2 ** 23 * math.erf(i / 16 / math.sqrt(math.pi))), 0.6)

    def test_example_of_tokens(self) -> None:
        text = section("tokens.md", "## 12. Worked example")
        base, result = (bytes.fromhex(found) for found in
                        re.findall(r"^    (?:base|result) +([0-9A-F ]+)$", text, re.M))
        coded = hex_rows(text)
        self.assertIn(coded + b"\0", (VECTORS / "patch/good/tokens-i8.mlp").read_bytes())
        coder = tokens.TokensDecoder(2, coded, base, len(result))
        coder.coder = tracer = Tracer(coder.coder.coded)
        states = coder.states[:]
        self.assertEqual(coder.decode(), result)
        self.assertIn(f"in {len(tracer.trace)} bits", text.replace("\n", " "))
        told = re.findall(r"^\| (\d) \| (\w{8}) \| (\d+) \|", text, re.M)
        self.assertEqual([(state, int(slot)) for _, state, slot in told],
                         [(f"{state:08X}", state % 2048) for state in states[:len(told)]])

    def check_trace(self, text: str, coder: Tracer | LiteTracer) -> None:
        trace = coder.trace
        told = re.findall(r"^\| .+? \| ([0-9 ]+) \| ([0-9 -]+) \| ([0-9A-F]+) \| ([0-9A-F]+) \|$", text, re.M)
        bits = " ".join(row[0] for row in told).split()
        chances = " ".join(row[1] for row in told).split()
        self.assertEqual(list(zip(bits, chances)), [tuple(line.split(" | ")[:2]) for line in trace])
        for row in told:
            self.assertIn(" | ".join((row[0].split()[0], row[1].split()[0], row[2], row[3])), trace)
        end = "range is {}, code {}; {} bytes".format(*coder.state(), coder.read)
        self.assertIn(end, text.replace("\n", " "))

    def test_grids(self) -> None:
        """The tables of blocks.md, section 4."""
        text = section("blocks.md", "## 4. Blocks")

        def codes(written: str) -> dtypes.Codes:
            numbers = [int(number) for number in re.findall(r"\d+", written)]
            return dtypes.Codes(numbers[0], dtypes.Part(*numbers[1:4]),
                                dtypes.Part(*(numbers[4:7] or (0, 0, 0))))

        def bounds(written: str) -> tuple[int, ...] | None:
            return tuple(int(number) for number in written.split(", ")) if written else None

        cells = [[cell.strip() for cell in row.strip("|").split("|")]
                 for row in re.findall(r"^\| `.*\|$", text, re.M)]
        grids = {row[0].strip("`"): row[1:] for row in cells if len(row) == 7}
        places = {row[0].strip("`"): row[1:] for row in cells if len(row) == 6}
        numbers = [tuple(map(int, row)) for row in
                   re.findall(r"^\| (\d+) \| (\d+) \| (-?\d+) \| (\d+) \| (-?\d+) \|$", text, re.M)]
        self.assertEqual([row[0] for row in numbers], list(range(16)))
        tables = dict.fromkeys(("iq4_nl", "iq4_xs"), tuple(row[1:3] for row in numbers))
        tables["mxfp4"] = tuple(row[3:5] for row in numbers)
        found = {name: blocks.Grid(int(size), int(groups), int(group_codes), bounds(code), bounds(scale),
                                   start, int(places[name][0].split(":")[0]),
                                   int(places[name][1]) if places[name][1] else None,
                                   codes(places[name][2]), tables.get(name),
                                   places[name][0].endswith("byte"))
                 for name, (size, groups, group_codes, code, scale, start) in grids.items()}
        self.assertEqual(found, blocks.GRIDS)
        for name, scales in blocks.SCALES.items():
            self.assertEqual(codes(places[name][3]), scales)
        for name, grid in blocks.GRIDS.items():
            self.assertEqual(grid.bytes, dtypes.BLOCKS[name][0])
            noise = random.Random(name).randbytes(grid.bytes)
            self.assertEqual(blocks.write_block(name, blocks.read_block(name, noise)), noise)

    def test_types(self) -> None:
        """The table of values.md, section 4."""
        text = section("values.md", "## 4. Types")
        rows_of = re.findall(r"^\| (`[^|]+`) \| (\w+) \| (\d) \| (?:2\^(\d+)|none) \| (\d*) ?\| (\d*) ?\|$", text, re.M)
        found = {name: values.Type(kind, int(size), 1 << int(one) if one else None, int(m or 0), int(e or 0),
                                   name[0] == "i")
                 for names, kind, size, one, m, e in rows_of for name in re.findall(r"\w+", names)}
        self.assertEqual(found, values.TYPES)
        self.assertEqual(read(values_cases.NUMBERS), values_cases.numbers())

    def test_tables(self) -> None:
        rows_of = re.findall(r"^\| (\d+) \| `(\w+)` \| (\d+) \| (\d+) \|",
                             (FORMAT / "dtypes.md").read_text(encoding="utf-8"), re.M)
        self.assertEqual({int(number): name for number, name, *_ in rows_of}, dtypes.NAMES)
        for number, _, elements, size in rows_of:
            name = dtypes.NAMES[int(number)]
            if name in dtypes.BLOCKS:
                self.assertEqual((int(size), True), (dtypes.BLOCKS[name][0], int(elements) > 1))
        planes = section("planes.md", "## 4. Fields and planes")
        blocks = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+?) \| (.*?) ?\|$", planes, re.M)
        blocks = [row for row in blocks if "@" in row[2]]
        self.assertEqual({name: (int(size), fields, codes) for name, size, fields, codes in blocks},
                         dtypes.BLOCKS)
        scalars = re.findall(r"^\| (`[^|]+`) \| (\d) \| (\w+) \|$", planes, re.M)
        self.assertEqual({name: (int(size), lane) for names, size, lane in scalars
                          for name in re.findall(r"\w+", names)}, dtypes.SCALARS)
        self.assertEqual(set(dtypes.BLOCKS) | set(dtypes.SCALARS), set(dtypes.NAMES.values()))
        logistic = section("structure.md", "## 11. Logistic")
        knots = re.findall(r"^\| \d+ \+ \| ([0-9 |]+) \|$", logistic, re.M)
        self.assertEqual([int(knot) for row in knots for knot in row.split(" | ")], byte_model.KNOTS)
        for p, value in re.findall(r"stretch\((\d+)\) = (-?\d+)", logistic):
            self.assertEqual(byte_model.stretch(int(p)), int(value))
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)


if __name__ == "__main__":
    unittest.main()
