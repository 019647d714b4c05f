"""JSON texts, and the manifest of a model stream: docs/format/stream.md, section 6."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from dtypes import BLOCKS, NAMES
from faults import Fault


def malformed(ok: object, what: str) -> None:
    if not ok:
        raise Fault("malformed", what)


def is_whole(value: object, low: int = 0, high: int = (1 << 64) - 1) -> bool:
    return type(value) is int and low <= value <= high


def is_digest(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def read_object(text: bytes, no_twins: tuple[str, ...] | None = None) -> dict:
    """No object in it has one of the fields `no_twins`, or without them any field, twice."""
    def pairs(items: list[tuple[str, object]]) -> dict:
        keys = [key for key, _ in items]
        malformed(not any(keys.count(key) > 1 for key in no_twins or set(keys)), "a field is given twice")
        return dict(items)
    try:
        value = json.loads(text.decode(), object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise Fault("malformed", f"not JSON: {error}") from error
    malformed(isinstance(value, dict), "not a JSON object")
    return value


def depth(text: bytes) -> int:
    deepest = level = 0
    for mark in re.sub(rb'"(\\.|[^"\\])*"', b"", text):
        level += (mark in b"[{") - (mark in b"]}")
        deepest = max(deepest, level)
    return deepest


MANIFEST_FIELDS = ("format", "byte_order", "path", "state", "length", "external_files", "ranges")
RANGE_FIELDS = ("kind", "offset", "length", "dtype", "role", "names", "shape", "quantization", "block")


def is_word(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[a-z0-9_]{0,32}", value) is not None


def is_list(value: object, check: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and all(map(check, value))


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_state(value: object) -> bool:
    """Of a file, by reference."""
    return isinstance(value, str) and len(value.encode()) <= 128


def check_manifest(text: bytes) -> dict:
    """Section 6."""
    malformed(depth(text) <= 64, "nested too deeply")
    value = read_object(text, (*MANIFEST_FIELDS, *RANGE_FIELDS, "scales", "zero_points", "axis"))
    malformed(all(name in value for name in ("format", "byte_order", "length", "ranges")), "missing field")
    malformed(is_word(value["format"]) and value["format"], "format")
    malformed(value["byte_order"] in ("little", "big"), "byte_order")
    malformed(is_whole(value["length"]) and is_text(value.get("path", "")), "length, path")
    malformed(is_state(value.get("state", "")), "state")
    malformed(is_list(value.get("external_files", []), is_text), "external_files")
    malformed(isinstance(value["ranges"], list), "ranges")
    end = 0
    for item in value["ranges"]:
        malformed(isinstance(item, dict), "range")
        check_range(item)
        malformed(item["offset"] == end and item["length"] > 0, "ranges do not tile the file")
        end += item["length"]
    malformed(end == value["length"], "ranges do not cover the file")
    return value


def check_range(item: dict) -> None:
    malformed(item.get("kind") in ("tensor", "gap"), "kind")
    malformed(is_whole(item.get("offset")) and is_whole(item.get("length")), "offset, length")
    malformed("dtype" in item or item["kind"] == "gap", "dtype is missing")
    dtype = item.get("dtype", "opaque")
    malformed(dtype in NAMES.values(), "dtype")
    malformed(is_word(item.get("role", "")), "role")
    malformed(is_list(item.get("names", []), is_text), "names")
    malformed(is_list(item.get("shape", []), is_whole), "shape")
    if "block" in item:
        malformed(isinstance(item["block"], dict), "block")
        malformed(dtype in BLOCKS and item["block"].get("bytes") == BLOCKS[dtype][0], "block")
    quantization = item.get("quantization", {})
    malformed(isinstance(quantization, dict), "quantization")
    malformed(is_list(quantization.get("scales", []),
                      lambda v: v is None or type(v) in (int, float)), "scales")
    malformed(is_list(quantization.get("zero_points", []),
                      lambda v: is_whole(v, -1 << 63, (1 << 63) - 1)), "zero_points")
    malformed(is_whole(quantization.get("axis", 0), -1 << 31, (1 << 31) - 1), "axis")
