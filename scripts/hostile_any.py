"""Hostile fixtures 26 to 28: no format at all, cut files, and files of two formats."""

import struct
from collections.abc import Iterator

import tiny_gguf
import tiny_onnx
import tiny_tflite
from model_writers import onnx
from model_writers import protobuf as pb
from model_writers.archive import zip_archive
from model_writers.fixture import Fifo, Fixture, Folder, SymLink
from model_writers.values import Rng


def nothing() -> Iterator[Fixture]:
    for name, content, what in (
            ("empty", b"", "no bytes"), ("one-byte", b"\x08", "one byte"),
            ("zeros", bytes(4096), "4 KiB of zeros"), ("ones", b"\xff" * 4096, "4 KiB of 0xFF"),
            ("random", Rng("noise").bytes(4096), "4 KiB of noise"),
            ("text", b"models are not poems\n" * 200, "text"),
            ("magic-gguf", b"GGUF", "nothing but a magic number"),
            ("magic-tflite", b"\x1c\0\0\0TFL3", "nothing but an identifier"),
            ("magic-onnx", b"\x08\x08", "nothing but ir_version")):
        yield Fixture(f"26-any-{name}.bin", "any", what, content)
    yield Fixture("26-any-directory", "any", "a directory", Folder(), "refuse", "not-regular")
    yield Fixture("26-any-fifo", "any", "a named pipe: opening it may wait for ever", Fifo(),
                  "any", "not-regular")
    yield Fixture("26-any-zero-device", "any", "symbolic link to a device that never ends",
                  SymLink("/dev/zero"), "any", "not-regular")
    yield Fixture("26-any-dangling-link", "any", "symbolic link to nothing",
                  SymLink("26-not-there"), "refuse", "not-regular")
    for format, made in (("gguf", tiny_gguf.small()), ("tflite", tiny_tflite.convolution()),
                         ("onnx", tiny_onnx.layers())):
        yield Fixture(f"26-{format}-moving.{format}", format,
                      "a good file, for a test that lengthens or cuts it while it is read",
                      made.file, "labels", "grow-or-shrink")


def cuts() -> Iterator[Fixture]:
    for format, made in (("gguf", tiny_gguf.all_types()), ("tflite", tiny_tflite.all_types()),
                         ("onnx", tiny_onnx.all_types())):
        yield Fixture(f"27-{format}-truncate-every.{format}", format,
                      "a good file, to be cut at every offset", made.file, "labels",
                      "truncate-every")


def tflite_and_onnx() -> bytes:
    """`TFL3` stands at byte 4, and the whole walks as protobuf with a graph.

    The first four bytes are the root offset 0x060A, and also field 1 of length 6, which
    swallows the identifier. Any such offset is 2 modulo 4, so a strict reader finds the root
    table unaligned: whoever probes by identifier alone gets it wrong.
    """
    graph = pb.data(7, onnx.graph("main", [], [onnx.raw_tensor(
        "kernel", "FLOAT", [4, 4], Rng("kernel").bytes(64))]))
    root_at = 0x060A
    vtable = struct.pack("<3H", 6, 8, 4)
    root = struct.pack("<iI", len(vtable), 3)
    start = 8 + len(graph)
    field = pb.tag(99, pb.LENGTH) + pb.varint(root_at + len(root) - start - 4)
    assert len(field) == 4  # two bytes of tag, two of length
    file = struct.pack("<I", root_at) + b"TFL3" + graph + field
    return file + bytes(root_at - len(vtable) - len(file)) + vtable + root


def confusion() -> Iterator[Fixture]:
    gguf = tiny_gguf.small().file
    tflite = tiny_tflite.convolution().file
    model = tiny_onnx.layers().file
    archive = zip_archive([("a.txt", b"a file")], len(gguf))
    for name, extension, content, what, expect in (
            ("gguf-and-zip", "gguf", gguf + archive, "a GGUF with a ZIP behind it", "labels"),
            ("zip-of-gguf", "zip", zip_archive([("model.gguf", gguf)], 0),
             "a ZIP that stores a GGUF", "opaque"),
            ("zip-of-tflite", "zip", zip_archive([("model.tflite", tflite)], 0),
             "a ZIP that stores a TFLite", "opaque"),
            ("tflite-then-gguf", "tflite", tflite + gguf, "a GGUF appended to a TFLite",
             "labels"),
            ("gguf-then-tflite", "gguf", gguf + tflite, "a TFLite appended to a GGUF", "labels"),
            ("onnx-then-gguf", "onnx", model + gguf, "a GGUF appended to an ONNX", "opaque"),
            ("onnx-then-onnx", "onnx", model + tiny_onnx.subgraphs().file,
             "two ONNX models in a row, which protobuf reads as one", "labels"),
            ("tflite-in-gguf", "gguf", gguf_with(tflite), "a GGUF whose only tensor is a TFLite",
             "labels"),
            ("tflite-and-onnx", "onnx", tflite_and_onnx(), "both TFLite by identifier and ONNX "
             "by its fields", "any"),
            ("gguf-named-onnx", "onnx", gguf, "a GGUF with the wrong file name", "labels"),
            ("onnx-named-tflite", "tflite", model, "an ONNX with the wrong file name",
             "labels")):
        yield Fixture(f"28-{name}.{extension}", "any", what, content, expect)


def gguf_with(data: bytes) -> bytes:
    writer = tiny_gguf.GgufWriter()
    writer.tensor("blob", tiny_gguf.type_id("I8"), [len(data)], data)
    return writer.build()


def fixtures(large: bool) -> Iterator[Fixture]:
    for group in (nothing, cuts, confusion):
        yield from group()
