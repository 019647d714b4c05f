"""Which of many faults a run of the tests tries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Job = TypeVar("Job")


def tried(jobs: Sequence[Job], stride: int) -> Sequence[Job]:
    """All where MALLORN_EVERY_FAULT is set. Else each `stride`th, which has no divisor in common with
    how many there are for a call: each call has some, and all are tried at some calls."""
    return jobs if os.environ.get("MALLORN_EVERY_FAULT") else jobs[::stride]
