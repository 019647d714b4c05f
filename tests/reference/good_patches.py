"""The good patches of tests/vectors/patch: those that the programs make, and odd ones."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import conversions
from blocks import GRIDS, Block, place_of, ratio, read_block, units, write_block
from blocks_maker import BlocksMaker
from cases import TOP, Case, Programs, read
from dtypes import BLOCKS, NUMBERS, SCALARS, layout
from mask import Shape
from patch_maker import (Chunk, MaskMaker, Section, body_of, chunk_records, copy, from_section, literal,
                         make_patch, varint, zstd_blocks, zstd_frame)
from planes import DIRECT, ORDERED, RESIDUAL, decode_planes
from sign_cases import SEED
from tokens import GRIDS as TOKEN_GRIDS, PREDICTED
from tokens_maker import TokensMaker

import again_cases
import blocks_cases
import conversion_cases
import edits_cases
import grid_cases
import lite_cases
import mixed_cases
import permuted_cases
import signatures
import structure_cases
import values_cases
import weights_cases

BASES = "vectors/patch/base"
ABC, NONE = "vectors/patch/base/abc", "vectors/patch/base/empty"
ALPHABET = "vectors/patch/base/alphabet"
GGUF = "vectors/models/all-types.old.gguf"
RANKED = "vectors/patch/base/blocks"
REAL_TFLITE = "pairs/ft_res8s_s2_ftsmall_i8_tflite/old.tflite"


def text(words: int) -> bytes:
    """Text that compresses."""
    generator = random.Random(5)
    vocabulary = "the a tensor of model weights that was and is old new".split()
    return " ".join(generator.choice(vocabulary) for _ in range(words)).encode()


def by_programs(programs: Programs) -> Iterator[Case]:
    def case(name: str, base: str, result: str | bytes, spec: str, what: str, *options: str) -> Case:
        with tempfile.TemporaryDirectory() as folder:
            if isinstance(result, str):
                path = TOP / "tests" / result
            else:
                path = Path(folder) / "result"
                path.write_bytes(result)
            return Case(name, base, programs.patch(TOP / "tests" / base, path, *options), spec, what,
                        path.read_bytes())

    models = "vectors/models"
    yield case("abc-abd", ABC, b"abd", "patch 11", "the worked example: three bytes, predicted")
    yield case("identical", f"{models}/perturbed.old.tflite", f"{models}/perturbed.old.tflite",
               "patch 6", "one copy makes all")
    yield case("empty-result", ABC, b"", "patch 3", "a body that is an end mark")
    yield case("empty-both", NONE, b"", "patch 3", "nothing from nothing")
    yield case("empty-base", NONE, b"nothing that a base could have told\n", "structure 6",
               "bytes without an address")
    yield case("sections-gguf", GGUF, f"{models}/all-types.new.gguf", "patch 7",
               "many small tensors, a section for each dtype")
    yield case("structure-onnx", f"{models}/renamed.old.onnx", f"{models}/renamed.new.onnx",
               "structure 8", "bytes have come in and fallen out")
    yield case("structure-tflite", f"{models}/reordered.old.tflite", f"{models}/reordered.new.tflite",
               "structure 9", "offsets change with what they point to")
    yield case("stored-gguf", f"{models}/retyped.old.gguf", f"{models}/retyped.new.gguf", "patch 7",
               "a section as it is")
    yield case("values-tflite", f"{models}/perturbed.old.tflite", f"{models}/perturbed.new.tflite",
               "values 7", "i8, given those of the base")
    yield case("zstd-run", ABC, text(2000), "patch 8", "the whole result, compressed")
    for name, base, result, spec, what in (
            ("lite-abc-abd", ABC, b"abd", "lite 19", "the worked example: three bytes"),
            ("lite-empty-result", ABC, b"", "lite 5", "a body of one byte"),
            ("lite-tflite", f"{models}/perturbed.old.tflite", f"{models}/perturbed.new.tflite",
             "lite 12", "codes, given those of the base"),
            ("lite-onnx", f"{models}/all-types.old.onnx", f"{models}/all-types.new.onnx", "lite 14",
             "numbers and floats of every type")):
        yield case(name, base, result, spec, what, "--profile", "lite")


def patch_of(base: bytes, chunks: list[Chunk], **fields: object) -> bytes:
    result = b"".join(chunk.result for chunk in chunks)
    return make_patch(base, result, body_of(chunk_records(chunks, base)), **fields)


def whole(chunks: list[Chunk]) -> bytes:
    return b"".join(chunk.result for chunk in chunks)


def every_dtype(base: bytes, names: list[str], least: int, tail: int) -> Iterator[Chunk]:
    """Planes of noise are as good as any: each stands for some result. Chunks of one dtype."""
    generator = random.Random(7)
    for name in names:
        dtype = NUMBERS[name]
        form = layout(dtype)
        blocks = max(1, least // form.bytes)
        length = blocks * form.bytes + min(tail, form.bytes - 1)
        lanes = [field.lane for field in form.fields]
        modes = [DIRECT, RESIDUAL] + ([ORDERED] if lanes in (["f16"], ["f32"], ["f64"]) else [])
        plans, sections = [], []
        for mode in modes:
            coded = bytearray([mode])
            for field in form.fields:
                for _ in range(field.width):
                    coded += b"\0" + generator.randbytes(blocks * field.count)
            if length % form.bytes:
                coded += b"\0" + generator.randbytes(length % form.bytes)
            offset = generator.randrange(len(base) - length)
            old = None if mode == DIRECT else base[offset:offset + length]
            plans.append(from_section(len(sections), length, None if old is None else offset))
            made = decode_planes(dtype, bytes(coded), old, length)
            sections.append(Section(2, dtype, bytes(coded), made, old is not None))
        yield Chunk(plans, sections, b"".join(section.result for section in sections))


def requantized(name: str, old: Block, change: int, generator: random.Random) -> Block:
    """The weights of `old`, by scales some steps away, with a little noise."""
    grid = GRIDS[name]

    def near(predicted: int, bounds: tuple[int, int]) -> int:
        noise = generator.choice((-1, 1, 2)) if generator.random() < 0.08 else 0
        return min(max(place_of(predicted, bounds).step + noise, bounds[0]), bounds[1])

    new = Block((old.scale + change) % (256 if grid.power else 65536), old.minimum)
    if grid.minimum is not None:
        new.minimum = (old.minimum - change // 2) % 65536
    if grid.scale_bounds:
        by = ratio(units(old.scale), units(new.scale))
        new.group_scales = [near(number * by, grid.scale_bounds) for number in old.group_scales]
        by = ratio(units(old.minimum), units(new.minimum))
        new.group_minima = [near(number * by, grid.scale_bounds) for number in old.group_minima]
    maker = BlocksMaker(name)
    for i, code in enumerate(old.codes):
        step, start = maker.line(new, i // grid.group_codes)
        old_step, old_start = maker.line(old, i // grid.group_codes)
        predicted_code = maker.predict(code, ratio(old_step, step), ratio(old_start - start, step), 0)
        new.codes.append(near(predicted_code, grid.code_bounds))
    return new


def changed_blocks(name: str, base: bytes, generator: random.Random) -> bytes:
    """Blocks that are equal, of new scales, with other codes, or noise; then the tail."""
    size = GRIDS[name].bytes
    made = b""
    for at in range(0, len(base) - size + 1, size):
        index = at // size % 12
        old = base[at:at + size]
        if index in (0, 3, 4, 7):
            made += old
        elif index == 5:
            made += generator.randbytes(size)
        else:
            change = {1: 0, 2: 5, 6: 0x8000, 8: -70, 9: -3, 10: 900, 11: 30}[index]
            block = requantized(name, read_block(name, old), change, generator)
            if index == 8:
                block.scale = (0, 0x8000, 0x7C00, 0xFE01)[len(name + str(at)) % 4]
                block.scale %= 256 if GRIDS[name].power else 65536
            made += write_block(name, block)
    return made + bytes((byte + generator.choice((0, 1, 200))) % 256 for byte in base[len(made):])


def grids(base: bytes, names: list[str], seed: int) -> Chunk:
    """A section of codec 3 for each dtype."""
    generator = random.Random(seed)
    plans, sections = [], []
    for name in names:
        grid = GRIDS[name]
        length = (24 if grid.bytes < 40 else 9) * grid.bytes + 3
        offset = generator.randrange(len(base) - length)
        old = base[offset:offset + length]
        made = changed_blocks(name, old, generator)
        plans.append(from_section(len(sections), length, offset))
        sections.append(Section(3, NUMBERS[name], BlocksMaker(name).write(old, made), made, True))
    return Chunk(plans, sections, b"".join(section.result for section in sections))


EXAMPLE_SHAPE = Shape(0, 3, 5, 6, 1, 2)
EXAMPLE_ROWS = [[0, 3], [1, 3, 4], [3]]


def masks() -> Chunk:
    """Two sections of codec 5: the worked example; masks of every width, order and extreme."""
    generator = random.Random(29)

    def rows(count: int, columns: int, kept: int) -> list[list[int]]:
        return [sorted(generator.sample(range(columns), generator.randrange(2 * kept + 1)))
                for _ in range(count)]

    example, maker = MaskMaker(), MaskMaker()
    sections = [Section(5, 0, b"", example.write(EXAMPLE_SHAPE, EXAMPLE_ROWS)),
                Section(5, 0, b"", b"".join(maker.write(Shape(order, len(made), columns, sum(map(len, made)),
                                                              *widths), made)
                                            for order, columns, widths, made in (
                    (0, 40, (1, 2), rows(25, 40, 10)),
                    (1, 300, (2, 1), rows(6, 300, 3)),
                    (0, 16, (4, 4), [list(range(16)), [], list(range(1, 16))] * 2),
                    (1, 65536, (2, 1), [[0, 65535]]),
                    (0, 256, (1, 2), [list(range(256))]),
                    (1, 9, (1, 4), [[], []]),
                    (0, 0, (2, 2), [[]]),
                    (1, 7, (1, 1), []),
                    (0, 24, (1, 1), rows(12, 24, 12)))))]
    for section, made in zip(sections, (example, maker)):
        section.payload = made.encoder.coded()
    # The arrays of the example are apart, as they are in models.
    half = len(EXAMPLE_ROWS)
    plans = [from_section(0, 2 * half), from_section(1, len(sections[1].result)),
             from_section(0, len(sections[0].result) - 2 * half)]
    first = sections[0].result
    return Chunk(plans, sections, first[:2 * half] + sections[1].result + first[2 * half:])


def random_tokens(base: bytes, names: list[str], seed: int) -> Chunk:
    """A section of codec 6 for each dtype, some on their own: random tokens stand for some result."""
    plans, sections = [], []
    for number, name in enumerate(names, seed):
        size = layout(NUMBERS[name]).bytes
        length = (6 if size < 40 else 2) * size if name in TOKEN_GRIDS else (70 - 3 * size) * size
        length += min(1, size - 1)  # a tail
        method = 0 if name not in TOKEN_GRIDS and number % 3 == 2 else PREDICTED
        offset = 137 * number
        old = base[offset:offset + length] if method == PREDICTED else None
        level = 0 if number % 2 else {"f16": 20, "bf16": 130, "f32": 130}.get(name, number % 12 + 1)
        payload, made = TokensMaker(NUMBERS[name], old, length, number, method, number % 4, level).make()
        plans.append(from_section(len(sections), length, None if old is None else offset))
        sections.append(Section(6, NUMBERS[name], payload, made, old is not None))
    return Chunk(plans, sections, b"".join(section.result for section in sections))


def example_of_tokens() -> tuple[bytes, Section]:
    """Base and section of the worked example of tokens.md."""
    base = bytes.fromhex("05 FB 00 40")
    maker = TokensMaker(NUMBERS["i8"], base, 4, 0, level=1,
                        tables=[[1024, 512, *[0] * 8, 512], *[[]] * 15])
    maker.wanted_tokens.extend((0, 1, 0, 10))
    maker.wanted_raw.extend((0, 0, 0, 0))
    payload, made = maker.make()
    return base, Section(6, NUMBERS["i8"], payload, made, True)


def plane_kinds(base: bytes) -> Chunk:
    """Every kind of plane, alone and within sparse ones; sections that share their steps."""
    def zstd(content: bytes) -> bytes:
        blocks = zstd_blocks(content)
        return varint(len(blocks) << 2 | 2) + blocks

    wave = bytes(i // 8 % 5 for i in range(400))
    spikes = bytearray(400)
    for i in range(0, 400, 9):
        spikes[i] = i % 7 + 1
    mask = bytes(sum((spikes[8 * k + i] != 0) << i for i in range(8)) for k in range(50))
    values = bytes(byte for byte in spikes if byte)
    planes = {
        "stored": (b"\0" + wave, wave),
        "constant": (b"\1\7", b"\7" * 400),
        "zstd": (zstd(wave), wave),
        "sparse, stored": (b"\3\0" + mask + b"\0" + values, bytes(spikes)),
        "sparse, constant": (b"\3" + b"\1\x81" + b"\1\x2A",
                             bytes(42 if i % 8 in (0, 7) else 0 for i in range(400))),
        "sparse, zstd": (b"\3" + zstd(mask) + zstd(values), bytes(spikes)),
    }
    sections = [Section(2, NUMBERS["u8"], b"\0" + coded, made) for coded, made in planes.values()]
    raw = base[:100]
    sections.append(Section(1, NUMBERS["f32"], zstd_blocks(wave + wave[::-1]), wave + wave[::-1]))
    sections.append(Section(1, NUMBERS["u8"], bytes.fromhex("1B 00 00 61"), b"aaa"))
    sections.append(Section(1, NUMBERS["i8"], varint_block(0, raw), raw, has_base=True))
    sections.append(Section(0, NUMBERS["i32"], raw[::-1], raw[::-1], has_base=True))
    # In two rounds: each section gives a part of its bytes, then the rest.
    plans, result = [], b""
    for is_second in (False, True):
        for index, section in enumerate(sections):
            cut = len(section.result) // 3
            part = section.result[cut:] if is_second else section.result[:cut]
            offset = 50 * index + (cut if is_second else 0)
            plans.append(from_section(index, len(part), offset if section.has_base else None))
            result += part
    return Chunk(plans, sections, result)


def varint_block(kind: int, content: bytes) -> bytes:
    """One zstd block, the last."""
    return (len(content) << 3 | kind << 1 | 1).to_bytes(3, "little") + content


def signed() -> Iterator[Case]:
    """Readers without keys have no use for signatures: what those are does not matter to them."""
    base = read(ABC)
    chunks = [Chunk([literal(b"abd")], result=b"abd")]
    patch = patch_of(base, chunks, model_id=b"abc", release=2)
    yield Case("signed", ABC, signatures.signed(patch, SEED), "sign 8", "the worked example", b"abd")
    header, _, body = signatures.split(patch)
    blocks = [bytes([i]) * signatures.BLOCK for i in range(signatures.MOST)]
    yield Case("signed-four-times", ABC, signatures.with_blocks(header, blocks, body), "sign 3",
               "as many signatures as there may be; none is right", b"abd")


def made_up() -> Iterator[Case]:
    base = read(GGUF)

    def case(name: str, spec: str, what: str, chunks: list[Chunk], **fields: object) -> Case:
        return Case(name, GGUF, patch_of(base, chunks, **fields), spec, what, whole(chunks))

    alphabet = read(ALPHABET)
    for name, what, data, result in lite_cases.good(alphabet):
        yield Case(name, ALPHABET, data, "lite 5, 9", what, result)
    yield case("planes-scalars", "planes 4", "every scalar dtype in every mode, with a tail",
               list(every_dtype(base, list(SCALARS), 36, 3)))
    yield case("planes-gguf", "planes 4", "every block dtype, direct and residual, with a tail",
               list(every_dtype(base, list(BLOCKS), 80, 1)))
    yield case("planes-kinds", "planes 3", "every kind of plane and of zstd block; shared sections",
               [plane_kinds(base)])
    tables = [name for name, grid in GRIDS.items() if grid.table]
    yield case("blocks", "blocks", "dtypes of codec 3: scales and codes that move, with a tail",
               [grids(base, [name for name in GRIDS if name not in tables], 17)], features=4)
    yield case("blocks-tables", "blocks 10", "the same for dtypes with tables of values",
               [grids(base, tables, 19)], features=4)
    base_ranked = read(RANKED)
    chunk = blocks_cases.ranked(base_ranked)
    yield Case("blocks-ranks", RANKED, patch_of(base_ranked, [chunk], features=4), "blocks 6",
               "pieces of blocks, with ranks and without", chunk.result)
    same = base[500:500 + 20 * 210]
    equal = Section(3, NUMBERS["q6_k"], BlocksMaker("q6_k").write(same, same), same, True)
    yield case("blocks-equal", "blocks 3", "every block is that of the base",
               [Chunk([from_section(0, 20 * 210, 500)], [equal], equal.result)], features=4)
    yield case("mask", "mask", "masks of every width and order, without rows, columns or ones, and full",
               [masks()], features=16)
    yield from values_cases.good()
    yield from mixed_cases.good()
    yield from edits_cases.good()
    yield from grid_cases.good()
    yield case("tokens", "tokens", "codec 6: numbers, predicted and on their own, with levels and tails",
               [random_tokens(base, ["i8", "f16", "f32"], 0)], features=64)
    yield case("tokens-blocks", "tokens 9", "codec 6: blocks with and without numbers of groups",
               [random_tokens(base, ["q4_k", "q8_0"], 1)], features=64)
    yield case("converted", "conversions", "every conversion, of anything",
               [*conversion_cases.conversions_of(base, False), *conversion_cases.conversions_of(base, True),
                conversion_cases.parts_of_conversions(base)],
               features=0b1_0000_0001)
    yield case("converted-signs", "conversions 2", "i8 and u8, i4 and u4", [conversion_cases.signs_of(base)],
               features=0b1_0000_0001)
    numbers = read(values_cases.NUMBERS)
    lanes = conversion_cases.lanes_of(numbers)
    yield Case("lanes", values_cases.NUMBERS, patch_of(numbers, [lanes], features=0x10100), "conversions 8",
               "codes from floats, and floats from codes", lanes.result)
    yield case("permuted", "structure 14", "axes in another order, of elements of every width",
               [permuted_cases.good(base)], features=permuted_cases.FEATURES | 1)
    yield case("picked", "structure 14", "axes that have other indices, of elements and blocks",
               [permuted_cases.picked(base)], features=permuted_cases.FEATURES)
    yield case("blocks-weights", "blocks 11", "blocks from weights of every dtype, with ranks and without",
               [weights_cases.of_every_kind(base), weights_cases.in_pieces(base)], features=0x80104)
    blocks = read(f"{BASES}/q4_0")
    halves = Section(0, NUMBERS["f16"], b"", conversions.convert(NUMBERS["q4_0"], NUMBERS["f16"], blocks),
                     True, conversion=NUMBERS["q4_0"])
    yield Case("converted-q4_0", f"{BASES}/q4_0",
               patch_of(blocks, [Chunk([from_section(0, 64, 0)], [halves], halves.result)], features=256),
               "conversions 10", "the worked example", halves.result)
    start, example = example_of_tokens()
    yield Case("tokens-i8", "vectors/patch/base/four",
               patch_of(start, [Chunk([from_section(0, 4, 0)], [example], example.result)], features=64),
               "tokens 12", "the worked example", example.result)
    yield case("steps", "structure 6", "every kind of step with every address; three chunks",
               structure_cases.all_steps(base))
    made = again_cases.good(read(ALPHABET))
    yield Case("again", ALPHABET, made[0], "patch 6", "chunks that are made again, at places of their own",
               made[1])
    yield case("derived", "structure 13", "numbers that follow from others, of every kind of step",
               structure_cases.derived_numbers(base), features=0b100010)
    yield case("behind-the-base", "structure 7", "a hit where the base has no byte",
               structure_cases.hits_then_end(base))
    yield case("words", "structure 9", "words that change in step", structure_cases.moved_words(base))
    yield case("grown-numbers", "structure 7", "what grew from four bytes to eight: guesses of every source",
               structure_cases.grown_numbers(base))
    yield case("steps-16384", "structure 5", "as many steps as a chunk may have", structure_cases.many_steps(base))
    steps = structure_cases.all_steps(base)
    for chunk in steps:
        chunk.width = 4
    wide = body_of(chunk_records(steps, base), width=10)
    yield Case("long-varints", GGUF, make_patch(base, whole(steps), wide), "stream 2",
               "varints longer than need be, the end mark as well", whole(steps))
    yield case("header-fields", "patch 4", "model id, release, profile lite, other memory",
               [Chunk([copy(0, 3)], result=base[:3])], model_id=bytes(range(192, 256)),
               release=0xFFFFFFFF, profile=1, memory=1, features=0)
    yield from signed()
    content = text(120)
    frame = zstd_frame(content, 19, "--check")
    pieces = [frame[:1], frame[1:2], frame[2:9], frame[9:]]
    yield Case("zstd-run-pieces", GGUF,
               make_patch(base, content, body_of([b"\1" + piece for piece in pieces]), features=1),
               "patch 8", "a zstd run in four pieces, with content checksum", content)
    real = read(REAL_TFLITE)
    chunks = structure_cases.long_bytes(real)
    yield Case("long-bytes", REAL_TFLITE, patch_of(real, chunks), "structure 10",
               "65,536 bytes and more by few steps", whole(chunks))
