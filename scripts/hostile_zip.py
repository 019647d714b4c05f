"""Hostile fixtures 17: the ZIP archive that a TFLite file may carry behind the FlatBuffer.

The FlatBuffer is good in all of them, so its tensors must still be found; only the tail may
become opaque.
"""

import struct
from collections.abc import Iterator

from model_writers import tflite as tf
from model_writers.archive import central_entry, end_record, local_file, zip_archive
from model_writers.fixture import Fixture
from model_writers.flatbuffer import FlatBufferWriter
from model_writers.values import Rng

NAME, TEXT = b"labels.txt", b"cat\ndog\n"


def fixture(name: str, what: str, content: bytes, flags: str = "-") -> Fixture:
    return Fixture(f"17-zip-{name}.tflite", "tflite", what, content, "labels", flags)


def flatbuffer() -> bytes:
    graph = tf.subgraph([tf.tensor("kernel", "INT8", [8, 8], 1)], [], [0], [], "main")
    buffers = [tf.buffer(), tf.buffer(Rng("kernel").bytes(64))]
    return FlatBufferWriter(tf.model([tf.operator_code(tf.ADD)], [graph], buffers)).bytes()


def one_file(base: int, entry_at: int | None = None, directory_at: int | None = None,
             directory_size: int | None = None, entries: int = 1, comment: bytes = b"",
             name: bytes = NAME) -> bytes:
    """An archive of one file with any of its directory numbers replaced."""
    local = local_file(name, TEXT)
    entry = central_entry(name, TEXT, base if entry_at is None else entry_at)
    return local + entry + end_record(
        entries, len(entry) if directory_size is None else directory_size,
        base + len(local) if directory_at is None else directory_at, comment)


def directories(head: bytes) -> Iterator[Fixture]:
    base = len(head)
    local = len(local_file(NAME, TEXT))
    end = base + len(one_file(base))
    yield fixture("control", "a good archive, for comparison", head + one_file(base))
    yield fixture("relative", "offsets count from the archive, not from the file",
                  head + one_file(base, entry_at=0, directory_at=local))
    for name, at, what in (
            ("in-flatbuffer", 16, "in the FlatBuffer"), ("at-0", 0, "at byte 0"),
            ("before-archive", base - 1, "one byte before the archive"),
            ("itself", end - 22, "at the end record itself"), ("end", end, "at the file end"),
            ("2e32-1", (1 << 32) - 1, "at 2^32-1, with no ZIP64 record")):
        yield fixture(f"directory-{name}", f"central directory {what}",
                      head + one_file(base, directory_at=at))
        yield fixture(f"entry-{name}", f"local header {what}",
                      head + one_file(base, entry_at=at))
    yield fixture("directory-size-2e32-1", "central directory of 2^32-1 bytes",
                  head + one_file(base, directory_size=(1 << 32) - 1))
    yield fixture("directory-size-0", "central directory of 0 bytes with one entry",
                  head + one_file(base, directory_size=0))
    yield fixture("entries-65535", "65535 entries announced, one present",
                  head + one_file(base, entries=65535))
    yield fixture("entry-name-dotdot", "entry named ../../etc/passwd",
                  head + one_file(base, name=b"../../etc/passwd"))
    yield fixture("entry-name-nul", "entry name with NUL, newline and escape",
                  head + one_file(base, name=b"a\0b\nc\x1b[31m"))


def comments(head: bytes) -> Iterator[Fixture]:
    base = len(head)
    yield fixture("comment-65535", "comment of 65,535 bytes",
                  head + one_file(base, comment=b"c" * 65535))
    yield fixture("comment-fake-end", "comment that holds a second end record",
                  head + one_file(base, comment=b"x" * 100 + end_record(0, 0, 0) + b"y" * 50))
    yield fixture("comment-all-ends", "comment of 16,383 end-record signatures",
                  head + one_file(base, comment=b"PK\5\6" * 16383))
    yield fixture("comment-past-end", "comment length reaches behind the file",
                  head + one_file(base)[:-2] + b"\xff\xff")
    yield fixture("comment-too-short", "bytes behind the comment",
                  head + one_file(base) + b"left over")
    yield fixture("end-record-cut", "end record cut in half", head + one_file(base)[:-11])
    yield fixture("end-record-only", "nothing but an end record", head + end_record(0, 0, base))


def entries(head: bytes) -> Iterator[Fixture]:
    base = len(head)
    files = [("f", b"")] * 65535
    yield fixture("65535-entries", "2^16-1 empty files", head + zip_archive(files, base), "big")
    local = local_file(NAME, TEXT)
    directory = central_entry(NAME, TEXT, base) * 5000
    yield fixture("one-local-header", "5,000 entries that share one local header",
                  head + local + directory + end_record(5000, len(directory), base + len(local)))
    bomb = bytearray(one_file(base))
    struct.pack_into("<HIII", bomb, 8, 8, 0, 1, 0)  # local header: deflated
    struct.pack_into("<II", bomb, 18, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", bomb, len(local) + 10, 8)
    struct.pack_into("<II", bomb, len(local) + 20, 0xFFFFFFFF, 0xFFFFFFFF)
    yield fixture("sizes-2e32-1", "deflated, with both sizes 2^32-1", head + bytes(bomb))
    long_name = bytearray(one_file(base))
    struct.pack_into("<HH", long_name, len(local) + 28, 0xFFFF, 0xFFFF)
    yield fixture("name-length", "name and extra lengths of 65,535 in a directory of 56 bytes",
                  head + bytes(long_name))


def fixtures(large: bool) -> Iterator[Fixture]:
    head = flatbuffer()
    for group in (directories, comments, entries):
        yield from group(head)
