"""Tests of scripts/bench-reliability that need keys: patches that nobody should apply.

Peers have no keys. They are given the same patches, made by themselves, and take them or not.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench_tools import OURS
from reliability_run import ACCEPTED, HELD, LIVE, Scene, judge, run

if TYPE_CHECKING:
    from reliability_cases import Subject

MODEL_ID = "model"


def made_by_others(subject: Subject) -> Iterator[str]:
    """A patch with which someone else makes another model of the base."""
    with subject.scene(LIVE) as scene:
        other = other_model(subject.new)
        if subject.tool.name != OURS:
            yield refusal(subject, scene, subject.apply(scene), make_patch(subject, scene, other))
            return
        keys = [make_key(subject, scene, name) for name in ("owner", "other")]
        signed = make_patch(subject, scene, other, "--sign", f"{keys[1]}.key", "--model-id", MODEL_ID)
        for patch in (make_patch(subject, scene, other), signed):
            yield refusal(subject, scene, trusting(subject, scene, keys[0]), patch)


def older_patch(subject: Subject) -> Iterator[str]:
    """A patch of the right owner, for a release before the one that is in use."""
    with subject.scene(LIVE) as scene:
        older = other_model(subject.new)
        if subject.tool.name != OURS:
            yield refusal(subject, scene, subject.apply(scene), make_patch(subject, scene, older))
            return
        key = make_key(subject, scene, "owner")
        first, second = (
            make_patch(subject, scene, model, "--sign", f"{key}.key", "--model-id", MODEL_ID,
                       "--release", str(release))
            for release, model in ((1, older), (2, subject.new)))
        argv = trusting(subject, scene, key)
        put_patch(scene, second)
        end = run(argv, scene, file_limit=subject.file_limit)
        if end.code != 0 or judge(scene, end, subject.new) != HELD:
            yield judge(scene, end, subject.new)
            return
        scene.before = subject.new
        yield refusal(subject, scene, argv, first)


def refusal(subject: Subject, scene: Scene, argv: list[str], patch: bytes) -> str:
    """Whether the patch is refused, and nothing changed by that."""
    put_patch(scene, patch)
    end = run(argv, scene, file_limit=subject.file_limit)
    return ACCEPTED if end.code == 0 else judge(scene, end, subject.new)


def other_model(model: bytes) -> bytes:
    middle = len(model) // 2
    return model[:middle] + bytes(byte ^ 1 for byte in model[middle:])


def put_patch(scene: Scene, patch: bytes) -> None:
    scene.patch.write_bytes(patch)
    scene.inputs[scene.patch] = patch


def make_patch(subject: Subject, scene: Scene, result: bytes, *options: str) -> bytes:
    made, patch = scene.folder / "made", scene.folder / "made.patch"
    made.write_bytes(result)
    program, *rest = subject.tool.diff(scene.base, made, patch, 1)
    # Options of ours stand behind the command.
    command = [program, *rest[:1], *options, *rest[1:]]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return patch.read_bytes()


def make_key(subject: Subject, scene: Scene, name: str) -> Path:
    key = scene.folder / name
    mallorn = subject.apply(scene)[0]
    subprocess.run([mallorn, "keygen", str(key)], check=True, capture_output=True)
    return key


def trusting(subject: Subject, scene: Scene, key: Path) -> list[str]:
    """Our command with what it asks of a patch."""
    mallorn, patch, *rest = subject.apply(scene)
    return [mallorn, patch, "--key", f"{key}.pub", "--model-id", MODEL_ID, "--state",
            str(scene.folder / "state"), *rest]
