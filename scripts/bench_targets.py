"""Bits per weight: what patches take on the pairs of make-finetune, and what they may take."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench_outcome import Outcome


@dataclass
class Reached:
    """One pair. Bits per weight of the whole patch, and of its parts that hold weights: the rest is
    headers, digests and structure, which matter less the larger a model is."""

    type: str
    update: str
    patch_bits: float
    weight_bits: float | None
    target_bits: float
    floor_bits: float | None
    diff_mb_per_s: float | None
    apply_mb_per_s: float | None

    @property
    def holds(self) -> bool:
        return self.patch_bits <= self.target_bits

    @property
    def is_unreachable(self) -> bool:
        """By any coder (finetune_floor.py)."""
        return self.floor_bits is not None and self.floor_bits > self.target_bits


def reached(outcomes: list[Outcome]) -> list[Reached]:
    """All pairs that have a target and whose round trip is good, in order of type and update."""
    found = []
    for outcome in outcomes:
        target, ours = outcome.case.target, outcome.ours
        if target and ours and ours.is_ok:
            to_bits = 8 / target.weights
            found.append(Reached(
                target.type, target.update, ours.patch_bytes * to_bits,
                None if outcome.weight_bytes is None else outcome.weight_bytes * to_bits,
                target.bits_per_weight, target.floor, ours.speed(ours.diff), ours.speed(ours.apply)))
    return found


def weight_bytes(mallorn: Path, patch: Path, weight_type: str) -> int | None:
    """Bytes of the patch that hold weights of a type; None when mallorn does not tell."""
    ended = subprocess.run([mallorn, "info", "--json", patch], capture_output=True, check=False)
    try:
        sections = json.loads(ended.stdout)["sections"]
    except (ValueError, KeyError):
        return None
    return sum(part["coded_bytes"] for part in sections if part["dtype"] == weight_type)
