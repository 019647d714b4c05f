"""The ONNX models of tests/vectors/models, and their old/new pairs."""

import hashlib

from model_writers import onnx
from model_writers import protobuf as pb
from model_writers.values import Made, Rng, Stored, bf16, nudge, pack, pack_bits, quantise

DOMAIN = "mallorn.test"
FLOATS = {"FLOAT": "f", "DOUBLE": "d", "FLOAT16": "e"}
INTEGERS = {"INT8": ("b", -127, 127), "UINT8": ("B", 0, 255), "INT16": ("h", -32767, 32767),
            "UINT16": ("H", 0, 65535), "INT32": ("i", -9000, 9000), "UINT32": ("I", 0, 9000),
            "INT64": ("q", -9000, 9000), "UINT64": ("Q", 0, 9000), "BOOL": ("B", 0, 1),
            "FLOAT8E4M3FN": ("B", 0, 120), "FLOAT8E4M3FNUZ": ("B", 0, 120),
            "FLOAT8E5M2": ("B", 0, 120), "FLOAT8E5M2FNUZ": ("B", 0, 120),
            "FLOAT8E8M0": ("B", 100, 140)}
PACKED = {"INT4": (4, -7, 7), "UINT4": (4, 0, 15), "FLOAT4E2M1": (4, 0, 15),
          "INT2": (2, -2, 1), "UINT2": (2, 0, 3)}
COMPLEX = {"COMPLEX64": "f", "COMPLEX128": "d"}


def elements_of(dims: list[int]) -> int:
    product = 1
    for dim in dims:
        product *= dim
    return product


def payload(name: str, type: str, dims: list[int], moved: bool = False) -> bytes:
    values = Rng(name).weights(elements_of(dims) * (2 if type in COMPLEX else 1))
    if moved:
        values = nudge(values, name + " moved")
    if type == "BFLOAT16":
        return bf16(values)
    if type in PACKED:
        bits, low, high = PACKED[type]
        return pack_bits(quantise(values, low, high), bits)
    if type in INTEGERS:
        code, low, high = INTEGERS[type]
        return pack(code, quantise(values, low, high))
    return pack(FLOATS.get(type) or COMPLEX[type], values)


class Parts:
    """Collects what was stored while a model is being put together."""

    def __init__(self) -> None:
        self.made: list[Stored] = []

    def raw(self, name: str, type: str, dims: list[int], seed: str = "", moved: bool = False,
            doc: str = "") -> bytes:
        data = payload(seed or name, type, dims, moved)
        self.made.append(Stored(name, type, tuple(dims), data))
        return onnx.raw_tensor(name, type, dims, data, doc)

    def typed(self, name: str, type: str, dims: list[int], how: str, stored: bytes,
              fields: bytes) -> bytes:
        """`stored` is what is expected as a range: the content of the packed field."""
        self.made.append(Stored(name, type, tuple(dims), stored, how))
        return onnx.tensor_head(name, type, dims) + fields


def consume(names: list[str], output: str = "y") -> bytes:
    """One operator of a domain without schema, so that every initializer has a reader."""
    return onnx.node("Consume", names, [output], domain=DOMAIN, name="consume_" + output)


def one_graph(parts: Parts, initializers: list[bytes], **more: object) -> Made:
    names = [stored.name for stored in parts.made]
    graph = onnx.graph("main", [consume(names)], initializers,
                       outputs=[onnx.value_info("y", "FLOAT", [1])])
    return Made(onnx.model(graph, domains=[DOMAIN], **more), parts.made)


def all_types(moved: bool = False) -> Made:
    """raw_data of every type that ONNX 1.12 knows."""
    parts = Parts()
    types = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "INT8", "UINT8", "INT16", "UINT16",
             "INT32", "UINT32", "INT64", "UINT64", "BOOL", "COMPLEX64", "COMPLEX128")
    return one_graph(parts, [parts.raw(f"plain.{type.lower()}", type, [3, 17], moved=moved)
                             for type in types])


def low_bits() -> Made:
    """Types newer than ONNX 1.12, as raw_data, and INT4 once more as int32_data."""
    parts = Parts()
    types = [type for type in (*INTEGERS, *PACKED) if type.startswith("FLOAT8") or type in PACKED]
    tensors = [parts.raw(f"low.{type.lower()}", type, [3, 29]) for type in types]
    content = b"".join(pb.varint(byte) for byte in payload("typed", "INT4", [40]))
    tensors.append(parts.typed("low.int4_typed", "INT4", [40], "packed-varint", content,
                               pb.data(onnx.INT32_DATA, content)))
    return one_graph(parts, tensors, ir_version=13, opset_version=25)


def typed_fields() -> Made:
    """Every typed field: packed, unpacked, and strings."""
    parts = Parts()
    floats, doubles = payload("f", "FLOAT", [21]), payload("d", "DOUBLE", [11])
    weights = Rng("unpacked").weights(9)
    unpacked = b"".join(pb.fixed32(onnx.FLOAT_DATA, weight) for weight in weights)

    def varints(type: str, count: int) -> bytes:
        _, low, high = INTEGERS[type]
        values = quantise(Rng(type).weights(count), low, high)
        return b"".join(pb.varint(value) for value in values)

    tensors = [
        parts.typed("float", "FLOAT", [3, 7], "packed-fixed", floats,
                    pb.data(onnx.FLOAT_DATA, floats)),
        parts.typed("double", "DOUBLE", [11], "packed-fixed", doubles,
                    pb.data(onnx.DOUBLE_DATA, doubles)),
        parts.typed("float_unpacked", "FLOAT", [9], "unpacked", unpacked, unpacked)]
    for type, field in (("INT8", onnx.INT32_DATA), ("UINT8", onnx.INT32_DATA),
                        ("INT32", onnx.INT32_DATA), ("INT64", onnx.INT64_DATA),
                        ("UINT32", onnx.UINT64_DATA), ("UINT64", onnx.UINT64_DATA)):
        content = varints(type, 19)
        tensors.append(parts.typed(type.lower(), type, [19], "packed-varint", content,
                                   pb.data(field, content)))
    halves = Rng("half").bytes(26)
    content = b"".join(pb.varint(halves[i] + 256 * (halves[i + 1] & 0x3B))
                       for i in range(0, 26, 2))
    tensors.append(parts.typed("float16", "FLOAT16", [13], "packed-varint", content,
                               pb.data(onnx.INT32_DATA, content)))
    words = b"".join(pb.data(onnx.STRING_DATA, word) for word in ("yes", "no", "", "ünknown"))
    tensors.append(parts.typed("string", "STRING", [4], "unpacked", words, words))
    numbers = b"".join(pb.integer(onnx.INT64_DATA, value) for value in (1, -2, 300, -40000))
    tensors.append(parts.typed("int64_unpacked", "INT64", [4], "unpacked", numbers, numbers))
    return one_graph(parts, tensors)


def subgraphs() -> Made:
    """If with initializers in both branches, one of which holds a further If."""
    parts = Parts()

    def branch(name: str, inner: list[bytes]) -> bytes:
        tensors = [parts.raw("w", "FLOAT", [4, 3], seed=name)]  # one name in every branch
        output = f"{name}_out"
        return onnx.graph(name, [consume(["w"], output)] + inner, tensors,
                          outputs=[onnx.value_info(output, "FLOAT", [1])])

    def choice(first: bytes, second: bytes, output: str) -> bytes:
        return onnx.node("If", ["condition"], [output], [
            onnx.graph_attribute("then_branch", first),
            onnx.graph_attribute("else_branch", second)])

    inner = choice(branch("inner_then", []), branch("inner_else", []), "inner")
    outer = choice(branch("then", [inner]), branch("else", []), "y")
    graph = onnx.graph("main", [outer], [parts.raw("unused", "FLOAT", [10])],
                       [onnx.value_info("condition", "BOOL", [])],
                       [onnx.value_info("y", "FLOAT", [1])])
    return Made(onnx.model(graph, domains=[DOMAIN]), parts.made)


def constants() -> Made:
    """Tensors in attributes: t, tensors, sparse_tensor, sparse_tensors; and a large blob."""
    parts = Parts()

    def sparse(name: str, first: int) -> bytes:
        values = parts.raw(name, "FLOAT", [5])
        indices = pack("q", [first, 4, 7, 20, 33])
        parts.made.append(Stored(name + "_indices", "INT64", (5,), indices))
        return onnx.sparse_tensor(
            values, onnx.raw_tensor(name + "_indices", "INT64", [5], indices), [6, 6])

    several = [parts.raw(f"several_{i}", "FLOAT16", [7]) for i in range(3)]
    nodes = [
        onnx.node("Constant", [], ["a"], [
            onnx.tensor_attribute("value", parts.raw("a_value", "FLOAT", [5, 5]))]),
        onnx.node("Constant", [], ["b"], [onnx.sparse_attribute("sparse_value", sparse("b", 0))]),
        onnx.node("Consume", ["a", "b"], ["y"], [
            onnx.attribute("many", 9, b"".join(pb.data(10, tensor) for tensor in several)),
            onnx.attribute("sparse_many", 12, pb.data(23, sparse("c", 1))
                           + pb.data(23, sparse("d", 2))),
            onnx.attribute("engine", 3, pb.data(4, Rng("engine").bytes(300))),
            onnx.attribute("axes", 7, pb.packed_varints(8, [0, 1, -1])),
            onnx.attribute("alpha", 1, pb.fixed32(2, 0.5))], DOMAIN)]
    graph = onnx.graph("main", nodes, outputs=[onnx.value_info("y", "FLOAT", [1])])
    return Made(onnx.model(graph, domains=[DOMAIN]), parts.made)


def sparse_initializers() -> Made:
    parts = Parts()
    values = parts.raw("kernel", "FLOAT", [6])
    indices = pack("q", [0, 5, 9, 14, 22, 31])
    parts.made.append(Stored("", "INT64", (6,), indices))
    sparse = onnx.sparse_tensor(values, onnx.raw_tensor("", "INT64", [6], indices), [4, 8])
    graph = onnx.graph("main", [consume(["kernel", "bias"])],
                       [parts.raw("bias", "FLOAT", [8])], sparse=[sparse],
                       outputs=[onnx.value_info("y", "FLOAT", [1])])
    return Made(onnx.model(graph, domains=[DOMAIN]), parts.made)


def functions() -> Made:
    """A local function that holds a constant, called twice."""
    parts = Parts()
    body = onnx.node("Constant", [], ["scale"], [
        onnx.tensor_attribute("value", parts.raw("function_scale", "FLOAT", [12]))])
    function = (pb.data(1, "Rescale") + pb.data(4, "x") + pb.data(5, "z") + pb.data(7, body)
                + pb.data(7, onnx.node("Mul", ["x", "scale"], ["z"])) + pb.data(8, "scales x")
                + pb.data(9, onnx.opset("", 17)) + pb.data(10, DOMAIN))
    nodes = [onnx.node("Rescale", ["w"], ["v"], domain=DOMAIN),
             onnx.node("Rescale", ["v"], ["y"], domain=DOMAIN)]
    graph = onnx.graph("main", nodes, [parts.raw("w", "FLOAT", [12])],
                       outputs=[onnx.value_info("y", "FLOAT", [12])])
    return Made(onnx.model(graph, domains=[DOMAIN], functions=[function]), parts.made)


def training() -> Made:
    """Initializers in the two graphs of training_info."""
    parts = Parts()
    initialization, algorithm = (
        onnx.graph(name, [consume([name + "_w"], name + "_out")],
                   [parts.raw(name + "_w", "FLOAT", [8])],
                   outputs=[onnx.value_info(name + "_out", "FLOAT", [1])])
        for name in ("initialization", "algorithm"))
    graph = onnx.graph("main", [consume(["w"])], [parts.raw("w", "FLOAT", [14])],
                       outputs=[onnx.value_info("y", "FLOAT", [1])])
    info = pb.data(1, initialization) + pb.data(2, algorithm)
    return Made(onnx.model(graph, domains=[DOMAIN], training=[info]), parts.made)


def packed() -> Made:
    """Weights of four bits, two in a byte, as ONNX Runtime has them: rows of two blocks, with zero
    points and without; a table; and weights whose node says another length."""
    parts = Parts()
    tensors = [parts.raw("first", "UINT8", [6, 2, 8]), parts.raw("first_scales", "FLOAT", [6, 2]),
               parts.raw("second", "UINT8", [16, 2, 16]), parts.raw("second_scales", "FLOAT", [16, 2]),
               parts.raw("second_zeros", "UINT8", [16, 1]), parts.raw("table", "UINT8", [5, 32]),
               parts.raw("table_scales", "FLOAT", [5, 2]), parts.raw("odd", "UINT8", [4, 2, 8])]

    def attributes(**numbers: int) -> list[bytes]:
        return [onnx.attribute(name, 2, pb.integer(3, number)) for name, number in numbers.items()]

    domain = "com.microsoft"
    nodes = [
        onnx.node("MatMulNBits", ["x", "first", "first_scales"], ["a"],
                  attributes(K=20, N=6, bits=4, block_size=16), domain),
        onnx.node("MatMulNBits", ["x", "second", "second_scales", "second_zeros"], ["b"],
                  attributes(K=64, N=16, bits=4, block_size=32), domain),
        onnx.node("MatMulNBits", ["x", "odd", "first_scales"], ["c"],
                  attributes(K=32, N=5, bits=4, block_size=16), domain),
        onnx.node("GatherBlockQuantized", ["table", "i", "table_scales"], ["d"],
                  attributes(block_size=32), domain)]
    graph = onnx.graph("main", nodes, tensors,
                       [onnx.value_info("x", "FLOAT", [1, 20]), onnx.value_info("i", "INT64", [1])],
                       [onnx.value_info("d", "FLOAT", [1])])
    return Made(onnx.model(graph, domains=[domain]), parts.made)


def external(moved: bool = False) -> Made:
    """Two tensors and a gap in one side file, one without length that runs to its end, and
    one in a file of its own with a checksum."""
    names = ("first", "second", "rest", "alone")
    dims = [[6, 5], [16], [9], [3, 8]]
    data = [payload(f"external {name}", "FLOAT", dim, moved) for name, dim in zip(names, dims)]
    label = "external.new.onnx" if moved else "external.old.onnx"
    shared, own = label + ".data", label + ".alone.bin"
    body = data[0].ljust(256, b"\0") + data[1].ljust(256, b"\0") + data[2]
    entries = [
        [("location", shared), ("offset", "0"), ("length", str(len(data[0])))],
        [("location", shared), ("offset", "256"), ("length", str(len(data[1]))),
         ("basepath", "/somewhere/else"), ("unknown", "left behind by an exporter")],
        [("location", shared), ("offset", "512")],
        [("location", own), ("checksum", hashlib.sha1(data[3]).hexdigest())]]
    tensors = [onnx.external_tensor(name, "FLOAT", dim, pairs)
               for name, dim, pairs in zip(names, dims, entries)]
    made = [Stored(name, "FLOAT", tuple(dim), content, "external", file)
            for name, dim, content, file in zip(names, dims, data, [shared] * 3 + [own])]
    parts = Parts()
    parts.made = made
    return one_graph(parts, tensors)._replace(side_files={shared: body, own: data[3]})


def odd_wire() -> Made:
    """Legal protobuf that no exporter writes: two graph fields (they merge), fields out of
    order, lengths longer than needed, unknown fields, a singular field twice."""
    parts = Parts()
    tensors = [parts.raw(name, "FLOAT", [11]) for name in ("first", "second")]
    one = (pb.data(onnx.GRAPH_INITIALIZER, tensors[0], width=5) + pb.data(onnx.GRAPH_NAME, "old"))
    two = (pb.data(12, onnx.value_info("y", "FLOAT", [1])) + pb.data(onnx.GRAPH_NAME, "main")
           + pb.data(onnx.GRAPH_INITIALIZER, tensors[1])
           + pb.data(onnx.GRAPH_NODE, consume(["first", "second"])))
    file = (pb.data(8, onnx.opset("", 17)) + pb.data(onnx.MODEL_GRAPH, one)
            + pb.data(1000, b"an unknown field") + pb.integer(1, 8, width=10)
            + pb.data(onnx.MODEL_GRAPH, two, width=5) + pb.fixed64(1001, 0.5)
            + pb.fixed32(1002, 0.5) + pb.integer(1003, -1) + pb.data(8, onnx.opset(DOMAIN, 1)))
    return Made(file, parts.made)


LAYERS = (("conv.weight", "FLOAT", [8, 3, 3, 3]), ("conv.bias", "FLOAT", [8]),
          ("dense.weight", "INT8", [10, 32]), ("dense.scale", "FLOAT", [10]),
          ("head.weight", "FLOAT16", [6, 20]))


def layers(order: tuple[int, ...] = (0, 1, 2, 3, 4), rename: bool = False, extra_rows: int = 0,
           doc: str = "", version: str = "1", moved: bool = False) -> Made:
    """The base of the pairs, with one thing changed."""
    parts, tensors = Parts(), []
    for index in order:
        name, type, dims = LAYERS[index]
        dims = [dims[0] + (extra_rows if index == 2 else 0), *dims[1:]]
        label = f"onnx::MatMul_{1234 + index}" if rename else name
        tensors.append(parts.raw(label, type, dims, seed=name, moved=moved, doc=doc))
    return one_graph(parts, tensors, doc=doc, version=version,
                     properties={"author": "mallorn", "note": doc or "first"})


def models() -> dict[str, Made]:
    made = {
        "typed-fields.onnx": typed_fields(), "low-bits.onnx": low_bits(),
        "subgraphs.onnx": subgraphs(), "constants.onnx": constants(),
        "sparse.onnx": sparse_initializers(), "functions.onnx": functions(),
        "training.onnx": training(), "odd-wire.onnx": odd_wire(), "packed.onnx": packed(),
        "all-types.old.onnx": all_types(), "all-types.new.onnx": all_types(moved=True),
        "external.old.onnx": external(), "external.new.onnx": external(moved=True),
    }
    for name, new in (("perturbed", layers(moved=True)),
                      ("described", layers(doc="a second edition", version="2.0")),
                      ("reordered", layers(order=(3, 0, 4, 1, 2))),
                      ("renamed", layers(rename=True)), ("grown", layers(extra_rows=3))):
        made[f"{name}.old.onnx"], made[f"{name}.new.onnx"] = layers(), new
    return made
