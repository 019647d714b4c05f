#!/usr/bin/env python3
"""What the programs make today, read by the decoder that was written from the documents.

MALLORN_BIN is a build directory, or the folder of the programs; without it, ../../build.
"""

from __future__ import annotations

import os
import random
import struct
import sys
import tempfile
import unittest
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent.parent / "scripts"))

import blocks  # noqa: E402
import blocks_cases  # noqa: E402
import conversions  # noqa: E402
import dtypes  # noqa: E402
import mask  # noqa: E402
import patch  # noqa: E402
import stream_cases  # noqa: E402
import tiny_tflite  # noqa: E402
import tokens  # noqa: E402
import values  # noqa: E402
import values_cases  # noqa: E402
import weights  # noqa: E402
import weights_cases  # noqa: E402
from blocks_maker import PlannedBlocks  # noqa: E402
from cases import TOP, VECTORS, Programs, read  # noqa: E402
from dtypes import NAMES  # noqa: E402
from good_patches import GGUF, changed_blocks, patch_of, random_tokens, whole  # noqa: E402
from model_writers.tflite import csr_sparsity  # noqa: E402
from patch_maker import varint  # noqa: E402
from rank_maker import zigzag  # noqa: E402
from vectors import VectorTest, made_by_decoder, made_by_programs  # noqa: E402

PROGRAMS = Programs(Path(os.environ.get("MALLORN_BIN") or TOP / "build"))


def model_pairs() -> Iterator[tuple[Path, Path]]:
    for old in sorted((VECTORS / "models").glob("*.old.*")):
        if old.suffix in (".gguf", ".onnx", ".tflite"):
            yield old, old.with_name(old.name.replace(".old.", ".new."))

def gguf(tensors: dict[str, bytes]) -> bytes:
    """A model of tensors of GGUF blocks, by dtype."""
    return gguf_of([(name, name, content) for name, content in tensors.items()])


def gguf_of(tensors: list[tuple[str, str, bytes]]) -> bytes:
    """A model of tensors: name, dtype, bytes."""
    kinds = {name: kind for kind, name in zip((2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23, 39), blocks.GRIDS)}
    kinds.update(f32=0, f16=1, f64=28, bf16=30)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 0)
    data = b""
    for name, dtype, content in tensors:
        elements, size = conversions.block_of(dtype)
        elements *= len(content) // size
        head += struct.pack("<Q", len(name)) + name.encode()
        head += struct.pack("<IQIQ", 1, elements, kinds[dtype], len(data))
        data += content + bytes(-len(content) % 32)
    return head + bytes(-len(head) % 32) + data


def blocks_of(dtype: str, numbers: Sequence[int], generator: random.Random) -> bytes:
    """Of numbers in binary32, or, where there is no conversion, blocks with scales such as models have."""
    if dtype in conversions.TO:
        return conversions.store(dtype, list(numbers), False)
    elements, size = conversions.block_of(dtype)
    return blocks_cases.calm(dtype, generator.randbytes(len(numbers) // elements * size))


def sparse_tflite(generator: random.Random) -> tuple[bytes, int]:
    """Three tensors of which a quarter is left; the length of their arrays."""
    parts = tiny_tflite.Parts()
    length = 0
    for name, rows, columns in (("a", 60, 100), ("b", 100, 60), ("c", 7, 250)):
        indices: list[int] = []
        segments = [0]
        for _ in range(rows):
            kept = generator.sample(range(columns), generator.randrange(columns // 2 + 1))
            indices += sorted(kept)
            segments.append(len(indices))
        length += len(indices) + 2 * len(segments)
        data = generator.randbytes(4 * len(indices))
        parts.add(name, "FLOAT32", [rows, columns], data, how="sparse",
                  sparsity=csr_sparsity(rows, segments, indices))
    return parts.finish(tiny_tflite.one_graph(parts)).file, length

class Today(VectorTest):
    """What the programs write today is what the documents say."""

    def check_pair(self, old: Path, new: Path) -> bytes:
        base = old.read_bytes()
        delta = PROGRAMS.delta_stream(old, new)
        self.assertEqual(made_by_decoder("delta", delta), new.read_bytes())
        made = PROGRAMS.output("mallorn-pack", "-q", stdin=delta)
        self.assertEqual(patch.decode(made, base), new.read_bytes())
        return made

    def test_tiny_pairs(self) -> None:
        for old, new in model_pairs():
            with self.vector(old.name):
                self.check_pair(old, new)

    def test_a_real_pair(self) -> None:
        """Its sections are long enough for planes that zstd has coded, and for mode `ordered`."""
        folder = TOP / "tests" / "pairs" / "ft_res8s_s2_head_f16_onnx"
        with self.vector(folder.name):
            self.check_pair(folder / "old.onnx", folder / "new.onnx")

    def test_quantized_blocks(self) -> None:
        """The programs choose codec 3 for each dtype that has it, and write it as it is read here."""
        generator = random.Random(23)
        old = {name: generator.randbytes(200 * grid.bytes) for name, grid in blocks.GRIDS.items()}
        new = {name: changed_blocks(name, data, generator) for name, data in old.items()}
        seen = set()

        def decode(dtype: int, coded: bytes, base: bytes | None) -> bytes:
            seen.add(dtypes.NAMES[dtype])
            return blocks.decode_blocks(dtype, coded, base)

        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("old.gguf", "new.gguf")]
            for path, tensors in zip(paths, (old, new)):
                path.write_bytes(gguf(tensors))
            delta = PROGRAMS.delta_stream(*paths)
            made = PROGRAMS.output("mallorn-pack", "-q", "--level", "4", stdin=delta)
            with mock.patch.object(patch, "decode_blocks", decode):
                self.assertEqual(patch.decode(made, gguf(old)), gguf(new))
        self.assertEqual(seen, set(blocks.GRIDS))

    def test_converted_tensors(self) -> None:
        """Tensors whose dtype has changed cost next to nothing; those that changed as well, a little."""
        generator = random.Random(40)
        numbers = {name: number for number, name in NAMES.items()}
        pairs = [("f32", name) for name in conversions.TO if name != "f32"]
        pairs += [(name, "f16") for name in conversions.FROM if name not in ("f32", "f16")]
        old, new = [], []
        for source, target in pairs:
            floats = struct.pack("<512f", *(generator.gauss(0, 0.02) for _ in range(512)))
            content = generator.randbytes(2 * conversions.block_of(source)[1])
            if source == "f32":
                content = floats
            elif source in conversions.TO:
                content = conversions.convert(numbers["f32"], numbers[source], floats)
            name = f"{source} to {target}"
            made = conversions.convert(numbers[source], numbers[target], content)
            old.append((name, source, content))
            new.append((name, target, made))
        seen, by_the_book = set(), conversions.convert

        def convert(conversion: int, dtype: int, base: bytes) -> bytes:
            seen.add((NAMES[conversion], NAMES[dtype]))
            return by_the_book(conversion, dtype, base)

        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("old.gguf", "new.gguf")]
            for path, tensors in zip(paths, (old, new)):
                path.write_bytes(gguf_of(tensors))
            with mock.patch.object(patch.conversions, "convert", convert):
                made = self.check_pair(*paths)
            self.assertLess(len(made), 3000)
            self.assertGreaterEqual(seen, {pair for pair in pairs if pair[0] in conversions.TO})
            changed = [(name, dtype, bytes(byte ^ (generator.random() < 0.02) for byte in content))
                       for name, dtype, content in new]
            paths[1].write_bytes(gguf_of(changed))
            self.check_pair(*paths)

    def test_tensors_from_weights(self) -> None:
        """Blocks whose scales are searched for follow from weights of another dtype, or others nearby."""
        generator = random.Random(41)
        sources = ("f32", "q8_0", "f16", "q4_k", "bf16", "q4_0", "q6_k", "f64")
        old, new = [], []
        for source, target in zip(sources, weights.TO):
            numbers = struct.unpack("<2048I", struct.pack(
                "<2048f", *(generator.gauss(0, 0.02) for _ in range(2048))))
            content = blocks_of(source, numbers, generator)
            plan = PlannedBlocks(2048 // conversions.block_of(target)[0])
            made = weights_cases.section_of(source, target, content, [plan], generator).result
            name = f"{source} to {target}"
            old.append((name, source, content))
            new.append((name, target, made))
        seen, by_the_book = set(), weights.decode_by_weights

        def decode(dtype: int, coded: bytes, base: bytes) -> bytes:
            seen.add(NAMES[dtype])
            return by_the_book(dtype, coded, base)

        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("old.gguf", "new.gguf")]
            for path, tensors in zip(paths, (old, new)):
                path.write_bytes(gguf_of(tensors))
            with mock.patch.object(patch, "decode_by_weights", decode):
                self.check_pair(*paths)
        self.assertEqual(seen, set(weights.TO))

    def test_sparse_tensors(self) -> None:
        """The programs find the arrays of sparse tensors and write them as they are read here."""
        generator = random.Random(31)
        (old, _), (new, length) = sparse_tflite(generator), sparse_tflite(generator)
        seen = []

        def decode(dtype: int, coded: bytes, base: bytes | None, length: int) -> bytes:
            seen.append(mask.decode_mask(dtype, coded, base, length))
            return seen[-1]

        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("old.tflite", "new.tflite")]
            for path, model in zip(paths, (old, new)):
                path.write_bytes(model)
            with mock.patch.object(patch, "decode_mask", decode):
                self.check_pair(*paths)
        self.assertEqual(sum(map(len, seen)), length)

    def test_numbers(self) -> None:
        """The programs choose codec 4 where gains or ranks made the result, and write it as it is read."""
        generator = random.Random(40)
        rows, columns = 80, 24
        old, new, steps, carried = b"", b"", [], []
        for name, type_ in values.TYPES.items():
            elements = values_cases.old_numbers(type_, generator, rows * columns)
            matrix = b"".join(u.to_bytes(type_.bytes, "little") for u in elements)
            piece = values_cases.predicted_piece(name, matrix, generator, rows, columns)
            place = b"".join(varint(number) for number in (0, columns, columns, zigzag(piece.base_zero),
                                                           zigzag(piece.result_zero)))
            steps.append(stream_cases.step(1, values_cases.CODES[name], 0, len(piece.made), len(old),
                                           len(place)) + place)
            carried.append((len(old), len(piece.made) + 3))
            old += matrix
            new += piece.made
        delta = stream_cases.delta(
            *steps, carried=b"".join(old[at:at + length] for at, length in carried) + new,
            text={"base": stream_cases.side(old), "result": stream_cases.side(new)}, tail=stream_cases.end(new))
        self.assertEqual(made_by_decoder("delta", delta), new)
        made = PROGRAMS.output("mallorn-pack", "-q", stdin=delta)
        heads = []

        class Watched(values.ValuesDecoder):
            def decode_piece(self, piece: values.Piece, base: bytes) -> bytes:
                heads.append((self.type, piece))
                return super().decode_piece(piece, base)

        with mock.patch.object(values, "ValuesDecoder", Watched):
            self.assertEqual(patch.decode(made, old), new)
        for name in values_cases.FORMS:
            found = [piece.method for type_, piece in heads if type_ == values.TYPES[name]]
            self.assertIn(values.PREDICTED, found, name)
        self.assertLessEqual({0, values.ROW, values.COLUMN}, {piece.axis for _, piece in heads})
        self.assertTrue(any(piece.ranks > 0 for _, piece in heads))

    def test_tokens_of_every_dtype(self) -> None:
        """Sections of codec 6 that no program writes: random tables, tokens and raw bits."""
        base = read(GGUF)
        names = [name for name in dtypes.NAMES.values() if name in tokens.WIDTHS or name in tokens.GRIDS]
        for seed in range(12):
            chunk = random_tokens(base, names, seed)
            with self.vector(f"seed {seed}"):
                made = patch_of(base, [chunk], features=1 << patch.TOKENS)
                self.assertEqual(patch.decode(made, base), whole([chunk]))
                self.assertEqual(made_by_programs(PROGRAMS, GGUF, made), whole([chunk]))


if __name__ == "__main__":
    unittest.main()
