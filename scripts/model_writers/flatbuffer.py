"""FlatBufferWriter: lays out tables, vectors and strings, and remembers where each went.

A buffer is described by plain nodes. A node that is referred to twice is written once, so
sharing (legal or hostile) is shown by sharing the Python object. Nodes are placed from the
front in topological order, because references are unsigned forward offsets:

    [root offset][identifier] ... [vtable][table] [vtable][table] [vector] ... [string]

`position`, `field_position` and `vtable_position` let the hostile generator overwrite
exactly the number it wants to falsify.
"""

import struct
import sys
from array import array
from dataclasses import dataclass
from typing import NamedTuple


class Scalar(NamedTuple):
    code: str  # of module struct: its size is also its alignment
    value: int | float


@dataclass(eq=False)
class Table:
    fields: dict  # slot -> Scalar or node; None means absent


@dataclass(eq=False)
class Vector:
    code: str
    values: list


@dataclass(eq=False)
class Blob:
    data: bytes
    align: int = 4


@dataclass(eq=False)
class Text:
    text: str | bytes


@dataclass(eq=False)
class Refs:
    items: list


@dataclass(eq=False)
class SameRefs:
    """A vector of `count` references to one table: heavy sharing in little memory."""

    item: object
    count: int


def children(node: object) -> list:
    if isinstance(node, Table):
        return [value for _, value in sorted(node.fields.items())
                if value is not None and not isinstance(value, Scalar)]
    if isinstance(node, Refs):
        return node.items
    return [node.item] if isinstance(node, SameRefs) else []


class FlatBufferWriter:
    def __init__(self, root: Table, identifier: bytes = b"TFL3",
                 share_vtables: bool = True, pad: int = 0) -> None:
        self.share_vtables = share_vtables
        self.position: dict[object, int] = {}
        self.vtable_position: dict[object, int] = {}
        self.field_position: dict[tuple[object, int], int] = {}
        self.vtables: dict[bytes, int] = {}
        self.pad = pad
        self.out = bytearray(4) + bytearray(identifier)
        order: list = []
        self.visit(root, set(), order)
        order.reverse()  # every node now stands after all that refer to it
        for node in order:
            self.place(node)
        for node in order:
            self.link(node)
        struct.pack_into("<I", self.out, 0, self.position[root])

    def visit(self, node: object, seen: set, order: list) -> None:
        seen.add(node)
        for child in reversed(children(node)):
            if child not in seen:
                self.visit(child, seen, order)
        order.append(node)

    def align(self, size: int, ahead: int = 0) -> None:
        """Pads until the byte `ahead` bytes further on is aligned to `size`."""
        self.out += bytes([self.pad]) * (-(len(self.out) + ahead) % size)

    def place(self, node: object) -> None:
        """Writes the node with zeros where references belong."""
        if isinstance(node, Table):
            self.place_table(node)
            return
        if isinstance(node, Vector):
            payload = struct.pack(f"<{len(node.values)}{node.code}", *node.values)
            count, alignment = len(node.values), struct.calcsize(node.code)
        elif isinstance(node, Blob):
            payload, count, alignment = node.data, len(node.data), node.align
        elif isinstance(node, Text):
            raw = node.text.encode() if isinstance(node.text, str) else node.text
            payload, count, alignment = raw + b"\0", len(raw), 4
        else:
            count = len(node.items) if isinstance(node, Refs) else node.count
            payload, alignment = bytes(4 * count), 4
        self.align(max(4, alignment), ahead=4)
        self.position[node] = len(self.out)
        self.out += struct.pack("<I", count) + payload

    def place_table(self, table: Table) -> None:
        fields = {slot: value if isinstance(value, Scalar) else Scalar("I", 0)
                  for slot, value in table.fields.items() if value is not None}
        slots = max(fields, default=-1) + 1
        offsets, inline = [0] * slots, bytearray(4)
        # Wide fields first, as flatc does: then only the table itself needs alignment.
        for slot in sorted(fields, key=lambda s: (-struct.calcsize(fields[s].code), s)):
            size = struct.calcsize(fields[slot].code)
            inline += bytes(-len(inline) % size)
            offsets[slot] = len(inline)
            inline += struct.pack("<" + fields[slot].code, fields[slot].value)
        vtable = struct.pack(f"<{slots + 2}H", 4 + 2 * slots, len(inline), *offsets)
        if not self.share_vtables or vtable not in self.vtables:
            self.align(2)
            self.vtables[vtable] = len(self.out)
            self.out += vtable
        self.align(8 if any(struct.calcsize(f.code) == 8 for f in fields.values()) else 4)
        start = len(self.out)
        self.position[table] = start
        self.vtable_position[table] = self.vtables[vtable]
        for slot in fields:
            self.field_position[table, slot] = start + offsets[slot]
        struct.pack_into("<i", inline, 0, start - self.vtables[vtable])
        self.out += inline

    def link(self, node: object) -> None:
        """Fills in the references of a node, now that every position is known."""
        if isinstance(node, Table):
            for slot, value in node.fields.items():
                if value is not None and not isinstance(value, Scalar):
                    at = self.field_position[node, slot]
                    struct.pack_into("<I", self.out, at, self.position[value] - at)
        elif isinstance(node, Refs):
            first = self.position[node] + 4
            for index, item in enumerate(node.items):
                at = first + 4 * index
                struct.pack_into("<I", self.out, at, self.position[item] - at)
        elif isinstance(node, SameRefs) and node.count:
            first = self.position[node] + 4
            distance = self.position[node.item] - first
            words = array("I", range(distance, distance - 4 * node.count, -4))
            if sys.byteorder == "big":
                words.byteswap()
            self.out[first:first + 4 * node.count] = words.tobytes()

    def bytes(self) -> bytes:
        return bytes(self.out)
