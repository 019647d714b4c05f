"""Model streams and delta streams: docs/format/stream.md."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

import conversions
from dtypes import NAMES
from faults import Fault, Reader, crc32c
from lanes import has_lanes, read_lanes
from manifest import check_manifest, is_digest, is_state, is_whole, malformed, read_object
from permuted import MOST_PICKS, MOST_STEPS, Permutation
from weights import has_weights

MAGIC = bytes.fromhex("8D 4D 4C 53")
MODEL, DELTA = 1, 2
MANIFEST, BYTES, STEPS, END = 1, 2, 3, 15
COPY, PREDICT, LITERAL = 0, 1, 2
SAME_VALUE, BYTEWISE, DERIVED, DISTANT, PERMUTED = 0, 1, 2, 4, 5  # predictors
MAX_TEXT = 65536


@dataclass
class Frame:
    type: int
    payload: bytes


def read_frames(stream: bytes, kind: int) -> list[Frame]:
    """All known frames; section 4."""
    reader = Reader(stream)
    if reader.take(8)[:4] != MAGIC:
        raise Fault("bad_magic")
    version, found, *reserved = stream[4:8]
    if version != 0:
        raise Fault("unsupported_version", str(version))
    if found != kind or any(reserved):
        raise Fault("malformed", "stream header")
    frames: list[Frame] = []
    while not frames or frames[-1].type != END:
        head = reader.take(8)
        length = int.from_bytes(head[4:], "little")
        if length > 1 << 20:
            raise Fault("limit_exceeded", "frame")
        if head[1] > 1 or any(head[2:4]):
            raise Fault("malformed", "reserved bits of a frame")
        payload = reader.take(length)
        if reader.integer(4) != crc32c(head + payload):
            raise Fault("check_mismatch", "frame")
        if head[0] in (MANIFEST, BYTES, STEPS, END):
            frames.append(Frame(head[0], payload))
        elif head[1] != 1:
            raise Fault("unsupported_feature", f"frame type {head[0]}")
    if reader.left():
        raise Fault("trailing_bytes")
    return frames


class Frames:
    def __init__(self, frames: list[Frame]) -> None:
        self.frames = frames

    def next_is(self, type_: int) -> bool:
        return bool(self.frames) and self.frames[0].type == type_

    def take(self, type_: int) -> bytes:
        if not self.next_is(type_):
            raise Fault("malformed", f"no frame of type {type_} where one must be")
        return self.frames.pop(0).payload

    def take_run(self, type_: int, least: int) -> bytes:
        run = [self.take(type_) for _ in range(least)]
        while self.next_is(type_):
            run.append(self.take(type_))
        return b"".join(run)

    def take_bytes(self, length: int) -> bytes:
        made = b""
        while len(made) < length:
            made += self.take(BYTES)
        if len(made) > length:
            raise Fault("malformed", "too many bytes")
        return made


def read_side(value: object) -> dict:
    """An object with length and sha256: the trailer, and base and result of a delta manifest."""
    malformed(isinstance(value, dict), "not an object")
    assert isinstance(value, dict)
    malformed(is_whole(value.get("length")), "length")
    malformed(is_digest(value.get("sha256")), "sha256")
    malformed(isinstance(value.get("path", ""), str), "path")
    malformed(is_state(value.get("state", "")), "state")
    return value


def read_trailer(frames: Frames) -> dict:
    text = frames.take(END)
    malformed(len(text) <= MAX_TEXT, "trailer too long")
    return read_side(read_object(text))


def decode_path(text: str) -> bytes:
    raw = text.encode()
    malformed(not re.search(rb"%(?![0-9a-f]{2})", raw), "a '%' without two hexadecimal digits")
    path = re.sub(rb"%(..)", lambda found: bytes.fromhex(found[1].decode()), raw)
    malformed(b"\0" not in path, "zero byte in a path")
    return path


def check_file(content: bytes, length: int, digest: str, state: str) -> None:
    """Section 8. In what state a file is is not asked here: none is the one stated."""
    malformed(len(content) == length, "the file has another length")
    malformed(not state or hashlib.sha256(content).hexdigest() == digest, "the file was changed")


OpenFile = Callable[[bytes], bytes]  # raises Fault("cannot_open")


def read_model(stream: bytes, open_file: OpenFile) -> tuple[dict, bytes]:
    """Section 5: the manifest, and the bytes of the model."""
    frames = Frames(read_frames(stream, MODEL))
    text = frames.take_run(MANIFEST, 1)
    if len(text) > 1 << 28:
        raise Fault("limit_exceeded", "manifest")
    manifest = check_manifest(text)
    path = manifest.get("path", "")
    carried = frames.take_run(BYTES, 0)
    trailer = read_trailer(frames)
    malformed(len(carried) == (0 if path else manifest["length"]), "too few or too many bytes")
    malformed(trailer["length"] == manifest["length"], "manifest and trailer differ")
    if not path:
        if hashlib.sha256(carried).hexdigest() != trailer["sha256"]:
            raise Fault("check_mismatch", "not the bytes that the trailer names")
        return manifest, carried
    content = open_file(decode_path(path))
    check_file(content, manifest["length"], trailer["sha256"], manifest.get("state", ""))
    return manifest, content


@dataclass
class Step:
    kind: int
    dtype: int
    predictor: int
    result_bytes: int
    base_offset: int
    parameters: bytes = b""
    permutation: Permutation | None = None


@dataclass
class Chunk:
    steps: list[Step]
    base: list[bytes]  # for each step; empty unless PREDICT
    result: bytes


def check_place(parameters: bytes) -> None:
    """Where the elements of a step lie: hints, on which no result depends."""
    reader = Reader(parameters, short="malformed")
    *_, base_zero, result_zero = (reader.varint() for _ in range(5))
    malformed(reader.left() == 0, "bytes after the place")
    for zero in (base_zero, result_zero):
        malformed(-128 <= (zero >> 1 ^ -(zero & 1)) <= 255, "zero point")


def read_steps(payload: bytes, base_length: int, result_left: int) -> list[Step]:
    """The payload of a `steps` frame; section 7."""
    reader = Reader(payload)
    count = reader.varint()
    if not 0 < count <= 1 << 14:
        raise Fault("limit_exceeded", "steps of a chunk")
    steps = []
    for _ in range(count):
        kind, dtype, predictor = reader.take(3)
        step = Step(kind, dtype, predictor, reader.varint(), reader.varint())
        parameter_bytes = reader.varint()
        if parameter_bytes > 1 << 18:
            raise Fault("limit_exceeded", "parameters of a step")
        step.parameters = reader.take(parameter_bytes)
        malformed(kind <= LITERAL and dtype in NAMES and step.result_bytes > 0, "step")
        if predictor > PERMUTED:
            raise Fault("unsupported_feature", "predictor")
        place = step.parameters
        if is_converted(step):
            malformed(bool(place), "conversion")
            if has_lanes(place[0], dtype):
                inner = Reader(place[1:], short="malformed")
                read_lanes(inner, dtype)
                place = inner.take(inner.left())
            else:
                malformed(conversions.exists(place[0], dtype) or has_weights(place[0], dtype), "conversion")
                place = place[1:]
        if is_permuted(step):
            step.permutation, place = read_permutation(place)
        if place and not is_derived(step):
            if kind == COPY or dtype == 0:
                raise Fault("unsupported_feature", "parameters of bytes")
            check_place(place)
        result_left -= step.result_bytes
        malformed(result_left >= 0, "past the end of the result")
        if kind == LITERAL:
            malformed(step.base_offset == 0, "literal with an offset")
        else:
            may_end_early = kind == PREDICT and predictor in (BYTEWISE, DERIVED)
            end = step.base_offset + (0 if may_end_early else predicting_bytes(step))
            malformed(end <= base_length, "outside the base")
        steps.append(step)
    if reader.left():
        raise Fault("trailing_bytes", "after the steps")
    if (sum(step.result_bytes for step in steps) > 1 << 30
            or sum(step.result_bytes for step in steps if step.kind != COPY) > 1 << 20
            or sum(is_permuted(step) for step in steps) > MOST_STEPS
            or sum(len(picks) for step in steps if step.permutation
                   for picks in step.permutation.picks) > MOST_PICKS):
        raise Fault("limit_exceeded", "chunk")
    check_sources(steps)
    return steps


def read_permutation(parameters: bytes) -> tuple[Permutation, bytes]:
    """And what follows it."""
    reader = Reader(parameters, short="malformed")
    axes, order = reader.take(2)
    malformed(1 <= axes <= 4 and order >> 2 * axes == 0, "axes")
    lengths = [reader.varint() for _ in range(axes)]
    picked = [reader.varint() for _ in range(axes)]
    first = reader.varint()
    malformed(sum(picked) <= reader.left(), "picks")
    permutation = Permutation([order >> 2 * i & 3 for i in range(axes)], lengths, first,
                              [read_picks(reader, count) for count in picked])
    return permutation, reader.take(reader.left())


def read_picks(reader: Reader, count: int) -> list[int]:
    picks, expected = [], 0
    for _ in range(count):
        folded = reader.varint()
        picks.append(expected + (folded >> 1 ^ -(folded & 1)))
        malformed(picks[-1] >= 0, "pick")
        expected = picks[-1] + 1
    return picks


def is_permuted(step: Step) -> bool:
    return step.kind == PREDICT and step.predictor == PERMUTED


def is_converted(step: Step) -> bool:
    return step.kind == PREDICT and step.predictor == 3


def predicting_bytes(step: Step) -> int:
    """How many bytes of the base predict the step."""
    if step.permutation is not None:
        tensor = step.permutation.seen(step.dtype, step.result_bytes)
        malformed(tensor is not None, "permutation")
        return tensor  # type: ignore[return-value]
    if not is_converted(step):
        return step.result_bytes
    length = conversions.base_length(step.parameters[0], step.dtype, step.result_bytes)
    malformed(length is not None, "a part of what is converted")
    return length  # type: ignore[return-value]


def window(step: Step, base_length: int) -> int:
    """How many bytes of the base a stream carries for the step."""
    if step.kind != PREDICT:
        return 0
    if is_permuted(step):
        return step.result_bytes
    if is_converted(step):
        return predicting_bytes(step)
    return min(step.result_bytes + 3, base_length - step.base_offset)


def piece(step: Step, base: bytes, width: int) -> bytes:
    """Of the base from base_offset on."""
    if step.permutation is not None:
        return step.permutation.gathered(step.dtype, base, width)
    return base[:width]


def is_derived(step: Step) -> bool:
    return step.kind == PREDICT and step.predictor == DERIVED


def check_sources(steps: list[Step]) -> None:
    begins = [0, *accumulate(step.result_bytes for step in steps)]
    for index, step in enumerate(steps):
        if not is_derived(step):
            continue
        malformed(NAMES[step.dtype] == "f32" and step.result_bytes % 4 == 0, "not whole numbers")
        try:
            reader = Reader(step.parameters)
            _factor, direction, distance = reader.integer(4), reader.integer(1), reader.varint()
        except Fault as fault:
            raise Fault("malformed", "parameters") from fault
        malformed(direction < 2 and not reader.left(), "parameters")
        first = begins[index] + (distance if direction else -distance)
        end = first + step.result_bytes
        malformed(0 <= first and end <= begins[-1], "source outside the chunk")
        malformed(not any(is_derived(other) and begins[i] < end and first < begins[i + 1]
                          for i, other in enumerate(steps) if i >= index), "source not known yet")


def read_delta(stream: bytes, open_file: OpenFile) -> tuple[dict, list[Chunk]]:
    """Section 7: the manifest, and the chunks."""
    frames = Frames(read_frames(stream, DELTA))
    text = frames.take_run(MANIFEST, 1)
    malformed(len(text) <= MAX_TEXT, "manifest too long")
    manifest = read_object(text)
    base, result = (read_side(manifest.get(name)) for name in ("base", "result"))
    malformed(isinstance(manifest.get("format", ""), str), "format")
    paths = [side.get("path", "") for side in (base, result)]
    malformed(bool(paths[0]) == bool(paths[1]), "one path alone")
    files = [open_file(decode_path(path)) for path in paths if path]
    for side, content in zip((base, result), files):
        check_file(content, side["length"], side["sha256"], side.get("state", ""))
    chunks: list[Chunk] = []
    made = 0
    while not frames.next_is(END):
        steps = read_steps(frames.take(STEPS), base["length"], result["length"] - made)
        length = sum(step.result_bytes for step in steps)
        windows = [window(step, base["length"]) for step in steps]
        if files:
            pieces = [piece(step, files[0][step.base_offset:], width)
                      for step, width in zip(steps, windows)]
            chunks.append(Chunk(steps, pieces, files[1][made:made + length]))
        else:
            carried = Reader(frames.take_bytes(sum(windows) + length))
            chunks.append(Chunk(steps, [carried.take(width) for width in windows],
                                carried.take(length)))
        made += length
    trailer = read_trailer(frames)
    malformed(made == result["length"] == trailer["length"] and trailer["sha256"] == result["sha256"],
              "not the whole result")
    return manifest, chunks
