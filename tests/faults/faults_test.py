#!/usr/bin/env python3
"""Every system call of mallorn-apply, of mallorn-pack and of the front end goes wrong, one at a time.

Whatever happens, the name of the output holds what it held, or the complete new file; nothing is left
beside it but what the next run removes, or goes on with; and that run succeeds.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import unittest
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "pipeline"))

from pipelines import PipelineTest, in_parallel
from programs import Done, small_pair

from tried import tried

LIBRARY = os.environ["MALLORN_FAULTS"]
KINDS = ("EIO", "ENOSPC", "EDQUOT", "ENOMEM", "EINTR", "short", "kill", "killed")
# Of the front end: a shell that cannot read its script takes it for one that ends there.
SHELL_KINDS = ("short", "kill", "killed")
NO_PROCESS = (1 << 31) - 1
BEFORE = b"what was here before"
OLD, NEW = small_pair()


@dataclass
class Case:
    """What is run, whose calls go wrong and how, and what its output is."""

    line: tuple
    program: str
    stdin: bytes
    written: bytes
    kinds: tuple[str, ...] = KINDS
    leftover: bytes | None = None  # of a run before; with --resume: may be left again


class Faults(PipelineTest):
    def setUp(self) -> None:
        super().setUp()
        patch = self.make_patch(OLD, NEW)
        self.patch_file = self.home.parent / "patch"
        self.patch_file.write_bytes(patch)
        new = NEW.read_bytes()
        self.cases = {
            "apply": Case(("mallorn-apply", "-q", OLD), "mallorn-apply", patch, new),
            "resume": Case(("mallorn-apply", "-q", OLD, "--resume"), "mallorn-apply", patch, new,
                           leftover=new + b"more"),
            "pack": Case(("mallorn-pack", "-q"), "mallorn-pack", self.make_delta(OLD, NEW), patch),
            "patch": Case(("mallorn", "patch", "-q", OLD, self.patch_file), "mallorn", b"", new, SHELL_KINDS),
        }

    def run_with(self, case: Case, folder: Path, *options: str, **faults: str) -> Done:
        environment = self.environment(FAULT_PROGRAM=case.program, LD_PRELOAD=LIBRARY, **faults)
        return self.run_program(*case.line, "-o", folder / "out", *options, stdin=case.stdin,
                                env=environment)

    def calls_of(self, case: Case) -> list[str]:
        folder = self.home / "counted"
        folder.mkdir()
        self.leave(case, folder)
        log = self.home / "calls"
        done = self.run_with(case, folder, FAULT_COUNT=str(log))
        self.assertEqual((done.code, (folder / "out").read_bytes()), (0, case.written))
        return log.read_text().split()

    def leave(self, case: Case, folder: Path) -> None:
        if case.leftover is not None:
            (folder / f"out.mallorn-part.{NO_PROCESS}").write_bytes(case.leftover)

    def check(self, case: Case, at: int, kind: str, had_file: bool) -> None:
        what = f"call {at}: {kind}"
        folder = self.home / f"{at}-{kind}-{had_file}"
        folder.mkdir()
        out = folder / "out"
        if had_file:
            out.write_bytes(BEFORE)
            self.leave(case, folder)
        options = ["--force"] if had_file else []
        done = self.run_with(case, folder, *options, FAULT_AT=str(at), FAULT_KIND=kind)
        found = out.read_bytes() if out.exists() else b""
        self.assertIn(found, (BEFORE if had_file else b"", case.written), what)
        if done.code == 0:
            self.assertEqual(found, case.written, what)
        elif case.kinds is SHELL_KINDS:
            pass  # it may have been a shell within the shell, and what a shell says is its own
        elif kind in ("kill", "killed"):
            self.assertEqual(done.code, -signal.SIGKILL, what)
        else:
            self.assert_one_error(done)
        left = set(os.listdir(folder)) - {"out"}
        if case.leftover is not None:
            self.assertTrue(all(re.fullmatch(r"out\.mallorn-part\.\d+", name) for name in left), left)
            self.assertTrue(all((folder / name).stat().st_size for name in left), what)
        elif kind not in ("kill", "killed"):
            self.assertEqual(left, set(), what)
        again = self.run_with(case, folder, "--force")
        self.assertEqual((again.code, again.err), (0, b""), what)
        self.assertEqual(out.read_bytes(), case.written, what)
        self.assertEqual(os.listdir(folder), ["out"], what)

    def check_every_call(self, name: str) -> None:
        case = self.cases[name]
        calls = self.calls_of(case)
        self.assertGreater(len(calls), 5)
        jobs = [(at, kind, had_file) for at in range(1, len(calls) + 1) for kind in case.kinds
                for had_file in (False, True)]
        faults = in_parallel(lambda job: self.fault_of(case, *job), tried(jobs, 5))
        self.assertEqual([fault for fault in faults if fault], [])

    def fault_of(self, case: Case, *job) -> str:
        try:
            self.check(case, *job)
        except AssertionError as error:
            return str(error)
        return ""

    def test_apply(self) -> None:
        self.check_every_call("apply")

    def test_resume(self) -> None:
        self.check_every_call("resume")

    def test_code_75_means_that_the_same_command_goes_on(self) -> None:
        """Whenever the signal comes: there is no moment when the result is there, and it says 75."""
        case = self.cases["resume"]
        codes = set()
        for at in range(1, len(self.calls_of(case)) + 1):
            folder = self.home / str(at)
            folder.mkdir()
            self.leave(case, folder)
            done = self.run_with(case, folder, FAULT_AT=str(at), FAULT_KIND="term")
            codes.add(done.code)
            if done.code == 75:
                again = self.run_with(case, folder)
                self.assertEqual((again.code, again.err), (0, b""), f"call {at}")
            self.assertEqual((folder / "out").exists(), done.code in (0, 75), f"call {at}: {done}")
        self.assertEqual(codes, {-signal.SIGTERM, 0, 75})  # before it can go on, when it is done, between

    def stop_when_complete(self, at: int, kind: str, length: int) -> None:
        """A call fails once all is decoded: it is kept, and nothing has to be decoded again."""
        case = self.cases["state"]
        what = f"call {at}: {kind}"
        folder = self.home / f"{at}-{kind}"
        folder.mkdir()
        state = ("--state", folder / "state")
        done = self.run_with(case, folder, *state, FAULT_AT=str(at), FAULT_KIND=kind)
        if done.code == 0 or (folder / "out").exists():
            return
        self.assert_one_error(done)
        parts = list(folder.glob("out.mallorn-part.*"))
        self.assertEqual([part.stat().st_size for part in parts], [length], f"{what}: {done}")
        if done.code == 75:
            self.assertTrue(done.err.endswith(b"goes on where this one stopped\n"), what)
        again = self.run_with(case, folder, *state, "-v")
        self.assertEqual(again.code, 0, f"{what}: {again}")
        self.assertIn(f"resumed at byte {length:,}\n".encode(), again.err, what)
        self.assertEqual((folder / "out").read_bytes(), case.written, what)

    def test_what_is_complete_is_kept(self) -> None:
        """By --resume, where a sync fails, the state cannot be written, or a name is not to be had."""
        self.patch_file.write_bytes(self.succeed("mallorn-pack", "-q", "--model-id", "m", "--release", 2,
                                                 stdin=self.make_delta(OLD, NEW)))
        new = NEW.read_bytes()
        case = Case(("mallorn-apply", OLD, self.patch_file, "--resume", "--checked"), "mallorn-apply", b"", new)
        self.cases["state"] = case
        log = self.home / "calls"
        folder = self.home / "counted"
        folder.mkdir()
        self.assertEqual(self.run_with(case, folder, "--state", folder / "state", FAULT_COUNT=str(log)).code, 0)
        calls = log.read_text().split()
        first = calls.index("fsync") + 1
        jobs = [(at, kind, len(new)) for at in range(first, len(calls) + 1)
                for kind in ("EIO", "ENOSPC", "EDQUOT", "ENOMEM")]
        in_parallel(lambda job: self.stop_when_complete(*job), jobs)
        done = self.run_with(case, self.home, "--state", self.home / "state", FAULT_AT=str(first),
                             FAULT_KIND="EIO")
        self.assertEqual((done.code, done.status), (75, "interrupted"), done)

    def test_pack(self) -> None:
        self.check_every_call("pack")

    def test_keygen(self) -> None:
        """Where there is no room for one key of a pair, there is none for the other."""
        log = self.home / "calls"
        keygen = ("mallorn-sign", "keygen")
        environment = {"FAULT_PROGRAM": "mallorn-sign", "LD_PRELOAD": LIBRARY}
        self.succeed(*keygen, self.home / "all", env=self.environment(FAULT_COUNT=str(log), **environment))
        calls = log.read_text().split()
        needed = calls[:calls.index("linkat")]  # that one can fail when the other is made
        self.assertEqual((needed.count("write"), needed.count("fsync")), (2, 2))
        for at, call in enumerate(needed, 1):
            folder = self.home / str(at)
            folder.mkdir()
            done = self.run_program(*keygen, folder / "key", env=self.environment(
                FAULT_AT=str(at), FAULT_KIND="ENOSPC", **environment))
            if done.code != 0:
                self.assertEqual(list(folder.iterdir()), [], f"call {at}: {call}")
                self.succeed(*keygen, folder / "key")
            self.assertEqual(len(list(folder.iterdir())), 2)

    def test_front_end(self) -> None:
        self.check_every_call("patch")


if __name__ == "__main__":
    unittest.main()
