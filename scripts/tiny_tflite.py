"""The TFLite models of tests/vectors/models, and their old/new pairs."""

import struct

from model_writers import tflite as tf
from model_writers.archive import zip_archive
from model_writers.flatbuffer import FlatBufferWriter, Table
from model_writers.values import Made, Rng, Stored, bf16, nudge, pack, pack_bits, quantise

# type -> (struct code, lowest, highest) of what is stored as whole integers
INTEGERS = {"INT8": ("b", -127, 127), "UINT8": ("B", 0, 255), "INT16": ("h", -32767, 32767),
            "UINT16": ("H", 0, 65535), "INT32": ("i", -9000, 9000), "UINT32": ("I", 0, 9000),
            "INT64": ("q", -9000, 9000), "UINT64": ("Q", 0, 9000), "BOOL": ("B", 0, 1),
            "FLOAT8_E4M3FN": ("B", 0, 120), "FLOAT8_E5M2": ("B", 0, 120)}
FLOATS = {"FLOAT32": "f", "FLOAT64": "d", "FLOAT16": "e"}
PACKED = {"INT4": (4, -7, 7), "UINT4": (4, 0, 15), "INT2": (2, -2, 1)}
COMPLEX = {"COMPLEX64": "f", "COMPLEX128": "d"}


def payload(name: str, type: str, elements: int, moved: bool = False) -> bytes:
    if type in COMPLEX:
        elements *= 2
    values = Rng(name).weights(elements)
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


def strings(texts: list[str]) -> bytes:
    """STRING payload: count, count + 1 offsets from the payload start, characters."""
    raw = [text.encode() for text in texts]
    offset = 4 * (len(raw) + 2)
    head = struct.pack("<I", len(raw))
    for text in raw:
        head += struct.pack("<I", offset)
        offset += len(text)
    return head + struct.pack("<I", offset) + b"".join(raw)


class Parts:
    """Collects buffers, tensors and the list of what was stored."""

    def __init__(self) -> None:
        self.buffers = [tf.buffer()]  # entry 0 is the empty sentinel
        self.tensors: list[Table] = []
        self.made: list[Stored] = []

    def buffer(self, data: bytes) -> int:
        self.buffers.append(tf.buffer(data))
        return len(self.buffers) - 1

    def add(self, name: str, type: str, shape: list[int], data: bytes, buffer: int = 0,
            how: str = "raw", **more: Table) -> int:
        self.tensors.append(tf.tensor(name, type, shape, buffer or self.buffer(data), **more))
        self.made.append(Stored(name, type, tuple(shape), data, how))
        return len(self.tensors) - 1

    def weights(self, name: str, type: str, shape: list[int], seed: str = "",
                moved: bool = False, **more: Table) -> int:
        elements = 1
        for dim in shape:
            elements *= dim
        return self.add(name, type, shape, payload(seed or name, type, elements, moved), **more)

    def activation(self, name: str, type: str, shape: list[int]) -> int:
        self.tensors.append(tf.tensor(name, type, shape, signature=[-1] + shape[1:],
                                      quantization=tf.quantisation([0.0039], [-128])))
        return len(self.tensors) - 1

    def finish(self, model: Table, **options: bool) -> Made:
        return Made(FlatBufferWriter(model, **options).bytes(), self.made)


def one_graph(parts: Parts, description: str = "mallorn tiny", **more: list) -> Table:
    """All tensors feed one custom operator, which keeps the graph plausible and short."""
    graph = tf.subgraph(parts.tensors, [], [len(parts.tensors) - 1],
                        [tf.operator(0, list(range(len(parts.tensors) - 1)),
                                     [len(parts.tensors) - 1])], "main")
    return tf.model([tf.operator_code(tf.CUSTOM, "Consume")], [graph], parts.buffers,
                    description, **more)


def all_types(moved: bool = False) -> Made:
    """Every type that stores bytes."""
    parts = Parts()
    for type in (*INTEGERS, *FLOATS, "BFLOAT16", *PACKED, *COMPLEX):
        parts.weights(f"plain/{type.lower()}", type, [3, 17], moved=moved)
    words = ["yes", "no", "", "ünknown"] + (["maybe"] if moved else [])
    parts.add("labels", "STRING", [len(words)], strings(words))
    parts.add("scalar", "FLOAT32", [], pack("f", [0.1234567]))
    return parts.finish(one_graph(parts))


def convolution(renames: dict[str, str] = {}, moved: bool = False, backwards: bool = False,
                rows: int = 10, description: str = "mallorn tiny",
                share_vtables: bool = True) -> Made:
    """A small int8 network: per-channel convolution, fully connected layer, int32 biases.
    It is also the base of the pairs, each of which changes one thing."""
    parts = Parts()
    specifications = [
        ("conv/kernel", "INT8", [8, 3, 3, 4],
         tf.quantisation([0.01 + 0.001 * i for i in range(8)], [0] * 8)),
        ("conv/bias", "INT32", [8], tf.quantisation([0.0001] * 8, [0] * 8)),
        ("dense/kernel", "INT8", [rows, 32], tf.quantisation([0.02], [0])),
        ("dense/bias", "INT32", [rows], tf.quantisation([0.0002], [0]))]
    stored = {}
    if backwards:  # tensors and buffers are numbered in this order
        specifications.reverse()
    for name, type, shape, quantization in specifications:
        stored[name] = parts.weights(renames.get(name, name), type, shape, seed=name,
                                     moved=moved, quantization=quantization)
    image = parts.activation("input", "INT8", [1, 2, 2, 4])
    hidden = parts.activation("hidden", "INT8", [1, 2, 2, 8])
    scores = parts.activation("scores", "INT8", [1, rows])
    operators = [
        tf.operator(0, [image, stored["conv/kernel"], stored["conv/bias"]], [hidden], 1,
                    Table({1: tf.i32(1), 2: tf.i32(1)})),
        tf.operator(1, [hidden, stored["dense/kernel"], stored["dense/bias"]], [scores], 8,
                    Table({}))]
    version = parts.buffer(b"1.14.0".ljust(16, b"\0"))
    model = tf.model(
        [tf.operator_code(tf.CONV_2D), tf.operator_code(tf.FULLY_CONNECTED)],
        [tf.subgraph(parts.tensors, [image], [scores], operators, "main")], parts.buffers,
        description, [tf.metadata("min_runtime_version", version)],
        [tf.signature("serving_default", {"image": image}, {"scores": scores})])
    return parts.finish(model, share_vtables=share_vtables)


def quantised() -> Made:
    """Per tensor, per channel on the last axis, block-wise with scales in another tensor."""
    parts = Parts()
    parts.weights("per_tensor/uint8", "UINT8", [4, 20], quantization=tf.quantisation([.5], [128]))
    parts.weights("per_tensor/int16", "INT16", [4, 10], quantization=tf.quantisation([.25], [0]))
    parts.weights("per_channel/int8", "INT8", [4, 5, 6], quantization=tf.quantisation(
        [0.01 * (i + 1) for i in range(6)], [0] * 6, axis=2))
    parts.weights("per_channel/int4", "INT4", [5, 7], quantization=tf.quantisation(
        [0.1 * (i + 1) for i in range(5)], [0]))  # one zero point for all: allowed
    scales = parts.weights("blockwise/scales", "FLOAT16", [2, 3])
    parts.weights("blockwise/int4", "INT4", [2, 96], quantization=tf.blockwise(scales, -1, 32))
    return parts.finish(one_graph(parts))


def shared() -> Made:
    """Two subgraphs and several tensors on one buffer; an orphan; a metadata buffer."""
    parts = Parts()
    first = parts.weights("encoder/kernel", "FLOAT32", [6, 7])
    data, index = parts.made[first].payload, len(parts.buffers) - 1
    parts.add("decoder/kernel", "FLOAT32", [6, 7], data, buffer=index)
    parts.add("tied/flat", "FLOAT32", [42], data, buffer=index)
    parts.buffer(b"an orphan that no tensor and no metadata names")
    note = parts.buffer(b"conversion metadata, not a tensor")
    other = tf.subgraph([tf.tensor("again", "FLOAT32", [42], index)], [], [0], [], "other")
    parts.made.append(Stored("again", "FLOAT32", (42,), data))
    model = one_graph(parts, metadata_entries=[tf.metadata("CONVERSION_METADATA", note)],
                      metadata_buffer=[note])
    model.fields[tf.MODEL_SUBGRAPHS].items.append(other)
    return parts.finish(model)


def zip_tail(labels: str = "cat\ndog\n", dos_time: int = 0x5A21_0000) -> Made:
    """Associated files in a ZIP behind the FlatBuffer; directory offsets count from byte 0."""
    parts = Parts()
    parts.weights("dense/kernel", "INT8", [6, 16], quantization=tf.quantisation([0.1], [0]))
    nested = FlatBufferWriter(Table({0: None}), b"M001").bytes()
    entry = tf.metadata("TFLITE_METADATA", parts.buffer(nested))
    made = parts.finish(one_graph(parts, metadata_entries=[entry]))
    tail = zip_archive([("labels.txt", labels.encode()), ("vocab.txt", b"a\nb\nc\n")],
                       len(made.file), dos_time=dos_time)
    return made._replace(file=made.file + tail)


def sparse() -> Made:
    """4 x 16 elements of which 9 are stored, row by row."""
    parts = Parts()
    data = payload("sparse/kernel", "FLOAT32", 9)
    parts.add("sparse/kernel", "FLOAT32", [4, 16], data, how="sparse", sparsity=tf.csr_sparsity(
        4, [0, 2, 5, 5, 9], [1, 14, 0, 3, 9, 2, 7, 8, 15]))
    parts.weights("dense/bias", "FLOAT32", [4])
    return parts.finish(one_graph(parts))


def outside() -> Made:
    """As models above 2 GiB are: the FlatBuffer holds offsets, the bytes stand behind it."""
    names = [("big/kernel", "FLOAT32", [5, 9]), ("big/bias", "FLOAT32", [5])]
    blocks = [payload(name, type, 45 if len(shape) > 1 else 5) for name, type, shape in names]
    options = Rng("options").bytes(40)

    def build(offsets: list[int]) -> Made:
        parts = Parts()
        for (name, type, shape), block, at in zip(names, blocks, offsets):
            parts.buffers.append(tf.buffer(offset=at, size=len(block)))
            parts.add(name, type, shape, block, buffer=len(parts.buffers) - 1, how="outside")
        location = parts.buffer(b"\0" * 16)
        model = one_graph(parts, metadata_entries=[tf.metadata("buffer_location", location)])
        operator = model.fields[tf.MODEL_SUBGRAPHS].items[0].fields[3].items[0]
        operator.fields[9], operator.fields[10] = tf.u64(offsets[2]), tf.u64(len(options))
        return parts.finish(model)

    made = build([16, 16, 16])  # only the size of the FlatBuffer is wanted yet
    file, offsets = made.file, []
    for block in (*blocks, options):
        file += bytes(-len(file) % 16)
        offsets.append(len(file))
        file += block
    final = build(offsets)
    return final._replace(file=final.file + file[len(final.file):])


def external() -> Made:
    """Schema 3d: constants in another file, named by an external buffer group."""
    parts = Parts()
    data = [payload("far/kernel", "INT8", 60), payload("far/bias", "INT32", 6)]
    for number, (name, type, shape) in enumerate((("far/kernel", "INT8", [6, 10]),
                                                  ("far/bias", "INT32", [6]))):
        parts.tensors.append(tf.tensor(name, type, shape, external_buffer=number + 1))
        parts.made.append(Stored(name, type, tuple(shape), data[number], "external",
                                 "external.tflite.weights"))
    side = data[0] + bytes(4) + data[1]
    made = parts.finish(one_graph(parts, groups=["external.tflite.weights"], external_buffers=[
        tf.external_buffer(1, 0, 0, 60, "unpacked"),
        tf.external_buffer(2, 0, 64, len(data[1]), "unpacked")]))
    return made._replace(side_files={"external.tflite.weights": side})


def subgraphs() -> Made:
    """IF with two branches, CALL_ONCE, and a custom operator with options."""
    parts = Parts()
    condition = parts.add("condition", "BOOL", [1], b"\1")
    parts.made.pop()  # one byte cannot be found by its content
    image = parts.activation("input", "FLOAT32", [1, 4])
    result = parts.activation("result", "FLOAT32", [1, 4])
    main = tf.subgraph(parts.tensors, [image], [result], [
        tf.operator(1, [], [], 103, Table({0: tf.i32(3)})),
        tf.operator(0, [condition, image], [result], 92, Table({0: tf.i32(1), 1: tf.i32(2)})),
        tf.operator(2, [image], [result], custom_options=Rng("flexbuffer").bytes(77))], "main")
    branches = []
    for name in ("then", "else", "init"):
        parts.tensors = []
        parts.activation("x", "FLOAT32", [1, 4])
        weight = parts.weights("kernel", "FLOAT32", [4, 4], seed=name)
        parts.activation("y", "FLOAT32", [1, 4])
        branches.append(tf.subgraph(parts.tensors, [0], [2],
                                    [tf.operator(3, [0, weight], [2], 8, Table({}))], name))
    codes = [tf.operator_code(tf.IF), tf.operator_code(tf.CALL_ONCE),
             tf.operator_code(tf.CUSTOM, "MyOp"), tf.operator_code(tf.FULLY_CONNECTED)]
    return parts.finish(tf.model(codes, [main, *branches], parts.buffers))


def models() -> dict[str, Made]:
    made = {
        "quantised.tflite": quantised(), "shared.tflite": shared(), "sparse.tflite": sparse(),
        "outside.tflite": outside(), "external.tflite": external(),
        "subgraphs.tflite": subgraphs(),
        "all-types.old.tflite": all_types(), "all-types.new.tflite": all_types(moved=True),
        "zip-tail.old.tflite": zip_tail(),
        "zip-tail.new.tflite": zip_tail("cat\ndog\nbird\n", 0x5A22_6000),
    }
    layers = ("conv/kernel", "conv/bias", "dense/kernel", "dense/bias")
    for name, new in (
            ("perturbed", convolution(moved=True)),
            ("described", convolution(description="mallorn tiny, second edition")),
            ("reordered", convolution(backwards=True)),
            ("renamed", convolution({layer: "model/" + layer for layer in layers})),
            ("grown", convolution(rows=12)),
            ("reconverted", convolution(share_vtables=False))):
        made[f"{name}.old.tflite"], made[f"{name}.new.tflite"] = convolution(), new
    return made
