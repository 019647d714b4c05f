#!/usr/bin/env python3
"""Compares mallorn-parse with flatc, which decodes a TFLite model without any of our code.

Usage: oracle_tflite.py MALLORN-PARSE TFLITE.FBS MODEL.tflite...

flatc writes the model as JSON: names, shapes, types, buffers byte by byte, quantization. Every
tensor with bytes in the file must have a range with its name, and that range must hold exactly
these bytes; so must the ranges of zero points and sparse indices. Floats are compared to the six
decimals that flatc prints. Exit 77 (skipped) without flatc.
"""
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

DTYPES = ["f32", "f16", "i32", "u8", "i64", "opaque", "bool", "i16", "c64", "i8", "f64", "c128",
          "u64", "opaque", "opaque", "u32", "u16", "i4", "bf16", "i2", "u4", "f8_e4m3fn",
          "f8_e5m2"]
BITS = {"f32": 32, "f16": 16, "i32": 32, "u8": 8, "i64": 64, "bool": 8, "i16": 16, "c64": 64,
        "i8": 8, "f64": 64, "c128": 128, "u64": 64, "u32": 32, "u16": 16, "i4": 4, "bf16": 16,
        "i2": 2, "u4": 4, "f8_e4m3fn": 8, "f8_e5m2": 8}
PARAMETERS = (("min", "min", "f"), ("max", "max", "f"), ("scale", "scale", "f"),
              ("zero_point", "zero_point", "q"))
INDEX_FORMATS = {"Int32Vector": ("i32", "i"), "Uint16Vector": ("u16", "H"),
                 "Uint8Vector": ("u8", "B")}
MIN_PARAMETER_ELEMENTS = 4
PRINTED_ERROR = 1e-6


def decode(schema, path):
    """The model as flatc sees it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, "model.bin")
        shutil.copyfile(path, copy)
        subprocess.run(["flatc", "--json", "--strict-json", "--raw-binary", "--allow-non-utf8",
                        "-o", folder, schema, "--", str(copy)], check=True)
        text = pathlib.Path(folder, "model.json").read_bytes().decode("utf-8", "replace")
        return json.loads(text)


def are_close(ours, theirs):
    return len(ours) == len(theirs) and all(
        abs(a - b) <= PRINTED_ERROR * max(1, abs(b)) for a, b in zip(ours, theirs))


class Ranges:
    """The manifest's ranges by name, and the bytes they stand for."""

    def __init__(self, manifest, data):
        self.data = data
        self.by_name = {}
        end = 0
        for found in manifest["ranges"]:
            assert found["offset"] == end and found["length"] > 0, f"byte {end}: does not tile"
            end += found["length"]
            for name in found.get("names", [""]):
                self.by_name.setdefault(name, []).append(found)
        assert end == len(data) == manifest["length"], "does not cover the file"

    def content(self, found):
        return self.data[found["offset"]:found["offset"] + found["length"]]

    def find_floats(self, name, role, values):
        for found in self.by_name.get(name, []):
            if found.get("role", "") == role and found["length"] == 4 * len(values):
                if are_close(struct.unpack(f"<{len(values)}f", self.content(found)), values):
                    return found
        raise AssertionError(f"{name}: no range of role {role!r} with its {len(values)} floats")

    def find(self, name, role, content):
        for found in self.by_name.get(name, []):
            if found.get("role", "") == role and self.content(found) == content:
                return found
        raise AssertionError(f"{name}: no range of role {role!r} with its {len(content)} bytes")


def shape_fits(dtype, shape, length):
    elements = 1
    for dim in shape:
        elements *= dim
    return min(shape, default=0) >= 0 and (elements * BITS.get(dtype, 0) + 7) // 8 == length


def check_facts(tensor, found, length):
    dtype = DTYPES[tensor.get("type", 0)]
    shape = tensor.get("shape", [])
    if found["names"][0] != tensor.get("name", "") or "sparsity" in tensor:
        return  # the facts are those of another tensor that shares the bytes
    if dtype == "opaque" or not shape_fits(dtype, shape, length):
        assert "shape" not in found, f"{tensor['name']}: a shape that does not fit"
        return
    assert found["dtype"] == dtype, f"{tensor['name']}: {found['dtype']} is not {dtype}"
    assert found.get("shape", []) == shape, f"{tensor['name']}: {found.get('shape')}"
    check_quantization(tensor, found)


def check_quantization(tensor, found):
    expected = tensor.get("quantization", {})
    ours = found.get("quantization", {})
    if not expected.get("scale"):
        assert not ours, f"{tensor['name']}: scales from nowhere"
        return
    assert are_close(ours["scales"], expected["scale"]), tensor["name"]
    assert ours.get("zero_points", []) == expected.get("zero_point", []), tensor["name"]
    assert ours["axis"] == expected.get("quantized_dimension", 0), tensor["name"]


def check_parameters(tensor, ranges):
    for field, role, code in PARAMETERS:
        values = tensor.get("quantization", {}).get(field, [])
        if len(values) < MIN_PARAMETER_ELEMENTS:
            continue
        if code == "f":
            found = ranges.find_floats(tensor["name"], role, values)
        else:
            found = ranges.find(tensor["name"], role, struct.pack(f"<{len(values)}q", *values))
        assert found["kind"] == "gap" and found["dtype"] == ("i64" if code == "q" else "f32")


def check_sparsity(tensor, ranges):
    for dim in tensor.get("sparsity", {}).get("dim_metadata", []):
        for role in ("segments", "indices"):
            values = dim.get(f"array_{role}", {}).get("values", [])
            if values:
                dtype, code = INDEX_FORMATS[dim[f"array_{role}_type"]]
                content = struct.pack(f"<{len(values)}{code}", *values)
                found = ranges.find(tensor["name"], role, content)
                assert found["kind"] == "tensor" and found["dtype"] == dtype


def bytes_of(buffer, data):
    content = bytes(buffer.get("data", []))
    if content or buffer.get("offset", 0) <= 1:
        return content
    return data[buffer["offset"]:buffer["offset"] + buffer.get("size", 0)]


def check_model(model, ranges):
    buffers = [bytes_of(buffer, ranges.data) for buffer in model.get("buffers", [])]
    count = 0
    for subgraph in model.get("subgraphs", []):
        for tensor in subgraph.get("tensors", []):
            index = tensor.get("buffer", 0)
            inside = tensor.get("external_buffer", 0) == 0 and index < len(buffers)
            if inside and buffers[index]:
                role = "values" if "sparsity" in tensor else ""
                found = ranges.find(tensor.get("name", ""), role, buffers[index])
                assert found["kind"] == "tensor"
                check_facts(tensor, found, len(buffers[index]))
                count += 1
            check_parameters(tensor, ranges)
            check_sparsity(tensor, ranges)
    for metadata in model.get("metadata", []):
        index = metadata.get("buffer", 0)
        if index < len(buffers) and buffers[index]:
            ranges.find(metadata["name"], "meta", buffers[index])
    return count


def main(arguments):
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 64
    if shutil.which("flatc") is None:
        print("skipped: no flatc")
        return 77
    failed = False
    for path in arguments[2:]:
        output = subprocess.run([arguments[0], "--manifest", path], stdout=subprocess.PIPE,
                                check=True).stdout
        manifest = json.loads(output)
        try:
            assert manifest["format"] == "tflite", "not taken for TFLite"
            ranges = Ranges(manifest, pathlib.Path(path).read_bytes())
            model = decode(arguments[1], path)
            print(f"{path}: {check_model(model, ranges)} tensors")
            groups = [group["name"] for group in model.get("external_buffer_groups", [])]
            assert manifest.get("external_files", []) == groups, "external files"
        except AssertionError as fault:
            print(f"{path}: {fault}", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
