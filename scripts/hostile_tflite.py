"""Hostile fixtures 13 to 16, 18 and 19: TFLite. (17, the ZIP tail, is hostile_zip.py.)"""

import struct
from collections.abc import Iterator

from model_writers import tflite as tf
from model_writers.fixture import Fixture, Hole
from model_writers.flatbuffer import FlatBufferWriter, Refs, SameRefs, Table
from model_writers.values import Rng


def fixture(number: int, name: str, what: str, content: bytes | Hole, expect: str = "opaque",
            flags: str = "-") -> Fixture:
    return Fixture(f"{number:02}-tflite-{name}.tflite", "tflite", what, content, expect, flags)


class Model:
    """A small good model whose parts have names, so that they can be falsified."""

    def __init__(self, buffer: Table | None = None, extra: list[Table] = [],
                 **more: object) -> None:
        self.buffer = buffer or tf.buffer(Rng("kernel").bytes(64))
        self.tensor = tf.tensor("kernel", "INT8", [8, 8], 1)
        self.graph = tf.subgraph([self.tensor], [], [0], [], "main")
        self.root = tf.model([tf.operator_code(tf.ADD)], [self.graph],
                             [tf.buffer(), self.buffer, *extra], **more)

    def write(self) -> FlatBufferWriter:
        return FlatBufferWriter(self.root)

    def falsify(self, at: int, code: str, value: int, writer: FlatBufferWriter) -> bytes:
        struct.pack_into("<" + code, writer.out, at, value)
        return writer.bytes()


def roots() -> Iterator[Fixture]:
    yield fixture(13, "eight-bytes", "root offset 24 in a file of 8 bytes", b"\x18\0\0\0TFL3")
    file = Model().write().bytes()
    for name, root in (("0", 0), ("4", 4), ("2e31", 1 << 31), ("2e32-1", (1 << 32) - 1),
                       ("last-byte", len(file) - 1), ("end", len(file))):
        yield fixture(13, f"root-{name}", f"root offset {root}",
                      struct.pack("<I", root) + file[4:])
    yield fixture(13, "no-identifier", "all good but TFL3 is missing: only --format tflite "
                  "accepts it", file[:4] + bytes(4) + file[8:], "any")
    yield fixture(13, "empty-root", "a root table without any field",
                  FlatBufferWriter(Table({})).bytes(), "any")


def vtables() -> Iterator[Fixture]:
    for part in ("root", "tensor", "buffer"):
        for name, what, distance in (
                ("before-start", "lies before the file", lambda at: at + 4),
                ("far-before", "lies 2^31-1 bytes before", lambda at: (1 << 31) - 1),
                ("far-behind", "lies 2^31 bytes behind", lambda at: -(1 << 31)),
                ("odd", "is at an odd address", lambda at: at - 9),
                ("itself", "is the table itself", lambda at: 0)):
            model = Model()
            writer = model.write()
            at = writer.position[getattr(model, part)]
            # The first two bytes of such a table are 0: a vtable of size 0, see below.
            expect = "any" if name == "itself" else "opaque"
            yield fixture(14, f"{part}-vtable-{name}", f"vtable of the {part} {what}",
                          model.falsify(at, "i", distance(at), writer), expect)
        for name, what, index, value in (
                ("size-0", "vtable size 0", 0, 0), ("size-65535", "vtable size 65535", 0, 65535),
                ("size-odd", "odd vtable size", 0, 7), ("table-size-0", "table size 0", 1, 0),
                ("table-size-65535", "table size 65535", 1, 65535),
                ("field-outside", "field offset behind the table", 2, 65000)):
            model = Model()
            writer = model.write()
            at = writer.vtable_position[getattr(model, part)]
            # FlatBuffers' own verifier reads size 0 as a table without fields, and never
            # looks at the table size.
            harmless = name in ("size-0", "table-size-0", "table-size-65535")
            expect = "any" if harmless else "opaque"
            yield fixture(14, f"{part}-{name}", f"{part}: {what}",
                          model.falsify(at + 2 * index, "H", value, writer), expect)


def references() -> Iterator[Fixture]:
    """Offsets of fields, which must stay inside the file and cannot point backwards."""
    for name, part, slot in (("subgraphs", "root", tf.MODEL_SUBGRAPHS),
                             ("buffers", "root", tf.MODEL_BUFFERS),
                             ("tensors", "graph", tf.SUBGRAPH_TENSORS),
                             ("name", "tensor", tf.TENSOR_NAME),
                             ("data", "buffer", tf.BUFFER_DATA)):
        for value in (0, 1 << 31, (1 << 32) - 4, (1 << 32) - 1):
            model = Model()
            writer = model.write()
            at = writer.field_position[getattr(model, part), slot]
            yield fixture(14, f"{name}-offset-{value}", f"offset of {name} is {value}",
                          model.falsify(at, "I", value, writer))


def vectors(large: bool) -> Iterator[Fixture]:
    for name, part, slot in (("subgraphs", "root", tf.MODEL_SUBGRAPHS),
                             ("buffers", "root", tf.MODEL_BUFFERS),
                             ("tensors", "graph", tf.SUBGRAPH_TENSORS),
                             ("name", "tensor", tf.TENSOR_NAME),
                             ("data", "buffer", tf.BUFFER_DATA)):
        for length in ((1 << 32) - 1, 1 << 30):
            model = Model()
            writer = model.write()
            at = writer.position[getattr(model, part).fields[slot]]
            yield fixture(15, f"{name}-length-{length}", f"vector {name} has length {length}",
                          model.falsify(at, "I", length, writer))
    for power in (20, 24) if large else (20,):
        model = Model()
        model.root.fields[tf.MODEL_BUFFERS] = SameRefs(model.buffer, 1 << power)
        yield fixture(15, f"buffers-2e{power}", f"2^{power} buffers that are one table",
                      model.write().bytes(), "any", "big")
    model = Model()
    model.graph.fields[tf.SUBGRAPH_TENSORS] = SameRefs(model.tensor, 10_000)
    model.root.fields[tf.MODEL_SUBGRAPHS] = SameRefs(model.graph, 10_000)
    yield fixture(15, "shared-1e8", "10^4 subgraphs that are one, with 10^4 tensors that are "
                  "one: 10^8 visits in 80 KB", model.write().bytes(), "any")
    model = Model()
    model.root.fields[tf.MODEL_SUBGRAPHS] = Refs([])
    yield fixture(15, "no-subgraphs", "no subgraphs at all", model.write().bytes(), "any")


def indices() -> Iterator[Fixture]:
    for index in (2, (1 << 31), (1 << 32) - 1):
        model = Model()
        model.tensor.fields[tf.TENSOR_BUFFER] = tf.u32(index)
        yield fixture(15, f"buffer-index-{index}", f"tensor names buffer {index} of 2",
                      model.write().bytes(), "labels")
    for name, shape in (("negative", [-1, 8]), ("huge", [(1 << 31) - 1] * 8)):
        model = Model()
        model.tensor.fields[0] = tf.ints(shape)
        yield fixture(15, f"shape-{name}", f"{name} dimensions", model.write().bytes(),
                      "labels")


def outside(offset: int, size: int, location: bool = True, tail: int = 64) -> bytes:
    """A model with its kernel behind the FlatBuffer, or so it says."""
    entries = [tf.metadata("buffer_location", 2)] if location else None
    file = Model(tf.buffer(offset=offset, size=size), [tf.buffer(bytes(16))],
                 metadata_entries=entries).write().bytes()
    return file + bytes(-len(file) % 16) + Rng("outside").bytes(tail)


def outside_buffers() -> Iterator[Fixture]:
    end = len(outside(16, 64))
    good = end - 64
    for name, offset, size, what, expect in (
            ("control", good, 64, "good values, for comparison", "labels"),
            ("offset-1", 1, 64, "1 means that there is no offset", "any"),
            ("offset-2", 2, 64, "2 is inside the FlatBuffer", "any"),
            ("offset-inside", good - 32, 64, "begins inside the FlatBuffer", "any"),
            ("offset-end", end, 64, "begins at the end of the file", "any"),
            ("offset-end-empty", end, 0, "empty at the end of the file", "any"),
            ("offset-2e63", 1 << 63, 64, "offset 2^63", "any"),
            ("offset-2e64-1", (1 << 64) - 1, 64, "offset 2^64-1", "any"),
            ("size-wraps", good, (1 << 64) - good, "offset + size wraps to 0", "any"),
            ("size-wraps-inside", good, (1 << 64) - 16, "offset + size wraps into the file",
             "any"),
            ("size-one-too-long", good, 65, "ends one byte behind the file", "any"),
            ("unaligned", good + 1, 63, "not 16-byte aligned", "any")):
        yield fixture(16, name, f"buffer outside: {what}", outside(offset, size), expect)
    yield fixture(16, "no-buffer-location", "offsets set, but the metadata that announces "
                  "them is missing", outside(good, 64, location=False), "any")
    model = Model(tf.buffer(offset=good, size=64), [tf.buffer(offset=good + 32, size=64)],
                  metadata_entries=[tf.metadata("buffer_location", 9)])
    file = model.write().bytes()
    yield fixture(16, "overlap", "two outside buffers overlap; buffer_location names no buffer",
                  file + bytes(max(0, good + 96 - len(file))), "any")
    operator = tf.operator(0, [0], [0], large_offset=(1 << 64) - 8, large_size=16)
    model = Model()
    model.graph.fields[3] = Refs([operator])
    yield fixture(16, "custom-options-wrap", "offset + size of large custom options wraps",
                  model.write().bytes(), "any")


def external_groups() -> Iterator[Fixture]:
    for name, group in (("dotdot", "../../etc/passwd"), ("absolute", "/etc/passwd"),
                        ("empty", ""), ("nul", "weights\0.bin"), ("drive", "C:weights.bin"),
                        ("backslash", "..\\..\\weights.bin"), ("long", "w" * 4097)):
        buffers = [tf.external_buffer(1, 0, 0, 64, "unpacked")]
        yield fixture(18, f"group-{name}", f"external buffer group named {name}",
                      Model(groups=[group], external_buffers=buffers).write().bytes(), "any")
    for name, group, offset, length in (("group-index", 7, 0, 64),
                                        ("range-wraps", 0, (1 << 64) - 8, 16)):
        buffers = [tf.external_buffer(1, group, offset, length, "unpacked")]
        yield fixture(18, f"buffer-{name}", f"external buffer: {name} out of range",
                      Model(groups=["weights.bin"], external_buffers=buffers).write().bytes(),
                      "any")


def sizes() -> Iterator[Fixture]:
    head = Model().write().bytes()
    for name, size in (("2e31-1", (1 << 31) - 1), ("2e31", 1 << 31), ("2e31+1", (1 << 31) + 1),
                       ("2e32+1", (1 << 32) + 1)):
        yield fixture(19, f"size-{name}", f"good model, zeros up to {size} bytes",
                      Hole(head, size), "any", "sparse")


def fixtures(large: bool) -> Iterator[Fixture]:
    for group in (roots, vtables, references):
        yield from group()
    yield from vectors(large)
    for group in (indices, outside_buffers, external_groups, sizes):
        yield from group()
