"""Hostile fixtures 22 to 24: ONNX external data.

Each class is a folder with its models and what they point to. Every target that a careless
reader would reach does exist, so that following it succeeds and is noticed.
"""

from collections.abc import Iterator

from model_writers import onnx
from model_writers import protobuf as pb
from model_writers.fixture import (Content, Fifo, Fixture, Folder, HardLink, SymLink,
                                   ZeroDevice)
from model_writers.values import Rng, pack

DATA = Rng("external data").bytes(256)
SIZE = ("length", "64")
# Locations that the path rules do not forbid, though nobody writes them.
LENIENT = ("dotdot-harmless", "slash-at-end", "long", "long-name", "not-utf8", "missing", "url",
           "model-itself")


def external(entries: list[tuple[str, str | bytes]], name: str = "kernel") -> bytes:
    return onnx.external_tensor(name, "FLOAT", [4, 4], entries)


def model(initializers: list[bytes] = [], nodes: list[bytes] = [],
          sparse: list[bytes] = []) -> bytes:
    nodes = nodes + [onnx.node("Identity", ["kernel"], ["y"])]
    return onnx.model(onnx.graph("main", nodes, initializers, sparse=sparse,
                                 outputs=[onnx.value_info("y", "FLOAT", [4, 4])]))


def fixture(path: str, what: str, entries: list[tuple[str, str | bytes]],
            expect: str = "refuse") -> Fixture:
    return Fixture(path + ".onnx", "onnx", what, model([external(entries)]), expect)


def side(path: str, what: str, content: Content, flags: str = "side-file") -> Fixture:
    return Fixture(path, "any", what, content, "any", flags)


def targets() -> Iterator[Fixture]:
    yield side("22-outside.bin", "lies above the folder of the models", DATA)
    yield side("22-outside-folder/data.bin", "likewise, in a folder", DATA)
    for path, what, content in (
            ("data.bin", "the one good target", DATA),
            ("a/data.bin", "a good target one folder down", DATA),
            ("twice.bin", "has two names", DATA),
            ("hard-link.bin", "the second name", HardLink("twice.bin")),
            ("link.bin", "symbolic link to the good target", SymLink("data.bin")),
            ("link-out.bin", "symbolic link out of the folder", SymLink("../22-outside.bin")),
            ("link-absolute.bin", "absolute symbolic link", SymLink("/etc/passwd")),
            ("link-loop.bin", "symbolic link to itself", SymLink("link-loop.bin")),
            ("link-folder", "symbolic link to a good folder", SymLink("a")),
            ("link-folder-out", "symbolic link to a folder outside",
             SymLink("../22-outside-folder")),
            ("fifo", "named pipe: opening it for reading waits for ever", Fifo()),
            ("folder", "a directory", Folder()),
            ("device", "a device that never ends", ZeroDevice())):
        regular = isinstance(content, bytes)
        yield side(f"22-external/{path}", what, content,
                   "side-file" if regular else "side-file,not-regular")


def locations() -> Iterator[Fixture]:
    for name, location, what in (
            ("dotdot", "../22-outside.bin", "above the folder"),
            ("dotdot-inside", "a/../../22-outside.bin", "above the folder after a detour"),
            ("dotdot-harmless", "a/../data.bin", "`..` that stays inside"),
            ("dotdot-end", "a/..", "ends in `..`"),
            ("absolute", "/etc/passwd", "absolute"),
            ("absolute-slashes", "///etc/passwd", "absolute, three slashes"),
            ("empty", "", "empty"), ("dot", ".", "the folder itself"),
            ("slash-at-end", "data.bin/", "a file with a slash behind"),
            ("backslash", "a\\..\\..\\22-outside.bin", "with backslashes"),
            ("backslash-root", "\\data.bin", "begins with a backslash"),
            ("drive", "C:data.bin", "with a drive letter"),
            ("drive-root", "C:/data.bin", "with a drive letter and root"),
            ("long", "./" * 2044 + "/data.bin", "4,097 bytes long"),
            ("long-name", "x" * 300, "one name of 300 bytes"),
            ("nul", b"data.bin\0.txt", "with NUL behind a good name"),
            ("not-utf8", b"da\xffta.bin", "not UTF-8"),
            ("missing", "missing.bin", "a file that is not there"),
            ("url", "file:///etc/passwd", "a URL"),
            ("model-itself", "model-itself.onnx", "the model file itself"),
            ("hard-link", "hard-link.bin", "a file with two names"),
            ("link", "link.bin", "a symbolic link to a good file"),
            ("link-out", "link-out.bin", "a symbolic link out of the folder"),
            ("link-absolute", "link-absolute.bin", "an absolute symbolic link"),
            ("link-loop", "link-loop.bin", "a symbolic link to itself"),
            ("link-folder", "link-folder/data.bin", "through a linked folder"),
            ("link-folder-out", "link-folder-out/data.bin", "through a folder linked outside"),
            ("fifo", "fifo", "a named pipe"), ("folder", "folder", "a directory"),
            ("device", "device", "a device")):
        expect = "any" if name in LENIENT else "refuse"
        yield fixture(f"22-external/{name}", f"location {what}",
                      [("location", location), ("offset", "0"), SIZE], expect)
    yield fixture("22-external/control", "a good location, for comparison",
                  [("location", "data.bin"), ("offset", "0"), SIZE], "labels")
    yield fixture("22-external/control-folder", "a good location in a folder",
                  [("location", "a/data.bin"), ("offset", "0"), SIZE], "labels")
    yield fixture("22-external/twice", "location twice, good then bad",
                  [("location", "data.bin"), ("location", "../22-outside.bin"), SIZE], "any")
    yield fixture("22-external/none", "no location at all", [("offset", "0"), SIZE], "any")


def numbers() -> Iterator[Fixture]:
    yield side("23-numbers/data.bin", "256 bytes for the models beside it", DATA)
    bad = (("minus", "-1"), ("plus", "+5"), ("hex", "0x10"), ("exponent", "1e9"),
           ("space", " 7"), ("space-behind", "7 "), ("newline", "7\n"), ("30-digits", "9" * 30),
           ("empty", ""), ("nul", b"7\0"), ("point", "7.0"), ("underscore", "1_0"),
           ("arabic", "\u0667"), ("2e64", str(1 << 64)), ("2e64+16", str((1 << 64) + 16)))
    for key in ("offset", "length"):
        for name, text in bad:
            entries = [("location", "data.bin"), (key, text)]
            yield fixture(f"23-numbers/{key}-{name}", f"{key} that is no plain number: {name}",
                          entries, "any")
    for name, offset, length, what in (
            ("control", "64", "64", "good numbers, for comparison"),
            ("leading-zeros", "0064", "00064", "leading zeros"),
            ("length-0", "0", "0", "length 0"), ("length-257", "0", "257", "one byte too long"),
            ("offset-256", "256", "0", "empty at the end"),
            ("offset-257", "257", "0", "empty behind the end"),
            ("offset-2e40", str(1 << 40), "64", "far behind the end"),
            ("sum-wraps", str((1 << 64) - 32), "64", "offset + length wraps"),
            ("negative-as-i64", str(1 << 63), "64", "offset 2^63"),
            ("length-2e64-1", "16", str((1 << 64) - 1), "offset + length wraps to 15"),
            ("length-not-shape", "0", "60", "length is not dims x type")):
        entries = [("location", "data.bin"), ("offset", offset), ("length", length)]
        yield fixture(f"23-numbers/{name}", what, entries,
                      "labels" if name == "control" else "any")
    yield fixture("23-numbers/offset-twice", "offset twice, different",
                  [("location", "data.bin"), ("offset", "0"), ("offset", "64"), SIZE], "any")


def sparse() -> Iterator[Fixture]:
    """The paths to a tensor that validators forget."""
    yield side("24-outside.bin", "lies above the folder of the models", DATA)
    yield side("24-sparse/data.bin", "256 bytes for the models beside it", DATA)
    indices = onnx.raw_tensor("", "INT64", [4], pack("q", [0, 3, 5, 9]))
    for name, location, expect in (("good", "data.bin", "labels"),
                                   ("bad", "../24-outside.bin", "refuse")):
        far = external([("location", location), ("offset", "0"), ("length", "64")])
        values = onnx.sparse_tensor(far, indices, [4, 4])
        as_indices = onnx.sparse_tensor(
            onnx.raw_tensor("kernel", "FLOAT", [8], Rng("values").bytes(32)),
            onnx.external_tensor("", "INT64", [8], [("location", location), SIZE]), [4, 4])
        function = onnx.node("Constant", [], ["c"], [onnx.tensor_attribute("value", far)])
        for path, what, content in (
                ("initializer", "values of a sparse initializer", model(sparse=[values])),
                ("indices", "indices of a sparse initializer", model(sparse=[as_indices])),
                ("sparse-value", "a Constant's sparse_value", model(nodes=[onnx.node(
                    "Constant", [], ["kernel"],
                    [onnx.sparse_attribute("sparse_value", values)])])),
                ("value", "a Constant's value", model(nodes=[onnx.node(
                    "Constant", [], ["kernel"], [onnx.tensor_attribute("value", far)])])),
                ("subgraph", "an initializer of an If branch", model(nodes=[onnx.node(
                    "If", ["c"], ["kernel"], [onnx.graph_attribute("then_branch", onnx.graph(
                        "then", [], [far]))])])),
                ("function", "a Constant in a local function", onnx.model(
                    onnx.graph("main", []), functions=[
                        pb.data(1, "f") + pb.data(7, function) + pb.data(10, "local")]))):
            yield Fixture(f"24-sparse/{path}-{name}.onnx", "onnx",
                          f"{name} external location in {what}", content, expect)


def fixtures(large: bool) -> Iterator[Fixture]:
    for group in (targets, locations, numbers, sparse):
        yield from group()
