"""Hostile fixtures 20, 21 and 25: ONNX without side files. (22 to 24: hostile_external.py.)"""

from collections.abc import Iterator

from model_writers import onnx
from model_writers import protobuf as pb
from model_writers.fixture import Fixture
from model_writers.values import Rng, pack


def fixture(number: int, name: str, what: str, content: bytes, expect: str = "opaque",
            flags: str = "-") -> Fixture:
    return Fixture(f"{number:02}-onnx-{name}.onnx", "onnx", what, content, expect, flags)


def kernel(name: str = "kernel") -> bytes:
    return onnx.raw_tensor(name, "FLOAT", [4, 4], Rng(name).bytes(64))


def graph(initializers: list[bytes]) -> bytes:
    return onnx.graph("main", [onnx.node("Identity", ["kernel"], ["y"])], initializers,
                      outputs=[onnx.value_info("y", "FLOAT", [4, 4])])


def good() -> bytes:
    return onnx.model(graph([kernel()]))


def wire() -> Iterator[Fixture]:
    """Each appended to a good model, so that only this field is to blame."""
    long_varint = pb.tag(99, pb.VARINT) + b"\xff" * 10 + b"\1"
    for name, field, what, expect in (
            ("varint-11", long_varint, "varint of 11 bytes", "opaque"),
            ("varint-10-overflow", pb.tag(99, pb.VARINT) + b"\xff" * 9 + b"\x7f",
             "tenth varint byte holds more than bit 63", "any"),
            ("varint-10-minimal-0", pb.integer(99, 0, width=10), "0 in ten bytes", "labels"),
            ("varint-cut", pb.tag(99, pb.VARINT) + b"\xff", "varint cut by the end", "opaque"),
            ("length-2e32+4", pb.tag(99, pb.LENGTH) + pb.varint((1 << 32) + 4) + b"four",
             "length 2^32+4 followed by 4 bytes", "opaque"),
            ("length-2e63", pb.tag(99, pb.LENGTH) + pb.varint(1 << 63) + b"four",
             "length 2^63", "opaque"),
            ("length-2e64-1", pb.tag(99, pb.LENGTH) + pb.varint((1 << 64) - 1),
             "length 2^64-1", "opaque"),
            ("length-one-too-long", pb.tag(99, pb.LENGTH) + pb.varint(5) + b"four",
             "field ends one byte behind the file", "opaque"),
            ("length-8-bytes", pb.data(99, b"four", width=8), "length 4 in a varint of eight "
             "bytes, which libprotobuf refuses", "any"),
            ("tag-5-bytes", pb.tag(99, pb.LENGTH, 5) + b"\4four", "tag in five bytes", "any"),
            ("tag-6-bytes", pb.tag(99, pb.LENGTH, 6) + b"\4four", "tag in six bytes", "any"),
            ("field-0", b"\0\1", "field number 0", "opaque"),
            ("field-2e29", pb.integer(1 << 29, 1), "field number 2^29, one above the limit",
             "opaque"),
            ("wire-type-6", b"\x9e\6\1", "wire type 6", "opaque"),
            ("wire-type-7", b"\x9f\6\1", "wire type 7", "opaque"),
            ("fixed32-cut", pb.tag(99, pb.FIXED32) + b"abc", "fixed32 of 3 bytes", "opaque"),
            ("fixed64-cut", pb.tag(99, pb.FIXED64) + b"abcdefg", "fixed64 of 7 bytes",
             "opaque")):
        yield fixture(20, name, what, good() + field, expect)
    yield fixture(20, "graph-not-a-message", "field 7 holds text",
                  pb.integer(1, 8) + pb.data(7, b"\xff" * 40), "any")
    yield fixture(20, "graph-as-varint", "field 7 is a varint", pb.integer(1, 8)
                  + pb.integer(7, 40))
    yield fixture(20, "no-graph", "no field 7", pb.integer(1, 8) + pb.data(2, "mallorn"))


def nested_graphs(depth: int) -> bytes:
    """If in If in If: built from the inside out, as prefixes, so that 10^4 levels are quick."""
    prefixes, length = [], 0
    for _ in range(depth):
        # Each wraps what is there in `field` of a message that begins with `head`.
        for head, field in ((pb.data(1, "then_branch"), onnx.ATTRIBUTE_GRAPH),
                            (pb.data(4, "If"), onnx.NODE_ATTRIBUTE), (b"", onnx.GRAPH_NODE)):
            prefix = pb.tag(field, pb.LENGTH) + pb.varint(length)
            prefixes.append(head + prefix)
            length += len(head) + len(prefix)
    body = b"".join(reversed(prefixes))
    return pb.integer(1, 8) + pb.data(onnx.MODEL_GRAPH, body)


def nested_functions(depth: int) -> list[bytes]:
    """Functions that call the next one, and the last the first."""
    return [pb.data(1, f"f{i}") + pb.data(7, onnx.node(f"f{(i + 1) % depth}", [], []))
            + pb.data(10, "loop") for i in range(depth)]


def nesting() -> Iterator[Fixture]:
    for depth in (5, 10_000):
        yield fixture(21, f"graphs-{depth}-deep", f"{depth} nested graphs",
                      nested_graphs(depth), "any" if depth == 5 else "opaque")
    inner = graph([kernel()])
    copy = onnx.attribute("copy", 3, pb.data(4, inner))
    outer = onnx.graph("main", [onnx.node("Keep", ["kernel"], ["y"], [copy], "test")],
                       [kernel()])
    yield fixture(21, "graph-in-attribute", "a string attribute that holds the bytes of a graph "
                  "with the same initializer", onnx.model(outer), "labels")
    yield fixture(21, "model-in-raw-data", "raw_data that is itself a whole ONNX model",
                  onnx.model(graph([onnx.raw_tensor("kernel", "UINT8", [len(good())], good())])),
                  "labels")
    functions = onnx.model(graph([kernel()]), functions=nested_functions(100))
    yield fixture(21, "functions-in-a-ring", "100 functions that call each other in a ring",
                  functions, "labels")


def oddities() -> Iterator[Fixture]:
    """Legal on the wire, and refused or misread by hasty readers."""
    head = pb.integer(1, 8)
    twice = (head + pb.data(7, onnx.graph("a", [], [kernel("first")]))
             + pb.data(7, onnx.graph("b", [], [kernel("second")])))
    yield fixture(25, "two-graphs", "two graph fields, which protobuf merges", twice, "labels")
    many = head + pb.data(7, onnx.graph("a", [], [kernel()])) * 2000
    yield fixture(25, "2000-graphs", "two thousand graph fields with equal initializers", many,
                  "labels")
    tensor = kernel() + pb.data(onnx.RAW_DATA, Rng("again").bytes(48))
    yield fixture(25, "raw-data-twice", "raw_data twice, of different lengths",
                  onnx.model(graph([tensor])), "any")
    both = kernel() + pb.data(onnx.FLOAT_DATA, Rng("floats").bytes(64))
    yield fixture(25, "raw-and-float-data", "raw_data and float_data in one tensor",
                  onnx.model(graph([both])), "any")
    unpacked = b"".join(pb.fixed32(onnx.FLOAT_DATA, weight) for weight in Rng("u").weights(16))
    yield fixture(25, "float-data-unpacked", "float_data, not packed", onnx.model(graph([
        onnx.tensor_head("kernel", "FLOAT", [4, 4]) + unpacked])), "labels")
    mixed = (unpacked[:40] + pb.data(onnx.FLOAT_DATA, pack("f", Rng("p").weights(8))))
    yield fixture(25, "float-data-mixed", "float_data, packed and unpacked in turn", onnx.model(
        graph([onnx.tensor_head("kernel", "FLOAT", [4, 4]) + mixed])), "labels")
    for name, dims in (("negative", [-4, -4]), ("wrap", [1 << 62, 8]), ("empty", [0, 1 << 62])):
        yield fixture(25, f"dims-{name}", f"dimensions {dims} over 64 bytes", onnx.model(graph(
            [onnx.raw_tensor("kernel", "FLOAT", dims, Rng("kernel").bytes(64))])), "any")
    packed = pb.packed_varints(onnx.TENSOR_DIMS, [4, 4])
    yield fixture(25, "dims-packed", "dims packed, as proto3 would", onnx.model(graph([
        packed + pb.integer(2, 1) + pb.data(8, "kernel")
        + pb.data(onnx.RAW_DATA, Rng("kernel").bytes(64))])), "any")
    yield fixture(25, "data-type-99", "unknown data type 99", onnx.model(graph([
        pb.integer(1, 64) + pb.integer(2, 99) + pb.data(8, "kernel")
        + pb.data(onnx.RAW_DATA, Rng("kernel").bytes(64))])), "labels")
    yield fixture(25, "raw-data-as-varint", "raw_data is a varint", onnx.model(graph([
        onnx.tensor_head("kernel", "FLOAT", [4, 4]) + pb.integer(onnx.RAW_DATA, 64)])), "any")


def groups() -> Iterator[Fixture]:
    inside = pb.integer(1, 7) + pb.data(2, b"text")
    for name, field, what, expect in (
            ("good", pb.group(99, inside), "well-formed", "any"),
            ("open", pb.tag(99, pb.GROUP_START) + inside, "never ended", "opaque"),
            ("end-only", pb.tag(99, pb.GROUP_END), "ended but never begun", "opaque"),
            ("crossed", pb.tag(99, pb.GROUP_START) + inside + pb.tag(98, pb.GROUP_END),
             "ended by another number", "opaque"),
            ("10000-deep", pb.tag(99, pb.GROUP_START) * 10_000
             + pb.tag(99, pb.GROUP_END) * 10_000, "nested 10,000 deep", "opaque")):
        yield fixture(25, f"group-{name}", f"group behind the graph, {what}", good() + field,
                      expect)
    yield fixture(25, "group-in-tensor", "group inside a tensor: only that one is opaque",
                  onnx.model(graph([kernel() + pb.group(99, inside), kernel("second")])), "any")


def fixtures(large: bool) -> Iterator[Fixture]:
    for part in (wire, nesting, oddities, groups):
        yield from part()
