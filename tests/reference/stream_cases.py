"""The vectors of tests/vectors/stream, good and bad."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from cases import BASES, TOP, Case, Programs
from faults import crc32c
from patch_maker import varint
from stream import BYTES, DELTA, END, MAGIC, MANIFEST, MODEL, STEPS

WORDS = {MODEL: "model", DELTA: "delta"}
ABC, ABD = b"abc", b"abd"
STATE = "2049:1234:1796000000.000000001:1796000000.123456789"  # of a file elsewhere


def frame(type_: int, payload: bytes, flags: int = 0, reserved: int = 0, length: int | None = None,
          damage: int = 0) -> bytes:
    length = len(payload) if length is None else length
    data = bytes([type_, flags]) + reserved.to_bytes(2, "little") + length.to_bytes(4, "little") + payload
    return data + (crc32c(data) ^ damage).to_bytes(4, "little")


def header(kind: int, version: int = 0, reserved: int = 0, magic: bytes = MAGIC) -> bytes:
    return magic + bytes([version, kind]) + reserved.to_bytes(2, "little")


def side(content: bytes, **more: object) -> dict:
    return {"length": len(content), "sha256": hashlib.sha256(content).hexdigest(), **more}


def as_text(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


def end(content: bytes, **more: object) -> bytes:
    return frame(END, as_text({**side(content), **more}))


def gap(offset: int, length: int, **more: object) -> dict:
    return {"kind": "gap", "offset": offset, "length": length, **more}


def manifest(ranges: list[dict] | None = None, **more: object) -> dict:
    return {"format": "raw", "byte_order": "little", "length": 3,
            "ranges": [gap(0, 3)] if ranges is None else ranges, **more}


def model(text: object, content: bytes = ABC, tail: bytes | None = None) -> bytes:
    carried = frame(BYTES, content) if content else b""
    return header(MODEL) + frame(MANIFEST, as_text(text)) + carried + (end(ABC) if tail is None else tail)


def delta_manifest(**more: object) -> dict:
    return {"base": side(ABC), "result": side(ABD), "format": "raw", **more}


def step(kind: int, dtype: int, predictor: int, length: int, offset: int, parameters: int = 0) -> bytes:
    return bytes([kind, dtype, predictor]) + varint(length) + varint(offset) + varint(parameters)


PREDICT = step(1, 0, 1, 3, 0)


def delta(*steps: bytes, count: int | None = None, carried: bytes = ABC + ABD, text: object = None,
          after: bytes = b"", tail: bytes | None = None) -> bytes:
    payload = varint(len(steps) if count is None else count) + b"".join(steps)
    return (header(DELTA) + frame(MANIFEST, as_text(text or delta_manifest())) + frame(STEPS, payload)
            + (frame(BYTES, carried) if carried else b"") + after + (end(ABD) if tail is None else tail))


def good(programs: Programs) -> Iterator[Case]:
    abc, abd = BASES / "abc", BASES / "abd"
    yield Case("abc", "model", programs.model_stream(abc), "stream 11", "the worked example", ABC)
    yield Case("abc-abd", "delta", programs.delta_stream(abc, abd), "stream 11",
               "the worked example", ABD)
    yield Case("empty", "model", programs.model_stream(BASES / "empty"), "stream 5", "a file of no bytes", b"")
    tiny = TOP / "tests" / "vectors" / "models"
    path = tiny / "shared.tflite"
    yield Case("tflite", "model", programs.model_stream(path), "stream 6",
               "tensors, names, shapes, quantization", path.read_bytes())
    paths = tiny / "template.old.gguf", tiny / "template.new.gguf"
    yield Case("gguf", "delta", programs.delta_stream(*paths), "stream 7", "copies and predictions",
               paths[1].read_bytes())
    here = "patch/base/"
    yield Case("abc-by-reference", "model", model(manifest(path=here + "%61bc"), b""), "stream 8, 9",
               "path with a needless escape", ABC)
    sides = {"base": side(ABC, path=here + "abc"), "result": side(ABD, path=here + "abd")}
    yield Case("abc-abd-by-reference", "delta", delta(PREDICT, carried=b"", text=delta_manifest(**sides)),
               "stream 8", "two files named, no bytes carried", ABD)
    text = as_text(manifest([gap(0, 1, note={"deep": [1.5, None, True]}),
                             {"kind": "tensor", "offset": 1, "length": 2, "dtype": "i8", "shape": [2],
                              "names": ["\u00e9\ufffd\n"], "quantization": {"scales": [0.5, None]}}],
                            later="field", external_files=["w.bin"]))
    unknown = frame(99, b"whatever", flags=1)
    frames = [unknown, frame(MANIFEST, text[:7]), unknown, frame(MANIFEST, text[7:], flags=1),
              *(frame(BYTES, bytes([byte])) for byte in ABC), unknown]
    yield Case("odd-frames", "model", header(MODEL) + b"".join(frames) + end(ABC, more=[]), "stream 4",
               "cut anywhere, optional frames of unknown type, unknown fields", ABC)
    steps = (step(0, 0, 0, 2, 0), step(2, 1, 0, 1, 0), )
    yield Case("copy-literal", "delta", delta(*steps, carried=ABD), "stream 7",
               "a copy and a literal: no bytes of the base", ABD)
    place = varint((1 << 64) - 1) + varint(1) + varint(3) + varint(255) + varint(510, 3)  # zeros: -128, 255
    chunks = (frame(STEPS, varint(1, 3) + step(1, 2, 0, 1, 2, len(place)) + place)
              + frame(BYTES, b"c") + frame(BYTES, b"d"))
    yield Case("two-chunks", "delta",
               delta(step(0, 0, 0, 2, 0), carried=b"ab", after=chunks), "stream 7",
               "two chunks; a predictor that looks at the end of the base; parameters", ABD)
    yield Case("distant", "delta", delta(step(1, 1, 4, 3, 0), carried=ABC + ABD), "stream 7",
               "bytes that hardly resemble those of the base", ABD)
    numbers = bytes.fromhex("0000803F 0000803E")  # 1 and 1/4; the first is four times the second
    steps = step(1, 11, 2, 4, 1, 6) + bytes.fromhex("00008040 01 04"), step(2, 0, 0, 4, 0)
    yield Case("derived", "delta",
               delta(*steps, carried=b"bc" + numbers, text=delta_manifest(result=side(numbers)),
                     tail=end(numbers)),
               "stream 7", "a number that follows from one behind it", numbers)
    yield Case("converted", "delta",
               delta(step(1, 11, 3, 4, 1, 1) + b"\x0A", carried=b"bc\0\0bc", count=1,
                     text=delta_manifest(result=side(b"\0\0bc")), tail=end(b"\0\0bc")),
               "stream 7", "f32 from bf16, as it is", b"\0\0bc")
    old = paths[0].read_bytes()  # begins with two rows of three i16; the result has three rows
    made = b"".join(old[2 * i:2 * i + 2] for i in (0, 3, 1, 4, 2, 5))
    steps = step(0, 0, 0, 2, 0), step(1, 4, 5, 10, 0, 7) + bytes.fromhex("02 01 02 03 00 00 01")
    yield Case("permuted", "delta",
               delta(*steps, carried=made[2:] + made, tail=end(made),
                     text=delta_manifest(base=side(old), result=side(made))),
               "stream 7", "a matrix that is transposed, from its second element on", made)
    made = b"".join(old[2 * i:2 * i + 2] for i in (4, 1, 2))
    picked = step(1, 4, 5, 6, 0, 8) + bytes.fromhex("01 00 06 03 00 08 07 00")
    yield Case("picked", "delta",
               delta(picked,
                     carried=made + made, tail=end(made),
                     text=delta_manifest(base=side(old), result=side(made))),
               "stream 7", "three of six elements", made)


def bad_frames() -> Iterator[tuple[str, str, str, bytes]]:
    text = frame(MANIFEST, as_text(manifest()))
    bytes_ = frame(BYTES, ABC)
    head, tail = header(MODEL), end(ABC)
    rest = text + bytes_ + tail
    whole = head + rest
    yield "nothing", "truncated", "", b""
    yield "truncated-header", "truncated", "", whole[:7]
    yield "truncated-frame", "truncated", "within the manifest", whole[:40]
    yield "truncated-end", "truncated", "its last byte", whole[:-1]
    yield "no-end", "truncated", "", head + text + bytes_
    yield "trailing-byte", "trailing_bytes", "", whole + b"\0"
    yield "bad-magic", "bad_magic", "that of a patch", header(MODEL, magic=b"\x8DMLP") + rest
    yield "version-1", "unsupported_version", "", header(MODEL, version=1) + rest
    yield "kind-3", "malformed", "", header(3) + rest
    yield "delta-for-model", "malformed", "", delta(PREDICT)
    yield "reserved-header", "malformed", "", header(MODEL, reserved=0x100) + rest
    yield ("reserved-flag", "malformed", "bit 1",
           head + frame(MANIFEST, as_text(manifest()), 2) + bytes_ + tail)
    yield "reserved-frame", "malformed", "", head + text + frame(BYTES, ABC, reserved=0x8000) + tail
    yield ("frame-too-long", "limit_exceeded", "2^20 + 1",
           head + text + frame(BYTES, ABC, length=(1 << 20) + 1))
    yield "frame-check", "check_mismatch", "", head + text + frame(BYTES, ABC, damage=1) + tail
    yield ("unknown-frame", "unsupported_feature", "not optional",
           head + text + frame(4, b"") + bytes_ + tail)
    yield "no-manifest", "malformed", "", head + bytes_ + tail
    yield "second-manifest", "malformed", "after the bytes", head + text + bytes_ + text + tail
    yield "steps-in-model", "malformed", "", head + text + frame(STEPS, b"\0") + bytes_ + tail
    yield "bytes-too-few", "malformed", "", model(manifest(), b"ab")
    yield "bytes-too-many", "malformed", "", model(manifest(), b"abcd")
    yield "bytes-by-reference", "malformed", "", model(manifest(path="patch/base/abc"))
    yield ("state-changed", "malformed", "another SHA-256",
           model(manifest(path="patch/base/abc", state=STATE), b"", tail=end(ABD)))
    yield "trailer-length", "malformed", "", model(manifest(), tail=end(ABC, length=4))
    yield "trailer-digest", "check_mismatch", "", model(manifest(), tail=end(ABD))
    yield "trailer-no-digest", "malformed", "", model(manifest(), tail=frame(END, b'{"length":3}'))
    yield "trailer-twice", "malformed", "length", model(manifest(), tail=frame(
        END, as_text(side(ABC)).replace(b'"length":3', b'"length":3,"length":3')))
    yield ("path-missing", "cannot_open", "no such file",
           model(manifest(path="patch/base/none"), b""))
    yield "path-other-length", "malformed", "", model(manifest(path="patch/base/alphabet"), b"")
    yield ("path-percent", "malformed", "no digits after it",
           model(manifest(path="patch/base/abc%6"), b""))
    yield "path-zero", "malformed", "%00", model(manifest(path="patch/base/abc%00"), b"")


def bad_manifests() -> Iterator[tuple[str, str, bytes]]:
    plain = as_text(manifest())
    tensor = {"kind": "tensor", "offset": 0, "length": 3, "dtype": "i8"}
    yield "not-json", "cut short", plain[:-1]
    yield "not-utf-8", "", plain.replace(b'"raw"', b'"ra\xFF"')
    yield "twice", "length", plain.replace(b'"length":3,"ranges"', b'"length":3,"length":3,"ranges"')
    yield "deep", "65 arrays and objects", as_text(manifest(x=1)).replace(
        b'"x":1', b'"x":' + b"[" * 64 + b"]" * 64)
    yield "no-length", "", as_text(without("length", manifest()))
    yield "format-word", "a space", as_text(manifest(format="two words"))
    yield "length-fraction", "3.0", plain.replace(b'"length":3,"ranges"', b'"length":3.0,"ranges"')
    yield "length-negative", "", as_text(manifest(length=-3))
    yield "range-no-dtype", "of a tensor", as_text(manifest([without("dtype", tensor)]))
    yield "range-dtype", "", as_text(manifest([{**tensor, "dtype": "f20"}]))
    yield "range-block", "that of another dtype", as_text(manifest(
        [{**tensor, "dtype": "q4_0", "block": {"elements": 32, "bytes": 20}}]))
    yield "range-empty", "", as_text(manifest([gap(0, 0), gap(0, 3)]))
    yield "range-overlap", "", as_text(manifest([gap(0, 2), gap(1, 2)]))
    yield "range-hole", "", as_text(manifest([gap(0, 1), gap(2, 1)]))
    yield "ranges-wrap", "end above 2^64", as_text(manifest([gap(0, 3), gap(3, (1 << 64) - 1)]))


def without(name: str, value: dict) -> dict:
    return {key: item for key, item in value.items() if key != name}


def more_bad_manifests() -> Iterator[bytes]:
    """Streams that are not stored: tests write them."""
    plain = as_text(manifest())
    tensor = {"kind": "tensor", "offset": 0, "length": 3, "dtype": "i8"}
    texts = [b"", b"[]", b"3", b'"text"', b"null", plain + b"x",
             plain.replace(b'"offset":0', b'"offset":0,"offset":0')]
    texts += [as_text(without(name, manifest())) for name in ("format", "byte_order", "ranges")]
    values = [without(name, tensor) for name in ("kind", "offset", "length")]
    values += [{**tensor, **changed} for changed in (
        {"kind": "hole"}, {"kind": 1}, {"offset": "0"}, {"offset": 1, "length": 2}, {"length": 3.0},
        {"length": None}, {"role": "A"}, {"names": "a"}, {"names": [1]}, {"shape": [-3]},
        {"shape": [[3]]}, {"quantization": []},
        {"quantization": {"axis": 1 << 31}}, {"quantization": {"scales": ["1"]}},
        {"quantization": {"zero_points": [1 << 63]}}, {"quantization": {"zero_points": [0.5]}},
        {"block": {"elements": 2, "bytes": 1}})]
    texts += [as_text(manifest([value])) for value in values]
    texts += [as_text(manifest(**more)) for more in (
        {"format": ""}, {"format": "a" * 33}, {"format": None}, {"byte_order": "middle"},
        {"length": "3"}, {"length": 4}, {"length": 1 << 64}, {"path": 3}, {"state": "1" * 129},
        {"external_files": "w"}, {"external_files": [3]}, {"ranges": {}}, {"ranges": [3]}, {"ranges": [[gap(0, 3)]]})]
    return map(model, texts)


def good_manifests() -> Iterator[bytes]:
    """Odd, but to be read; not stored, either."""
    plain = as_text(manifest())
    tensor = {"kind": "tensor", "offset": 0, "length": 3, "dtype": "q4_0"}
    yield model(plain.replace(b":", b" : ").replace(b",", b"\n,\t"))
    yield model(as_text(manifest(x=1)).replace(b'"x":1', b'"x":' + b"[" * 63 + b"]" * 63))
    yield model(manifest(path=""))
    yield model(manifest(path="patch/base/abc", state=STATE), b"")  # in another one, but the same bytes
    yield model(manifest([{**tensor, "block": {"elements": 32, "bytes": 18, "more": 1}}]))
    yield model(manifest([{**tensor, "shape": [0, (1 << 64) - 1], "role": "a_0", "quantization": {
        "axis": -1 << 31, "zero_points": [-1 << 63, (1 << 63) - 1], "scales": [None, -3, 1e-40]}}]))


def bad_deltas() -> Iterator[tuple[str, str, str, bytes]]:
    long = delta_manifest(result=side(ABD, length=1 << 31))
    coded = (1 << 20) + 1
    yield "model-for-delta", "malformed", "", model(manifest())
    yield "steps-0", "limit_exceeded", "", delta()
    yield "steps-16385", "limit_exceeded", "by their count", delta(PREDICT, count=16385)
    yield "steps-truncated", "truncated", "the second of two", delta(PREDICT, count=2)
    yield "steps-trailing-byte", "trailing_bytes", "", delta(PREDICT + b"\0", count=1)
    yield "step-kind-3", "malformed", "", delta(step(3, 0, 0, 3, 0))
    yield "step-dtype-31", "malformed", "", delta(step(1, 31, 0, 3, 0))
    yield "step-predictor-6", "unsupported_feature", "", delta(step(1, 0, 6, 3, 0))
    yield "converted-from-nothing", "malformed", "no parameters", delta(step(1, 9, 3, 2, 0))
    yield ("converted-same", "malformed", "f16 to f16",
           delta(step(1, 9, 3, 2, 0, 1) + b"\x09", count=1))
    yield ("converted-place", "malformed", "four varints behind the conversion",
           delta(step(1, 9, 3, 2, 0, 5) + b"\x0A\0\0\0\0", count=1))
    yield ("converted-part", "malformed", "half a number",
           delta(step(1, 9, 3, 3, 0, 1) + b"\x0A", count=1))
    yield ("converted-outside-base", "malformed", "4 bytes of 3",
           delta(step(1, 9, 3, 2, 0, 1) + b"\x0B", count=1))
    for name, what, parameters in (("from-nothing", "no parameters", ""),
                                   ("axes", "five", "05 e4 02 02 02 02 02 00 00 00 00 00 00"),
                                   ("bits", "of a third axis", "02 11 01 03 00 00 00"),
                                   ("order", "the same axis twice", "02 05 01 03 00 00 00"),
                                   ("length", "an axis of length 1", "02 01 01 03 00 00 00"),
                                   ("cut", "no first element", "02 01 02 02 00 00"),
                                   ("place", "four varints", "02 01 02 02 00 00 00 00 00 00 00"),
                                   ("past-end", "from the third element on", "02 01 02 02 00 00 02"),
                                   ("outside-base", "4 bytes of 3", "02 01 02 02 00 00 00"),
                                   ("pick", "index 3 of 3", "01 00 03 03 00 00 00 02"),
                                   ("before", "index -1", "01 00 03 03 00 01 02 00"),
                                   ("picks", "one of three", "01 00 03 03 00 00")):
        data = bytes.fromhex(parameters)
        yield (f"permuted-{name}", "malformed", what,
               delta(step(1, 2, 5, 3, 0, len(data)) + data, count=1))
    yield ("step-parameters", "unsupported_feature", "of dtype opaque",
           delta(step(1, 0, 0, 3, 0, 1) + b"p", count=1))
    yield ("step-parameters-too-long", "limit_exceeded", "2^18 + 1",
           delta(step(1, 0, 0, 3, 0, (1 << 18) + 1)))
    yield ("step-parameters-truncated", "malformed", "four varints and a half",
           delta(step(1, 1, 0, 3, 0, 5) + b"\0\0\0\0\x80", count=1))
    yield "step-of-nothing", "malformed", "", delta(step(1, 0, 1, 0, 0), PREDICT)
    yield ("step-past-result", "malformed", "4 of 3 bytes",
           delta(step(2, 0, 0, 4, 0), carried=b"abde"))
    yield "literal-offset", "malformed", "", delta(step(2, 0, 0, 3, 1), carried=ABD)
    yield "copy-outside-base", "malformed", "", delta(step(0, 0, 0, 3, 1), carried=ABD)
    yield ("copy-wraps", "malformed", "offset 2^64 - 1",
           delta(step(0, 0, 0, 3, (1 << 64) - 1), carried=ABD))
    yield ("values-outside-base", "malformed", "same_value",
           delta(step(1, 1, 0, 3, 1), carried=b"bc" + ABD))
    yield ("bytes-outside-base", "malformed", "predictor bytes, at 4 of 3",
           delta(step(1, 0, 1, 3, 4), carried=ABD))
    yield "chunk-too-long", "limit_exceeded", "2^30 + 1 bytes", delta(
        step(2, 0, 0, (1 << 30) + 1, 0), text=long)
    yield ("chunk-coded-too-long", "limit_exceeded", "2^20 + 1 bytes",
           delta(step(2, 0, 0, coded, 0), text=long))
    yield "bytes-too-few", "malformed", "", delta(PREDICT, carried=b"abcab")
    yield "bytes-too-many", "malformed", "", delta(PREDICT, carried=b"abcabde")
    yield "trailer-digest", "malformed", "", delta(PREDICT, tail=end(ABC))
    yield "manifest-no-base", "malformed", "", delta(PREDICT, text={"result": side(ABD)})
    plain = as_text(delta_manifest())
    yield "manifest-twice", "malformed", "length of base", delta(
        PREDICT, text=plain.replace(b'"length":3', b'"length":3,"length":3', 1))
    yield "manifest-one-path", "malformed", "", delta(
        PREDICT, text=delta_manifest(base=side(ABC, path="patch/base/abc")))
    sides = {"base": side(ABC, path="patch/base/abc"), "result": side(ABD, path="patch/base/abd")}
    yield "by-reference-bytes", "malformed", "", delta(PREDICT, text=delta_manifest(**sides))


def more_bad_parameters() -> Iterator[tuple[str, bytes]]:
    """Of steps: with the status that they have; too many to be stored."""
    for status, head, place in (("unsupported_feature", (0, 1, 0), bytes(5)),
                                ("unsupported_feature", (1, 0, 0), bytes(5)),
                                ("malformed", (1, 1, 0), bytes(4)),
                                ("malformed", (1, 1, 0), bytes(6)),
                                ("malformed", (2, 1, 0), b"\xFF" * 9 + b"\2" + bytes(4)),
                                ("malformed", (1, 1, 0), bytes(3) + varint(257) + b"\0"),
                                ("malformed", (1, 1, 0), bytes(4) + varint(512)),
                                ("malformed", (1, 1, 0), bytes(4) + varint((1 << 64) - 1))):
        carried = {0: b"", 1: ABC, 2: b""}[head[0]] + ABD
        yield status, delta(step(*head, 3, 0, len(place)) + place, count=1, carried=carried)


def more_bad_states() -> Iterator[bytes]:
    """Of delta streams, by reference but for the last one."""
    sides = {"base": side(ABC, path="patch/base/abc", state=STATE),
             "result": side(ABD, path="patch/base/abd", state=STATE)}
    for name in sides:
        other = {**sides, name: {**side(b"abe"), "path": sides[name]["path"], "state": STATE}}
        yield delta(PREDICT, carried=b"", text=delta_manifest(**other),
                    tail=end(b"abe") if name == "result" else None)
    yield delta(PREDICT, text=delta_manifest(base=side(ABC, state="1" * 129)))


def bad() -> Iterator[Case]:
    for name, status, what, data in bad_frames():
        yield Case(name, "model", data, "stream 4, 5, 9", what, status=status)
    for name, what, text in bad_manifests():
        yield Case(f"manifest-{name}", "model", model(text), "stream 6", what, status="malformed")
    for name, status, what, data in bad_deltas():
        yield Case(f"delta-{name}", "delta", data, "stream 7", what, status=status)
