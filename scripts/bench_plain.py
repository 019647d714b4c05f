#!/usr/bin/env python3
"""The plain tensor baseline of scripts/bench: what one gets by XOR and zstd, without any model.

    bench_plain.py diff  MALLORN_PARSE OLD NEW PATCH
    bench_plain.py apply MALLORN_PARSE OLD PATCH OUTPUT

Each tensor of the new model is XORed with the tensor of the old one that has its name and length, and
split into byte planes (first bytes of all elements, second bytes, ...; block types, whose elements are
no whole bytes, stay as they are). Equal planes of all tensors of one element width go through zstd -19
together: fewer frames, or more, are larger. All else goes through zstd -19 with the old model as
reference. mallorn-parse tells where tensors are; the patch holds what apply cannot know from the old
model. Memory: several times both models, as this is for measuring sizes.

    patch   varints: length of each plane's frame, in the order of PLANES, 0 where all is zero; those
            frames; the frame of the rest
    rest    varints: count; for each tensor the place of its old one less that of the last one's
            successor (zigzag), and the bytes before it less those before the old one (zigzag);
            then the bytes between tensors
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True

from model_manifest import tensor_ranges

WIDTHS = {"f64": 8, "i64": 8, "u64": 8, "f32": 4, "i32": 4, "u32": 4, "f16": 2, "bf16": 2, "i16": 2,
          "u16": 2}  # all others: 1
PLANES = [(width, index) for width in (1, 2, 4, 8) for index in range(width)]


@dataclass(frozen=True)
class Place:
    """A tensor in a file, and how many bytes stand between it and the tensor before."""

    name: str
    offset: int
    length: int
    width: int
    gap: int


def places(mallorn_parse: str, model: str) -> list[Place]:
    found, end = [], 0
    for part in tensor_ranges(Path(mallorn_parse), Path(model)):
        width = WIDTHS.get(part.get("dtype"), 1)
        found.append(Place(next(iter(part.get("names") or ()), ""), part["offset"], part["length"],
                           1 if part["length"] % width else width, part["offset"] - end))
        end = part["offset"] + part["length"]
    return found


def diff(mallorn_parse: str, old_path: str, new_path: str, patch_path: str) -> None:
    old, new = Path(old_path).read_bytes(), Path(new_path).read_bytes()
    old_places = places(mallorn_parse, old_path)
    by_name = {(place.name, place.length): index for index, place in enumerate(old_places)}
    planes: dict[tuple[int, int], list[bytes]] = {key: [] for key in PLANES}
    steps, between = [], []
    count = end = expected = 0
    for place in places(mallorn_parse, new_path):
        index = by_name.get((place.name, place.length))
        if index is None:
            continue  # it goes with the bytes between
        was = old_places[index]
        residual = xor(new[place.offset:place.offset + place.length],
                       old[was.offset:was.offset + was.length])
        for i in range(was.width):
            planes[was.width, i].append(residual[i::was.width])
        steps += [index - expected, place.offset - end - was.gap]
        between.append(new[end:place.offset])
        count, end, expected = count + 1, place.offset + place.length, index + 1
    rest = b"".join([varint(count), *(varint(zigzag(step)) for step in steps), *between, new[end:]])
    frames = [zstd(["-19", "--long=27"], b"".join(parts)) if any(map(any, parts)) else b""
              for parts in planes.values()]
    window_log = min(31, max(17, (len(old) + len(rest)).bit_length()))
    Path(patch_path).write_bytes(b"".join([*(varint(len(frame)) for frame in frames), *frames, zstd(
        ["-19", f"--long={window_log}", f"--patch-from={old_path}", f"--stream-size={len(rest)}"],
        rest)]))


def apply(mallorn_parse: str, old_path: str, patch_path: str, output_path: str) -> None:
    old, patch = Path(old_path).read_bytes(), Path(patch_path).read_bytes()
    lengths = Varints(patch)
    sizes = [next(lengths) for _ in PLANES]
    planes, at = {}, lengths.at
    for key, size in zip(PLANES, sizes):
        frame = patch[at:at + size]
        planes[key] = io.BytesIO(zstd(["-d", "--long=27"], frame) if frame else b"")
        at += size
    rest = zstd(["-d", "--long=31", f"--patch-from={old_path}"], patch[at:])
    old_places, numbers = places(mallorn_parse, old_path), Varints(rest)
    count = next(numbers)
    steps = [unzigzag(next(numbers)) for _ in range(2 * count)]
    output, expected, rest = [], 0, rest[numbers.at:]
    for i in range(count):
        was = old_places[expected + steps[2 * i]]
        gap = was.gap + steps[2 * i + 1]
        residual, elements = bytearray(was.length), was.length // was.width
        for plane in range(was.width):
            part = planes[was.width, plane].read(elements)
            residual[plane::was.width] = part or bytes(elements)
        output += [rest[:gap], xor(bytes(residual), old[was.offset:was.offset + was.length])]
        expected, rest = expected + steps[2 * i] + 1, rest[gap:]
    Path(output_path).write_bytes(b"".join([*output, rest]))


def xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "little") ^ int.from_bytes(other, "little")).to_bytes(
        len(one), "little")


def zstd(options: list[str], content: bytes) -> bytes:
    # With a reference it gives advice on standard error even when it is told to be quiet.
    ended = subprocess.run(["zstd", "-q", "-c", "--no-check", *options], input=content,
                           capture_output=True, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr.decode(errors="replace"))
    return ended.stdout


def zigzag(value: int) -> int:
    return 2 * value if value >= 0 else -2 * value - 1


def unzigzag(value: int) -> int:
    return -(value + 1) // 2 if value & 1 else value // 2


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    coded = bytearray()
    while value >= 0x80:
        coded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*coded, value])


class Varints(Iterator[int]):
    """Reads varints from the front; `at` is where the next begins."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def __next__(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


def main(arguments: list[str]) -> int:
    commands = {"diff": diff, "apply": apply}
    if len(arguments) != 5 or arguments[0] not in commands:
        print("usage: bench_plain.py diff|apply MALLORN_PARSE ...", file=sys.stderr)
        return 64
    commands[arguments[0]](*arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
