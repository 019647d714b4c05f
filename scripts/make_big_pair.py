#!/usr/bin/env python3
"""Writes a large GGUF pair for speed tests: a synthetic transformer and a fine-tune of it.

    scripts/make_big_pair.py 1G old.gguf new.gguf

The same size gives the same bytes everywhere (fixed seed). Both files are
written in one pass, a chunk at a time, so that memory does not grow with the size.
The new model: half of the blocks unchanged; in the others a few elements moved by one step; a
longer chat template, so that the whole data section moves. Layout: GGUF v3, general.alignment 32.
"""

from __future__ import annotations

import math
import random
import statistics
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

ALIGNMENT = 32
CHUNK_BYTES = 1 << 20
SMALLEST_BYTES = 4 << 20  # below, no two blocks of the narrowest model fit beside the vocabulary
U32, STRING, ARRAY = 4, 8, 9  # GGUF metadata value types
TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"


@dataclass(frozen=True)
class Dtype:
    """A GGUF type: its number, and how to make elements and steps between two versions of them."""

    number: int
    block_elements: int
    block_bytes: int
    fill: Callable[[bytes], bytearray]  # uniform random bytes -> plausible blocks
    steps: tuple[bytes, ...]  # four tables, byte -> the same a step up (0, 1) or down (2, 3)
    mean_gap: float  # bytes from one moved byte to the next
    frozen: tuple[int, ...]  # bytes of a block that a small update leaves alone


@dataclass(frozen=True)
class Tensor:
    name: str
    dtype: Dtype
    dims: tuple[int, ...]
    is_moved: bool

    @property
    def length_bytes(self) -> int:
        return math.prod(self.dims) // self.dtype.block_elements * self.dtype.block_bytes


def quantile_table(weights: list[float]) -> bytes:
    """Maps a uniform byte to a value 0...len-1 that occurs in proportion to its weight."""
    bounds = list(accumulate(weights))
    table, value = bytearray(), 0
    for rank in range(256):
        while bounds[value] * 256 < (rank + 0.5) * bounds[-1]:
            value += 1
        table.append(value)
    return bytes(table)


def bell(values: int, spread: float) -> list[float]:
    return [math.exp(-0.5 * ((i - (values - 1) / 2) / spread) ** 2) for i in range(values)]


# int8 quants of a normal weight; zero is 0, negative values wrap.
QUANT_TABLE = bytes((q + 128) % 256 for q in quantile_table(bell(256, 36.0)))
NIBBLE_PAIR_TABLE = quantile_table(
    [low * high for high in bell(16, 3.0) for low in bell(16, 3.0)])


def float_high_table(high_byte: Callable[[float], int]) -> bytes:
    """The high byte of 256 equally likely values of a normal weight of spread 0.02."""
    normal = statistics.NormalDist(0.0, 0.02)
    return bytes(high_byte(normal.inv_cdf((rank + 0.5) / 256)) for rank in range(256))


F16_HIGH_TABLE = float_high_table(lambda x: struct.pack("<e", x)[1])
BF16_HIGH_TABLE = float_high_table(lambda x: struct.pack("<f", x)[3])


def fill_floats(table: bytes) -> Callable[[bytes], bytearray]:
    def fill(noise: bytes) -> bytearray:
        block = bytearray(noise)
        block[1::2] = noise[1::2].translate(table)
        return block
    return fill


def fill_f32_norms(noise: bytes) -> bytearray:
    """Values from 1 to 1.25, as norms are."""
    block = bytearray(noise)
    block[2::4] = bytes(b & 0x1F | 0x80 for b in noise[2::4])
    block[3::4] = b"\x3f" * (len(noise) // 4)
    return block


def fill_q8_0(noise: bytes) -> bytearray:
    block = bytearray(noise.translate(QUANT_TABLE))
    block[0::34] = noise[0::34]
    block[1::34] = b"\x0c" * (len(noise) // 34)  # f16 scale between 2^-12 and 1.25 * 2^-12
    return block


def fill_q4_k(noise: bytes) -> bytearray:
    block = bytearray(noise.translate(NIBBLE_PAIR_TABLE))
    for low in (0, 2, *range(4, 16)):  # scales and minima of the sub-blocks: any bits
        block[low::144] = noise[low::144]
    for high in (1, 3):
        block[high::144] = b"\x0c" * (len(noise) // 144)
    return block


def step_table(low: int, high: int, step: int) -> bytes:
    """Byte -> the number in it a step away, for numbers low...high; at the end it stays."""
    numbers = (byte if byte <= high else byte - 256 for byte in range(256))
    return bytes(min(high, max(low, number + step)) & 0xFF for number in numbers)


def nibble_table(shift: int, step: int) -> bytes:
    return bytes(byte & ~(15 << shift) | min(15, max(0, (byte >> shift & 15) + step)) << shift
                 for byte in range(256))


MANTISSA_STEPS = (step_table(0, 255, 1),) * 2 + (step_table(0, 255, -1),) * 2
INT8_STEPS = (step_table(-128, 127, 1),) * 2 + (step_table(-128, 127, -1),) * 2
NIBBLE_STEPS = (nibble_table(0, 1), nibble_table(4, 1), nibble_table(0, -1), nibble_table(4, -1))

F32 = Dtype(0, 1, 4, fill_f32_norms, MANTISSA_STEPS, 8.0, (2, 3))
F16 = Dtype(1, 1, 2, fill_floats(F16_HIGH_TABLE), MANTISSA_STEPS, 12.0, (1,))
Q8_0 = Dtype(8, 32, 34, fill_q8_0, INT8_STEPS, 30.0, (1,))
Q4_K = Dtype(12, 256, 144, fill_q4_k, NIBBLE_STEPS, 40.0, (1, 3, *range(4, 16)))
BF16 = Dtype(30, 1, 2, fill_floats(BF16_HIGH_TABLE), MANTISSA_STEPS, 12.0, (1,))


def block_tensors(number: int, width: int) -> list[Tensor]:
    """One transformer block: narrow keys and values, a gated feed-forward of about 2.75 widths."""
    inner = width * 11 // 4 // 256 * 256
    is_moved = number % 2 == 1
    shapes = [("attn_norm", F32, (width,)), ("attn_q", F16, (width, width)),
              ("attn_k", F16, (width, width // 4)), ("attn_v", BF16, (width, width // 4)),
              ("attn_output", BF16, (width, width)), ("ffn_norm", F32, (width,)),
              ("ffn_gate", Q4_K, (width, inner)), ("ffn_up", Q4_K, (width, inner)),
              ("ffn_down", Q8_0, (inner, width))]
    return [Tensor(f"blk.{number}.{name}.weight", dtype, dims, is_moved)
            for name, dtype, dims in shapes]


def plan(size_bytes: int) -> tuple[int, int, int, list[Tensor]]:
    """Width, block count, vocabulary and tensors of a model of about size_bytes."""
    # A block of width w takes about 11.2 w^2 bytes; some 20 of them make a model.
    width = max(256, int(math.sqrt(size_bytes / 20 / 11.2)) // 256 * 256)
    per_block = sum(tensor.length_bytes for tensor in block_tensors(0, width))
    block_count = max(2, int(size_bytes * 0.93) // per_block)
    row_bytes = width // 32 * 34
    vocabulary = max(64, (size_bytes - block_count * per_block) // (2 * row_bytes + 20))
    tensors = [Tensor("token_embd.weight", Q8_0, (width, vocabulary), False)]
    for number in range(block_count):
        tensors += block_tensors(number, width)
    tensors += [Tensor("output_norm.weight", F32, (width,), True),
                Tensor("output.weight", Q8_0, (width, vocabulary), False)]
    return width, block_count, vocabulary, tensors


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def header(width: int, block_count: int, vocabulary: int, template: str,
           tensors: list[Tensor]) -> bytes:
    """All of the file before the data section, padding included."""
    def entry(key: str, kind: int, value: bytes) -> bytes:
        return string(key) + struct.pack("<I", kind) + value

    tokens = b"".join(string(f"token{i}") for i in range(vocabulary))
    entries = [entry("general.architecture", STRING, string("llama")),
               entry("general.alignment", U32, struct.pack("<I", ALIGNMENT)),
               entry("llama.block_count", U32, struct.pack("<I", block_count)),
               entry("llama.embedding_length", U32, struct.pack("<I", width)),
               entry("tokenizer.chat_template", STRING, string(template)),
               entry("tokenizer.ggml.tokens", ARRAY,
                     struct.pack("<IQ", STRING, vocabulary) + tokens)]
    data = bytearray(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(entries)))
    data += b"".join(entries)
    offset = 0
    for tensor in tensors:
        data += string(tensor.name) + struct.pack("<I", len(tensor.dims))
        data += struct.pack(f"<{len(tensor.dims)}Q", *tensor.dims)
        data += struct.pack("<IQ", tensor.dtype.number, offset)
        offset += tensor.length_bytes + padding(tensor.length_bytes)
    return bytes(data + bytes(padding(len(data))))


def padding(length_bytes: int) -> int:
    return -length_bytes % ALIGNMENT


def chunks(tensor: Tensor, noise: random.Random) -> Iterator[tuple[bytearray, bytearray]]:
    """Old and new bytes of a tensor, in pieces of whole blocks."""
    dtype = tensor.dtype
    # Distances between moved bytes: geometric, as for independent moves; the cut at 255 is rare.
    gaps = quantile_table([0.0] + [math.exp(-i / dtype.mean_gap) for i in range(1, 256)])
    left = tensor.length_bytes
    while left:
        length = min(left, CHUNK_BYTES // dtype.block_bytes * dtype.block_bytes)
        left -= length
        old = dtype.fill(noise.randbytes(length))
        yield old, moved(old, dtype, noise, gaps) if tensor.is_moved else old


def moved(old: bytearray, dtype: Dtype, noise: random.Random, gaps: bytes) -> bytearray:
    new, length, steps = bytearray(old), len(old), dtype.steps
    # More distances than can be needed; the walk ends at the end of the chunk.
    distances = noise.randbytes(length // 4).translate(gaps)
    for i, choice in zip(accumulate(distances), noise.randbytes(length // 4)):
        if i >= length:
            break
        new[i] = steps[choice & 3][new[i]]
    for byte in dtype.frozen:
        new[byte::dtype.block_bytes] = old[byte::dtype.block_bytes]
    return new


def write_tensors(tensors: list[Tensor], old: BinaryIO, new: BinaryIO) -> None:
    noise = random.Random(20240229)  # any fixed number
    for tensor in tensors:
        for old_chunk, new_chunk in chunks(tensor, noise):
            old.write(old_chunk)
            new.write(new_chunk)
        for file in (old, new):
            file.write(bytes(padding(tensor.length_bytes)))


def make_pair(old_path: Path, new_path: Path, size_bytes: int) -> None:
    width, block_count, vocabulary, tensors = plan(size_bytes)
    with old_path.open("wb") as old, new_path.open("wb") as new:
        old.write(header(width, block_count, vocabulary, TEMPLATE, tensors))
        new.write(header(width, block_count, vocabulary,
                         "{# edited: greets the user first, and ends each turn #}" + TEMPLATE,
                         tensors))
        write_tensors(tensors, old, new)


def parse_size(text: str) -> int:
    """Bytes of `300000000`, `64M`, `1G`; ValueError says what is wrong."""
    factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:].upper(), 1)
    digits = text[:-1] if factor > 1 else text
    if not digits.isdecimal():
        raise ValueError("not a size such as 64M or 1G")
    if int(digits) * factor < SMALLEST_BYTES:
        raise ValueError(f"the smallest size is {SMALLEST_BYTES >> 20}M")
    return int(digits) * factor


def main(arguments: list[str]) -> int:
    if len(arguments) != 3:
        print("usage: make_big_pair.py SIZE OLD.gguf NEW.gguf", file=sys.stderr)
        return 64
    try:
        make_pair(Path(arguments[1]), Path(arguments[2]), parse_size(arguments[0]))
    except ValueError as error:
        print(f"make_big_pair.py: error: {arguments[0]}: {error}", file=sys.stderr)
        return 64
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
