"""The steps of a chunk, and bytes among them: docs/format/structure.md, sections 6, 13 and 14."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from byte_model import ByteModel
from derived import Corrections, add_products
from expectations import Cursor
from faults import Fault
from permuted import MOST_PICKS, MOST_STEPS, Permutation
from range_coder import BitModel, Number, RangeDecoder, Tree

COPY, BYTES, SECTION, DERIVED = 0, 1, 2, 3
STRAIGHT, WAITING, NEAR, NONE = 0, 1, 2, 3
MAX_STEPS = 1 << 14


@dataclass
class Step:
    kind: int
    length: int
    section: int = 0
    address: int = NONE
    offset: int | None = None  # in the base
    seen: int = 0  # bytes of the base that it reads from there on; kinds COPY and SECTION
    made: bytes | None = None  # kinds COPY and BYTES; of DERIVED the corrections, at first
    ahead: int = 0  # kind DERIVED: of its begin, the source's
    factor: int = 0  # kind DERIVED
    permutation: Permutation | None = None  # kind SECTION


@dataclass
class SectionOfSteps:
    """What steps have to know of their section."""

    result_bytes: int
    has_base: bool
    seen: Callable[[int], int | None] = lambda length: length  # bytes of the base for so many
    is_permuted: bool = False
    dtype: int = 0


class StructureDecoder:

    def __init__(self, coder: RangeDecoder, base: bytes, position: int, result_bytes: int,
                 coded_bytes: int, sections: list[SectionOfSteps]) -> None:
        self.coder = coder
        self.base = base
        self.position = position
        self.left = result_bytes
        self.coded_left = coded_bytes
        self.sections = sections
        self.section_left = [section.result_bytes for section in sections]
        place = min(position, len(base))
        self.waiting = place
        self.stops = [place] * 8  # of the last steps that read the base, the latest first
        self.starts = [place] * 8
        self.before = 0  # as a number: the nearest byte is the lowest
        self.steps: list[Step] = []
        in_sections = sum(section.result_bytes for section in sections)
        self.bytes = ByteModel(coded_bytes - in_sections)
        self.kind_models = [Tree(2) for _ in range(5)]
        self.kind_before = 0
        self.length_models = [Number() for _ in range(4)]
        self.section_model = Number()
        self.address_models = [Tree(2) for _ in range(3)]
        self.reference_model = Tree(4)
        self.distance_models = [Number() for _ in range(3)]
        self.direction_models = [BitModel() for _ in range(16)]
        self.source_distance_model = Number()
        self.source_direction_model = BitModel()
        self.factor_models = [Tree(8) for _ in range(4)]
        self.axes_model = Tree(3)
        self.order_models = [Tree(2) for _ in range(4)]
        self.elements_model = Number()
        self.moved_models = [BitModel(), BitModel()]
        self.picks_left = MOST_PICKS
        self.corrections = Corrections()

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
        self.kind_before = 1 + kind
        section = self.section_model.decode(coder) if kind == SECTION else 0
        step = Step(kind, self.length_models[kind].decode(coder), section)
        if kind == DERIVED:
            self.decode_source(step)
            self.check_length(step)
            return step
        step.address = self.address_models[kind].decode(coder)
        if step.address == STRAIGHT:
            step.offset = self.stops[0]
        elif step.address == WAITING:
            step.offset = self.waiting
        elif step.address == NEAR:
            step.offset = self.decode_near()
        self.check_length(step)
        if kind == SECTION and step.offset is not None and self.sections[section].is_permuted:
            step.permutation = self.decode_permutation()
        self.check_address(step)
        return step

    def decode_permutation(self) -> Permutation | None:
        axes = self.axes_model.decode(self.coder)
        if axes == 0:
            return None
        if axes > 4:
            raise Fault("corrupt_data", "axes")
        if sum(step.permutation is not None for step in self.steps) == MOST_STEPS:
            raise Fault("limit_exceeded", "permuted steps of a chunk")
        order, lengths, picked = [], [], []
        for i in range(axes):
            order.append(self.order_models[i].decode(self.coder))
            lengths.append(self.elements_model.decode(self.coder))
            picked.append(self.elements_model.decode(self.coder))
        first = self.elements_model.decode(self.coder)
        self.picks_left -= sum(picked)
        if self.picks_left < 0:
            raise Fault("limit_exceeded", "picks of a chunk")
        return Permutation(order, lengths, first, [self.decode_picks(count) for count in picked])

    def decode_picks(self, count: int) -> list[int]:
        picks, expected, moved = [], 0, 0
        for _ in range(count):
            moved = self.moved_models[moved].decode(self.coder)
            folded = self.elements_model.decode(self.coder) % (1 << 32) if moved else 0
            picks.append((expected + (folded >> 1 ^ -(folded & 1))) % (1 << 32))
            expected = picks[-1] + 1
        return picks

    def decode_source(self, step: Step) -> None:
        distance = self.source_distance_model.decode(self.coder)
        step.ahead = distance if self.source_direction_model.decode(self.coder) else -distance
        for model in reversed(self.factor_models):
            step.factor = step.factor << 8 | model.decode(self.coder)

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
        if step.kind == DERIVED and step.length % 4 != 0:
            raise Fault("corrupt_data", "a part of a number")

    def check_address(self, step: Step) -> None:
        if step.kind == COPY and step.offset is None:
            raise Fault("corrupt_data", "copy without an address")
        if step.kind == SECTION and (step.offset is not None) != self.sections[step.section].has_base:
            raise Fault("corrupt_data", "address and prediction do not go together")
        if step.kind == COPY:
            step.seen = step.length
        elif step.kind == SECTION and step.offset is not None:
            section = self.sections[step.section]
            if step.permutation is not None:
                seen = step.permutation.seen(section.dtype, step.length)
            else:
                seen = section.seen(step.length)
            if seen is None:
                raise Fault("corrupt_data", "a part of what is converted, or no permutation")
            step.seen = seen
        if step.offset is not None:
            end = step.offset + step.seen
            if step.offset < 0 or end > len(self.base):
                raise Fault("corrupt_data", "outside the base")

    def make(self, step: Step) -> None:
        """Makes the bytes of the step, unless a section has them, and moves on."""
        if step.kind == BYTES:
            self.make_bytes(step)
        elif step.kind == DERIVED:
            self.decode_corrections(step)
        elif step.offset is not None:
            end = step.offset + step.seen
            self.end_step(step.offset, end, end)
            step.made = self.base[step.offset:end] if step.kind == COPY else None
        if step.kind == SECTION:
            self.section_left[step.section] -= step.length
        if step.kind in (SECTION, DERIVED):
            self.before = 0
        else:
            assert step.made is not None
            self.before = int.from_bytes(
                (self.before.to_bytes(8, "big") + step.made[-8:])[-8:], "big")
        if step.kind != COPY:
            self.coded_left -= step.length
        self.left -= step.length
        self.position += step.length
        self.steps.append(step)

    def decode_corrections(self, step: Step) -> None:
        self.corrections.begin_step()
        step.made = b"".join(self.decode_correction(i).to_bytes(4, "little")
                             for i in range(step.length // 4))
        self.stops[0] = (self.stops[0] + step.length) % (1 << 64)
        self.waiting = (self.waiting + step.length) % (1 << 64)

    def decode_correction(self, index: int) -> int:
        return self.corrections.decode(self.coder)

    def make_bytes(self, step: Step) -> None:
        cursor = Cursor(None if step.offset is None else self.base, step.offset or 0)
        self.bytes.begin_step(self.position, self.before)
        step.made = bytes(self.decode_byte(cursor, i) for i in range(step.length))
        if step.offset is not None:
            self.end_step(step.offset, cursor.straight, cursor.waiting)

    def decode_byte(self, cursor: Cursor, index: int) -> int:
        return self.bytes.decode(self.coder, cursor)


def make_derived(steps: list[Step]) -> None:
    """The numbers of steps DERIVED, when all other steps have their bytes."""
    begins = [0, *accumulate(step.length for step in steps)]
    for index, step in enumerate(steps):
        if step.kind != DERIVED:
            continue
        first = begins[index] + step.ahead
        end = first + step.length
        if first < 0 or end > begins[-1]:
            raise Fault("corrupt_data", "source outside the chunk")
        source = b""
        for i, other in enumerate(steps):
            if begins[i + 1] <= first or begins[i] >= end:
                continue
            if other.kind == DERIVED and i >= index:
                raise Fault("corrupt_data", "source that is not known yet")
            assert other.made is not None
            source += other.made[max(first - begins[i], 0):end - begins[i]]
        assert step.made is not None
        step.made = add_products(step.made, source, step.factor)
