"""Hostile fixtures 1 to 12: GGUF."""

import struct
from collections.abc import Iterator

from model_writers.fixture import Fixture
from model_writers.gguf import ARRAY, I32, STRING, U8, U32, U64, GgufWriter
from model_writers.values import Rng

F32_TYPE, Q8_0_TYPE, Q4_K_TYPE, I8_TYPE = 0, 8, 12, 24
MILLION = 1_000_000


def fixture(number: int, name: str, what: str, content: bytes, expect: str = "opaque",
            flags: str = "-") -> Fixture:
    return Fixture(f"{number:02}-gguf-{name}.gguf", "gguf", what, content, expect, flags)


def base(**options: object) -> GgufWriter:
    writer = GgufWriter(**options)
    writer.key("general.architecture", STRING, "llama")
    return writer


def with_tensor(type_id: int, dims: list[int], data_size: int, offset: int = 0,
                writer: GgufWriter | None = None) -> bytes:
    """One tensor whose info says what it likes about `data_size` bytes, then a good one."""
    writer = writer or base()
    writer.append(Rng("hostile").bytes(data_size))
    writer.info("hostile", type_id, dims, offset)
    writer.tensor("good", F32_TYPE, [8], Rng("good").bytes(32))
    return writer.build()


def counts() -> Iterator[Fixture]:
    for name, tensors, keys in (("tensor-count", 1 << 61, 0), ("key-count", 0, 1 << 63),
                                ("both-counts", 1 << 61, 1 << 63),
                                ("largest-counts", (1 << 64) - 1, (1 << 64) - 1)):
        yield fixture(1, name, f"24 bytes that promise {tensors} tensors and {keys} keys",
                      GgufWriter().header(tensors, keys))
    yield fixture(1, "v1-counts", "v1 header that promises 2^32-1 tensors and keys",
                  GgufWriter(version=1).header((1 << 32) - 1, (1 << 32) - 1))
    yield fixture(1, "one-tensor-too-many", "tensor count is one more than the infos",
                  build_counts(extra_tensors=1))
    yield fixture(1, "one-key-too-many", "key count is one more than the keys: the tensor info "
                  "reads as a key, and zeros as a tensor info", build_counts(extra_keys=1), "any")
    for version in (0, 4, 0xFFFFFFFF):
        yield fixture(1, f"version-{version}", f"version {version}",
                      base(version=version).build())


def build_counts(extra_tensors: int = 0, extra_keys: int = 0) -> bytes:
    writer = base()
    writer.tensor("good", F32_TYPE, [8], Rng("good").bytes(32))
    return writer.build(tensor_count=1 + extra_tensors, key_count=1 + extra_keys)


def string_lengths() -> Iterator[Fixture]:
    header = GgufWriter().header
    text = b"general.name"
    for name, length in (("2e64-1", (1 << 64) - 1), ("2e63", 1 << 63), ("2e32", 1 << 32)):
        claim = struct.pack("<Q", length) + text
        yield fixture(2, f"key-length-{name}", f"key length {length}", header(0, 1) + claim)
        writer = base()
        writer.raw_key("general.name", STRING, claim)
        yield fixture(2, f"value-length-{name}", f"string value of length {length}",
                      writer.build())
        yield fixture(2, f"name-length-{name}", f"tensor name of length {length}",
                      header(1, 0) + claim)
    writer = base()
    writer.raw_key("general.name", STRING, struct.pack("<Q", 5) + b"four")
    yield fixture(2, "value-one-too-long", "string that ends one byte behind the file",
                  writer.build())
    writer = base()
    writer.key(b"", U32, 7)
    yield fixture(2, "empty-key", "key of length 0", writer.build(), "labels")
    writer = base()
    writer.key(b"\xff\0\xfe", STRING, b"\0\xff")
    yield fixture(2, "not-utf8", "key and value with NUL and invalid UTF-8", writer.build(),
                  "labels")
    for size in (65536, 65537):
        writer = base()
        writer.tensor(b"n" * size, F32_TYPE, [8], bytes(32))
        yield fixture(2, f"name-of-{size}", f"tensor name of {size} bytes (limit 64 KiB)",
                      writer.build(), "labels" if size == 65536 else "opaque")


def arrays() -> Iterator[Fixture]:
    for name, element, count, follows in (
            ("u8", U8, 1 << 63, b""), ("string", STRING, 1 << 63, b""),
            ("array", ARRAY, 1 << 63, b""), ("u64-wraps", U64, (1 << 61) + 1, bytes(8)),
            ("type-13", 13, 1, bytes(8)), ("type-2e32-1", 0xFFFFFFFF, 1, bytes(8)),
            ("type-13-empty", 13, 0, b"")):
        writer = GgufWriter()
        writer.raw_key("k", ARRAY, struct.pack("<IQ", element, count) + follows)
        yield fixture(3, f"array-{name}", f"array of {count} elements of type {element}",
                      writer.build(), "any" if count == 0 else "opaque")
    writer = GgufWriter()
    writer.raw_key("k", 13, bytes(8))
    yield fixture(3, "value-type-13", "key of value type 13", writer.build())
    for depth in (63, 64, 65, 66, 10_000):
        writer = GgufWriter()
        writer.raw_key("k", ARRAY, struct.pack("<IQ", ARRAY, 1) * (depth - 1)
                       + struct.pack("<IQ", U8, 1) + b"\7")
        expect = "labels" if depth < 64 else "any" if depth < 66 else "opaque"
        yield fixture(3, f"nested-{depth}", f"arrays nested {depth} deep (limit 64)",
                      writer.build(), expect)


def dimensions() -> Iterator[Fixture]:
    for rank in (5, 9, 16, 17):
        yield fixture(4, f"rank-{rank}", f"{rank} dimensions (limit 16)",
                      with_tensor(F32_TYPE, [2] * 3 + [1] * (rank - 3), 32),
                      "labels" if rank <= 16 else "opaque")
    writer = base()
    writer.infos.append(writer.string("t") + struct.pack("<IQQIQ", 0xFFFFFFFF, 8, 1, 0, 0))
    yield fixture(4, "rank-2e32-1", "2^32-1 dimensions", writer.build() + bytes(64))
    for name, type_id, dims, what in (
            ("product-wraps-to-0", F32_TYPE, [1 << 63, 2], "2^63 x 2"),
            ("product-wraps-small", F32_TYPE, [(1 << 64) - 1, 2, 1, 1], "(2^64-1) x 2 x 1 x 1"),
            ("stride-wraps", I8_TYPE, [1 << 22, (1 << 42) + 1], "2^22 x (2^42+1)"),
            ("bytes-wrap", F32_TYPE, [1 << 62], "2^62 elements of 4 bytes"),
            ("blocks-wrap", Q8_0_TYPE, [1 << 63], "2^63 elements in blocks of 34 bytes"),
            ("negative", F32_TYPE, [(1 << 64) - 8], "-8 when read as i64"),
            ("i64-max", I8_TYPE, [(1 << 63) - 1], "2^63-1 elements of one byte"),
            ("end-wraps", I8_TYPE, [(1 << 64) - 64], "start + length wraps to the header")):
        yield fixture(5, f"dims-{name}", f"dimensions {what}", with_tensor(type_id, dims, 32))
    for name, dims in (("zero-first", [0, 1 << 63, 1 << 63]), ("zero-last", [1 << 63, 4, 0])):
        yield fixture(5, f"dims-{name}", "no elements, beside dimensions whose product wraps",
                      with_tensor(F32_TYPE, dims, 32), "any")


def types() -> Iterator[Fixture]:
    for id in (4, 31, 43, 1 << 31, (1 << 32) - 1):
        yield fixture(6, f"type-{id}", f"tensor type id {id}: size unknown",
                      with_tensor(id, [32, 2], 64), "labels")


def alignments() -> Iterator[Fixture]:
    for value in (0, 1, 3, 1 << 20, 1 << 21, 1 << 31, (1 << 32) - 1):
        writer = base()
        writer.key("general.alignment", U32, value)
        good = value in (1, 1 << 20)
        if value == 1:
            writer.alignment = 1
        yield fixture(7, f"alignment-{value}", f"alignment {value} (limit 2^20)",
                      with_tensor(F32_TYPE, [8], 32, writer=writer), "any" if good else "opaque")
    for name, type, value in (("i32", I32, 32), ("u64", U64, 32), ("string", STRING, "32"),
                              ("i32-negative", I32, -32), ("u64-2e32", U64, (1 << 32) + 32)):
        writer = base()
        writer.key("general.alignment", type, value)
        yield fixture(7, f"alignment-as-{name}", f"alignment stored as {name}",
                      with_tensor(F32_TYPE, [8], 32, writer=writer), "any")
    for second, expect in ((32, "labels"), (64, "opaque")):
        writer = base()
        writer.key("general.alignment", U32, 32)
        writer.key("general.alignment", U32, second)
        yield fixture(7, f"alignment-twice-{second}", f"alignment 32, and again as {second}",
                      with_tensor(F32_TYPE, [8], 32, writer=writer), expect)


def offsets() -> Iterator[Fixture]:
    for name, offset, what, expect in (
            ("wraps", (1 << 64) - 32, "2^64-32 wraps to inside the header", "opaque"),
            ("2e40", 1 << 40, "2^40 is far behind the file", "opaque"),
            ("2e63", 1 << 63, "2^63 is negative as i64", "opaque"),
            ("unaligned", 3, "3 is not aligned, and overlaps the next tensor", "any"),
            ("equal", 32, "both tensors have the same bytes", "labels"),
            ("overlap", 1, "overlaps the next tensor by one byte", "any")):
        yield fixture(8, f"offset-{name}", f"tensor offset: {what}",
                      with_tensor(F32_TYPE, [8], 32, offset), expect)


def edges() -> Iterator[Fixture]:
    writer = base()
    writer.info("t", F32_TYPE, [8], 0)
    whole = writer.build(pad_end=False)
    cut = len(base().build()) + 8 + 1 + 4 + 8 + 4 + 8
    yield fixture(9, "data-start-past-end", "file ends with the last tensor info, before the "
                  "padding", whole[:cut])
    writer = base()
    writer.key("general.alignment", U32, 1 << 20)
    yield fixture(9, "data-start-far-past-end", "alignment 2^20 moves the data section out of "
                  "a small file", with_tensor(F32_TYPE, [8], 32, writer=writer))
    yield fixture(9, "truncate-every", "a good file, to be cut at every byte",
                  with_tensor(Q8_0_TYPE, [32, 2], 68), "labels", "truncate-every")


def crowds() -> Iterator[Fixture]:
    for name, text in (("equal-names", "w"), ("empty-names", "")):
        writer = base()
        writer.append(bytes(32))
        writer.info(text, F32_TYPE, [8], 0)
        head = writer.header(MILLION, 1) + writer.keys[0] + writer.infos[0] * MILLION
        yield fixture(10, name, f"10^6 tensors named {text!r} that share 32 bytes",
                      head + bytes(-len(head) % 32) + writer.data, "labels", "big")
    writer = base()
    infos = b"".join(struct.pack("<Q7sIQIQ", 7, b"%07d" % i, 1, 1, I8_TYPE, 0)
                     for i in range(MILLION // 10))
    head = writer.header(MILLION // 10, 1) + writer.keys[0] + infos
    yield fixture(10, "one-byte", "10^5 tensors with names of their own on one single byte",
                  head + bytes(-len(head) % 32) + b"\1", "labels", "big")


def blocks() -> Iterator[Fixture]:
    yield fixture(11, "row-not-in-blocks", "Q8_0 rows of 33 elements",
                  with_tensor(Q8_0_TYPE, [33, 32], 33 * 34), "labels")
    yield fixture(11, "row-under-a-block", "Q4_K rows of 32 elements, 256 in all",
                  with_tensor(Q4_K_TYPE, [32, 8], 144), "labels")
    writer = base()
    writer.tensor("t", Q8_0_TYPE, [64], Rng("half").bytes(51))
    yield fixture(11, "half-a-block", "the last block ends 17 bytes behind the file",
                  writer.build(pad_end=False))


def byte_order() -> Iterator[Fixture]:
    big = base(order=">")
    big.tensor("good", F32_TYPE, [8], struct.pack("<8f", *Rng("12").weights(8)))
    yield fixture(12, "little-data", "big-endian header, little-endian data", big.build(),
                  "labels")
    yield fixture(12, "fugg", "magic FUGG, all big-endian",
                  base(order=">", magic=b"FUGG").build(), "labels")
    yield fixture(12, "fugg-little", "magic FUGG, all little-endian",
                  base(magic=b"FUGG").build())
    yield fixture(12, "version-only", "version big-endian, everything else little-endian",
                  b"GGUF\0\0\0\3" + base().build()[8:])
    yield fixture(12, "version-both", "version 0x00030003 is valid in neither order",
                  b"GGUF\3\0\3\0" + base().build()[8:])


def fixtures(large: bool) -> Iterator[Fixture]:
    for group in (counts, string_lengths, arrays, dimensions, types, alignments, offsets,
                  edges, crowds, blocks, byte_order):
        yield from group()
