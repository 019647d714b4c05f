#!/usr/bin/env python3
"""Compares mallorn-parse with two readers of ONNX that share no code with it.

Usage: oracle_onnx.py MALLORN-PARSE MODEL.onnx...

python3-onnx tells every tensor's name, dtype, shape, bytes and quantization; protoc --decode_raw tells
the names and sizes of initializers from the wire alone. Offsets are checked by the bytes found there,
and by the protobuf key and length that must stand in front of them. Exit 77 (skipped) without the
onnx module.
"""
import collections
import json
import re
import shutil
import subprocess
import sys

try:
    import numpy
    import onnx
    from onnx import numpy_helper
except ImportError:
    print("skipped: no python module onnx")
    sys.exit(77)

MIN_LABEL_BYTES = 16
BITS = {
    1: ("f32", 32), 2: ("u8", 8), 3: ("i8", 8), 4: ("u16", 16), 5: ("i16", 16), 6: ("i32", 32),
    7: ("i64", 64), 9: ("bool", 8), 10: ("f16", 16), 11: ("f64", 64), 12: ("u32", 32),
    13: ("u64", 64), 14: ("c64", 64), 15: ("c128", 128), 16: ("bf16", 16), 17: ("f8_e4m3fn", 8),
    18: ("f8_e4m3fnuz", 8), 19: ("f8_e5m2", 8), 20: ("f8_e5m2fnuz", 8), 21: ("u4", 4),
    22: ("i4", 4), 23: ("f4_e2m1", 4), 24: ("f8_e8m0", 8), 25: ("u2", 2), 26: ("i2", 2),
}
TYPED_FIELDS = ("float_data", "double_data", "int32_data", "int64_data", "uint64_data",
                "string_data")

# `forms` are the ways in which the elements may be stored: (dtype, bytes in the file).
Expected = collections.namedtuple("Expected", "name role shape forms")


def varint(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def forms_of(tensor):
    """A typed field is stored packed, or as one key and element after the other (opaque)."""
    if tensor.HasField("raw_data"):
        dtype, bits = BITS.get(tensor.data_type, ("opaque", 8))
        is_whole = bits < 8 or len(tensor.raw_data) % (bits // 8) == 0
        return [(dtype if is_whole else "opaque", tensor.raw_data)]
    if tensor.float_data:
        elements = [numpy.float32(value).tobytes() for value in tensor.float_data]
        dtype, key = "c64" if tensor.data_type == 14 else "f32", b"\x25"
    elif tensor.double_data:
        elements = [numpy.float64(value).tobytes() for value in tensor.double_data]
        dtype, key = "c128" if tensor.data_type == 15 else "f64", b"\x51"
    elif tensor.string_data:
        runs = b"".join(b"\x32" + varint(len(text)) + text for text in tensor.string_data)
        return [("opaque", runs if len(tensor.string_data) > 1 else tensor.string_data[0])]
    else:
        for field, key in (("int32_data", b"\x28"), ("int64_data", b"\x38"),
                           ("uint64_data", b"\x58")):
            elements, dtype = [varint(value) for value in getattr(tensor, field)], "opaque"
            if elements:
                break
        else:
            return []
    return [(dtype, b"".join(elements)), ("opaque", b"".join(key + e for e in elements))]


def shape_of(tensor):
    """The dims, where they agree with the one data field that there is."""
    used = [f for f in TYPED_FIELDS if getattr(tensor, f)]
    if len(used) + tensor.HasField("raw_data") != 1 or min(tensor.dims, default=0) < 0:
        return []
    elements = 1
    for dim in tensor.dims:
        elements *= dim
    dtype, data = forms_of(tensor)[0]
    bits = {name: bits for name, bits in BITS.values()}.get(dtype)
    return list(tensor.dims) if bits and (elements * bits + 7) // 8 == len(data) else []


class Model:
    """Every tensor of a model, found by the schema instead of the wire."""

    def __init__(self, path):
        self.expected = []
        self.quantized = {}
        model = onnx.load(path, load_external_data=False)
        self.graph(model.graph)
        for function in getattr(model, "functions", []):
            self.nodes(function.node, {})
        for training in getattr(model, "training_info", []):
            self.graph(training.initialization)
            self.graph(training.algorithm)
        self.initializers = [t for t in model.graph.initializer]

    def tensor(self, tensor, role="", name=None):
        forms = forms_of(tensor)
        if any(len(data) >= MIN_LABEL_BYTES for _, data in forms):
            self.expected.append(Expected(name or tensor.name, role, shape_of(tensor), forms))

    def sparse(self, sparse, name=None):
        name = name or sparse.values.name
        self.tensor(sparse.values, "values", name)
        self.tensor(sparse.indices, "indices", name)

    def graph(self, graph):
        known = {}
        for tensor in graph.initializer:
            known.setdefault(tensor.name, tensor)
            self.tensor(tensor)
        for sparse in graph.sparse_initializer:
            self.sparse(sparse)
        self.nodes(graph.node, known)

    def nodes(self, nodes, known):
        for node in nodes:
            constant = node.op_type == "Constant" and len(node.output) > 0
            name = node.output[0] if constant else None
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    self.tensor(attribute.t, "", name)
                    if constant:
                        known.setdefault(name, attribute.t)
                for tensor in attribute.tensors:
                    self.tensor(tensor)
                if attribute.HasField("sparse_tensor"):
                    self.sparse(attribute.sparse_tensor, name)
                for sparse in attribute.sparse_tensors:
                    self.sparse(sparse)
                if attribute.HasField("g"):
                    self.graph(attribute.g)
                for graph in attribute.graphs:
                    self.graph(graph)
        for node in nodes:
            self.quantization(node, known)

    def quantization(self, node, known):
        if node.op_type not in ("DequantizeLinear", "QuantizeLinear"):
            return
        weight, scale = known.get(node.input[0]), known.get(node.input[1])
        if weight is None or scale is None or scale.data_type != 1:
            return
        scales = numpy_helper.to_array(scale).reshape(-1)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        axis = axis + len(weight.dims) if axis < 0 else axis
        if len(scales) == 1:
            axis = 0
        elif axis >= len(weight.dims) or weight.dims[axis] != len(scales):
            return
        zero_points = []
        if len(node.input) > 2 and node.input[2] in known:
            zero_points = numpy_helper.to_array(known[node.input[2]]).reshape(-1).tolist()
        self.quantized.setdefault(node.input[0], (scales.tolist(), zero_points, axis))


def check_tiling(manifest, data):
    position = 0
    for found in manifest["ranges"]:
        assert found["offset"] == position and found["length"] > 0, f"no tiling at {position}"
        position += found["length"]
    assert position == len(data) == manifest["length"], "ranges do not reach the end"


def check_quantization(model, want, found):
    quantization = found.get("quantization") or {}
    scales, zero_points, axis = model.quantized.get(want.name, ([], [], 0))
    got = numpy.array(quantization.get("scales") or [], "f4").tolist()
    assert got == scales, f"{want.name}: scales"
    assert (quantization.get("zero_points") or []) == zero_points, f"{want.name}: zero points"
    assert quantization.get("axis", 0) == axis, f"{want.name}: axis"


def find(want, by_bytes):
    """(range, dtype) of a tensor, taken out of `by_bytes`; (None, None) if it may have no label."""
    for dtype, data in want.forms:
        for found in by_bytes[data]:
            if want.name in (found.get("names") or [""]):
                by_bytes[data].remove(found)
                return found, dtype
    assert min(len(data) for _, data in want.forms) < MIN_LABEL_BYTES, (
        f"{want.name!r}: no range holds its {len(want.forms[0][1])} bytes")
    return None, None


def check_tensors(model, manifest, data):
    by_bytes = collections.defaultdict(list)
    for found in manifest["ranges"]:
        if found["kind"] == "tensor":
            end = found["offset"] + found["length"]
            by_bytes[data[found["offset"]:end]].append(found)
    for want in model.expected:
        found, dtype = find(want, by_bytes)
        if found is None:
            continue
        got = (found["dtype"], found.get("shape") or [], found.get("role") or "")
        shape = want.shape if dtype != "opaque" else []
        assert got == (dtype, shape, want.role), f"{want.name}: {got} for {want[1:3]}"
        length = varint(found["length"])
        before = data[found["offset"] - len(length):found["offset"]]
        assert before == length or dtype == "opaque", f"{want.name}: no length before it"
        check_quantization(model, want, found)
    left = [f["offset"] for rest in by_bytes.values() for f in rest]
    assert not left, f"tensors that the model does not have, at {left}"


def unescape(text):
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def wire_initializers(path):
    """(name, raw_data length) of ModelProto.graph.initializer as protoc sees the bytes."""
    with open(path, "rb") as file:
        text = subprocess.run(["protoc", "--decode_raw"], stdin=file, capture_output=True,
                              check=True).stdout.decode("latin-1")
    found, stack = [], []
    for line in text.split("\n"):
        line = line.strip()
        if line.endswith(" {"):
            stack.append(line[:-2])
            if stack == ["7", "5"]:
                found.append([None, None])
        elif line == "}":
            stack.pop()
        elif stack == ["7", "5"]:
            match = re.match(r'(8|9): "(.*)"$', line)
            if match:
                data = unescape(match[2])
                found[-1][0 if match[1] == "8" else 1] = data if match[1] == "8" else len(data)
    return found


def check_wire(manifest, path):
    lengths = {}
    for found in manifest["ranges"]:
        for name in found.get("names") or []:
            lengths.setdefault(name, []).append(found["length"])
    compared = 0
    for name, length in wire_initializers(path):
        if name and length and length >= MIN_LABEL_BYTES:
            text = name.decode("utf-8", "backslashreplace")
            assert length in lengths.get(text, []), f"{text}: protoc says {length} bytes"
            compared += 1
    return compared


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 64
    failed = False
    for path in arguments[1:]:
        output = subprocess.run([arguments[0], "--manifest", path], stdout=subprocess.PIPE,
                                check=True).stdout
        manifest = json.loads(output)
        with open(path, "rb") as file:
            data = file.read()
        try:
            assert manifest["format"] == "onnx", "not taken for ONNX"
            check_tiling(manifest, data)
            model = Model(path)
            check_tensors(model, manifest, data)
            wire = check_wire(manifest, path) if shutil.which("protoc") else 0
            print(f"{path}: {len(model.expected)} tensors, {len(model.quantized)} quantized, "
                  f"{wire} seen by protoc")
        except AssertionError as fault:
            print(f"{path}: {fault}", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
