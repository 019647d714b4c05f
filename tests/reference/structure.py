"""The steps of a chunk, and bytes among them: docs/format/structure.md, section 6."""

from __future__ import annotations

from dataclasses import dataclass

from byte_model import ByteModel
from expectations import Cursor
from faults import Fault
from range_coder import BitModel, Number, RangeDecoder, Tree

COPY, BYTES, SECTION = 0, 1, 2
STRAIGHT, WAITING, NEAR, NONE = 0, 1, 2, 3
MAX_STEPS = 1 << 14


@dataclass
class Step:
    kind: int
    length: int
    section: int = 0
    address: int = NONE
    offset: int | None = None  # in the base
    made: bytes | None = None  # kinds COPY and BYTES


class StructureDecoder:
    """`sections` is a list of (result_bytes, has_base)."""

    def __init__(self, coder: RangeDecoder, base: bytes, position: int, result_bytes: int,
                 coded_bytes: int, sections: list[tuple[int, bool]]) -> None:
        self.coder = coder
        self.base = base
        self.position = position
        self.left = result_bytes
        self.coded_left = coded_bytes
        self.sections = sections
        self.section_left = [length for length, _ in sections]
        place = min(position, len(base))
        self.waiting = place
        self.stops = [place] * 8  # of the last steps that read the base, the latest first
        self.starts = [place] * 8
        self.before = 0  # as a number: the nearest byte is the lowest
        self.steps: list[Step] = []
        self.bytes = ByteModel()
        self.kind_models = [Tree(2) for _ in range(4)]
        self.kind_before = 0
        self.length_models = [Number() for _ in range(3)]
        self.section_model = Number()
        self.address_models = [Tree(2) for _ in range(3)]
        self.reference_model = Tree(4)
        self.distance_models = [Number() for _ in range(3)]
        self.direction_models = [BitModel() for _ in range(16)]

    def run(self) -> list[Step]:
        while self.left > 0:
            if len(self.steps) == MAX_STEPS:
                raise Fault("limit_exceeded", "steps of a chunk")
            self.make(self.decode_step())
        if self.coded_left != 0 or any(self.section_left):
            raise Fault("corrupt_data", "steps do not add up")
        self.coder.check_end()
        return self.steps

    def decode_step(self) -> Step:
        coder = self.coder
        kind = self.kind_models[self.kind_before].decode(coder)
        if kind > SECTION:
            raise Fault("corrupt_data", "kind of a step")
        self.kind_before = 1 + kind
        section = self.section_model.decode(coder) if kind == SECTION else 0
        step = Step(kind, self.length_models[kind].decode(coder), section)
        step.address = self.address_models[kind].decode(coder)
        if step.address == STRAIGHT:
            step.offset = self.stops[0]
        elif step.address == WAITING:
            step.offset = self.waiting
        elif step.address == NEAR:
            step.offset = self.decode_near()
        self.check_length(step)
        self.check_address(step)
        return step

    def decode_near(self) -> int:
        reference = self.reference_model.decode(self.coder)
        place = (self.stops + self.starts)[reference]
        distance = self.distance_models[min(reference, 1) + reference // 8].decode(self.coder)
        backward = self.direction_models[reference].decode(self.coder)
        return place - distance if backward else place + distance

    def end_step(self, start: int, straight: int, waiting: int) -> None:
        """After a step that read the base."""
        self.stops = [straight, *self.stops[:7]]
        self.starts = [start, *self.starts[:7]]
        self.waiting = waiting

    def check_length(self, step: Step) -> None:
        if step.kind == SECTION and step.section >= len(self.sections):
            raise Fault("corrupt_data", "no such section")
        if step.length == 0 or step.length > self.left:
            raise Fault("corrupt_data", "length of a step")
        if step.kind != COPY and step.length > self.coded_left:
            raise Fault("corrupt_data", "more coded bytes than the header says")
        if step.kind == SECTION and step.length > self.section_left[step.section]:
            raise Fault("corrupt_data", "more bytes than the section has")

    def check_address(self, step: Step) -> None:
        if step.kind == COPY and step.offset is None:
            raise Fault("corrupt_data", "copy without an address")
        if step.kind == SECTION and (step.offset is not None) != self.sections[step.section][1]:
            raise Fault("corrupt_data", "address and prediction do not go together")
        if step.offset is not None:
            end = step.offset + (0 if step.kind == BYTES else step.length)
            if step.offset < 0 or end > len(self.base):
                raise Fault("corrupt_data", "outside the base")

    def make(self, step: Step) -> None:
        """Makes the bytes of the step, unless a section has them, and moves on."""
        if step.kind == BYTES:
            self.make_bytes(step)
        elif step.offset is not None:
            end = step.offset + step.length
            self.end_step(step.offset, end, end)
            step.made = self.base[step.offset:end] if step.kind == COPY else None
        if step.kind == SECTION:
            self.before = 0
            self.section_left[step.section] -= step.length
        else:
            assert step.made is not None
            self.before = int.from_bytes(
                (self.before.to_bytes(8, "big") + step.made[-8:])[-8:], "big")
        if step.kind != COPY:
            self.coded_left -= step.length
        self.left -= step.length
        self.position += step.length
        self.steps.append(step)

    def make_bytes(self, step: Step) -> None:
        cursor = Cursor(None if step.offset is None else self.base, step.offset or 0)
        self.bytes.begin_step(self.position, self.before)
        step.made = bytes(self.decode_byte(cursor, i) for i in range(step.length))
        if step.offset is not None:
            self.end_step(step.offset, cursor.straight, cursor.waiting)

    def decode_byte(self, cursor: Cursor, index: int) -> int:
        return self.bytes.decode(self.coder, cursor)
