#!/usr/bin/env python3
"""Updates in place under faults: every system call goes wrong, one at a time.

Whatever happens, the model is the old one, the new one, or its journal is there; and the same command,
run again, makes the new one of it and leaves nothing beside it. So does `--undo`, which makes the old one
of it, unless it is the new one already.
"""

from __future__ import annotations

import fcntl
import os
import random
import re
import resource
import shutil
import signal
import stat
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "pipeline"))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "reference"))

from pipelines import in_parallel
from programs import is_sanitized, small_pair

import journal
from chunky import chunky_pair
from in_place import InPlaceTest, shuffled_pair
from tried import tried

LIBRARY = os.environ["MALLORN_FAULTS"]
KINDS = ("EIO", "ENOSPC", "EINTR", "short", "kill", "killed")
UNDO_KINDS = ("EIO", "short", "killed")


def names_beside(model: Path) -> list[str]:
    return sorted(set(os.listdir(model.parent)) - {"model", "back"})


def has_unnamed(folder: Path) -> bool:
    """Whether the file system has files without names, which nobody has to remove."""
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR))
    except OSError:
        return False
    return True


def is_part(names: list[str], folder: Path) -> bool:
    """A journal that is not complete yet, where that needs a name."""
    return (not has_unnamed(folder) and len(names) == 1
            and names[0].startswith("model.journal.mallorn-part."))


class Interrupted(InPlaceTest):
    def calls_of(self, *line: object) -> list[str]:
        """What mallorn-apply asks of the system, from a run that succeeds."""
        log = self.home.parent / "calls"
        log.write_bytes(b"")
        done = self.run_program(*line, env=self.faulty(FAULT_COUNT=str(log)))
        self.assertEqual((done.code, done.err), (0, b""))
        return log.read_text(encoding="ascii").split()

    def faulty(self, **more: str) -> dict[str, str]:
        return self.environment(FAULT_PROGRAM="mallorn-apply", LD_PRELOAD=LIBRARY, **more)

    def stop_half_way(self) -> None:
        """The disk fails in the middle of the model's second change."""
        calls = self.calls_of(*self.line)
        self.model.write_bytes(self.old)
        syncs = [number for number, call in enumerate(calls, 1) if call == "fsync"]
        done = self.run_program(*self.line, env=self.faulty(FAULT_AT=str(syncs[4] + 3),
                                                            FAULT_KIND="EIO"))
        self.assertEqual((done.code, done.status), (75, "interrupted"), done)
        self.assertIn(b"hint: the same command", done.err)
        self.assertNotIn(self.model.read_bytes(), (self.old, self.new))

    def use_growing(self) -> None:
        old, new = shuffled_pair()
        self.use((old, new + old[: 100 << 10]))

    def check(self, at: int, kind: str) -> str:
        """One call goes wrong; what then is not as it should be."""
        folder = self.home / f"{at}-{kind}"
        folder.mkdir()
        model = folder / "model"
        model.write_bytes(self.old)
        line = ("mallorn-apply", "-q", "--in-place", model, self.patch)
        done = self.run_program(*line, env=self.faulty(FAULT_AT=str(at), FAULT_KIND=kind))
        what = f"call {at}: {kind}: {done}"
        content, left = model.read_bytes(), names_beside(model)
        if left not in ([], ["model.journal"]) and not (kind in ("kill", "killed") and is_part(left, folder)
                                                       and content == self.old):
            return f"{what}: left {left}"
        if content not in (self.old, self.new) and not left:
            return f"{what}: half way, and no journal"
        if done.code == 0 and (content != self.new or left):
            return f"{what}: no success"
        if kind not in ("kill", "killed") and done.code != 0 and content == self.old and left \
                and done.code != 75:
            return f"{what}: a journal for nothing"
        if content not in (self.old, self.new):
            seen = self.run_program("mallorn-apply", "--verify", model, self.patch)
            if seen.code != 1 or b"model.journal is there" not in seen.err:
                return f"{what}: verify says {seen}"
        return self.check_both_ways(what, model)

    def check_both_ways(self, what: str, model: Path) -> str:
        """From here the model can be made either; what then is not as it should be."""
        content = model.read_bytes()
        other = model.parent / "back" / "model"
        shutil.copytree(model.parent, other.parent)
        for each, option, made in ((other, ["--undo"], self.old), (model, [], self.new)):
            done = self.run_program("mallorn-apply", "-q", "--in-place", *option, each, self.patch)
            if option and content == self.new:
                if done.code != 76 or b"is the new model already" not in done.err:
                    return f"{what}: there is no way back, but {done}"
                if names_beside(each) != []:
                    return f"{what}: there is no way back, and left {names_beside(each)}"
                made = self.new
            elif (done.code, done.err) != (0, b"") or names_beside(each) != []:
                return f"{what}: then {option} {done}"
            if each.read_bytes() != made:
                return f"{what}: then {option} makes something else"
            if not option and names_beside(each) != []:
                return f"{what}: left at the end"
        return ""

    def check_undo(self, number: int, at: int, kind: str) -> str:
        """One call of an undo goes wrong that begins with what is in the folder `number`."""
        folder = self.home / f"{number}-{at}-{kind}"
        shutil.copytree(self.home / str(number), folder)
        model = folder / "model"
        done = self.run_program("mallorn-apply", "-q", "--in-place", "--undo", model, self.patch,
                                env=self.faulty(FAULT_AT=str(at), FAULT_KIND=kind))
        what = f"state {number}: call {at}: {kind}: {done}"
        content, left = model.read_bytes(), names_beside(model)
        if content != self.old and left != ["model.journal"]:
            return f"{what}: half way, and left {left}"
        if done.code == 0 and (content != self.old or left):
            return f"{what}: no success"
        return self.check_both_ways(what, model)

    def check_every_call_of_undo(self) -> None:
        """Updates are stopped at several places, and the undo of each at every place."""
        calls = self.calls_of("mallorn-apply", "-q", "--in-place", "model", self.patch)
        writes = [number for number, call in enumerate(calls, 1) if call == "pwrite"]
        states = []
        for number, at in enumerate(writes):
            folder = self.home / str(number)
            folder.mkdir()
            model = folder / "model"
            model.write_bytes(self.old)
            self.run_program("mallorn-apply", "-q", "--in-place", model, self.patch,
                             env=self.faulty(FAULT_AT=str(at), FAULT_KIND="killed"))
            if model.read_bytes() not in (self.old, self.new):
                states.append(number)
        self.assertGreater(len(states), 1)
        jobs = []
        for number in states[::max(1, len(states) // 2)]:
            copied = self.home / "counted"
            shutil.copytree(self.home / str(number), copied)
            count = len(self.calls_of("mallorn-apply", "-q", "--in-place", "--undo", copied / "model",
                                      self.patch))
            shutil.rmtree(copied)
            jobs += [(number, at, kind) for at in range(1, count + 1) for kind in UNDO_KINDS]
        faults = in_parallel(lambda job: self.check_undo(*job), tried(jobs, 2))
        self.assertEqual([fault for fault in faults if fault], [])

    def check_every_call(self) -> None:
        calls = self.calls_of("mallorn-apply", "-q", "--in-place", "model", self.patch)
        self.assert_new()
        self.assertIn("pwrite", calls)
        jobs = [(at, kind) for at in range(1, len(calls) + 1) for kind in KINDS]
        faults = in_parallel(lambda job: self.check(*job), tried(jobs, 5))
        self.assertEqual([fault for fault in faults if fault], [])

    def test_every_call(self) -> None:
        self.use(shuffled_pair())
        self.check_every_call()

    def test_every_call_without_chunks(self) -> None:
        self.use((b"old", random.Random(2).randbytes(2000)))
        self.check_every_call()

    def test_every_call_of_undo(self) -> None:
        self.use_growing()
        self.check_every_call_of_undo()

    def test_every_call_of_undo_without_chunks(self) -> None:
        self.use((bytes(range(256)) * 900, random.Random(2).randbytes(400000)))
        self.check_every_call_of_undo()

    def test_interruptions_of_interruptions(self) -> None:
        """Killed after each call in turn, and again, and again: it gets on."""
        self.use(shuffled_pair())
        calls = self.calls_of(*self.line)
        self.model.write_bytes(self.old)
        done = None
        for at in range(len(calls) // 3, 3 * len(calls)):
            done = self.run_program(*self.line, env=self.faulty(FAULT_AT=str(at), FAULT_KIND="kill"))
            if done.code == 0:
                break
        self.assertEqual(done.code, 0)
        self.assert_new()

    def test_is_finished_by_the_same_command(self) -> None:
        self.use_growing()
        self.stop_half_way()
        self.assertEqual(stat.S_IMODE(self.journal.stat().st_mode), 0o600)
        self.succeed(*self.line)
        self.assert_new()

    def test_other_commands_say_what_is_the_matter(self) -> None:
        self.use_growing()
        self.stop_half_way()
        for line in (("mallorn", "verify", "model", self.patch),
                     ("mallorn", "patch", "model", self.patch, "-o", "other"),
                     ("mallorn", "info", "--base", "model", self.patch)):
            done = self.run_program(*line)
            self.assertIn(done.code, (1, 76))
            self.assertIn(b"hint: model.journal is there", done.err)
        half = self.model.read_bytes()
        other = self.home.parent / "other"
        self.succeed("mallorn", "diff", "-q", self.home.parent / "old", small_pair()[0], "-o", other)
        done = self.fail_with(76, "base_mismatch", *self.line[:-1], other)
        self.assertIn(b"another patch", done.err)
        self.assertEqual(self.model.read_bytes(), half)
        self.succeed(*self.line)
        self.assert_new()

    def test_journals_that_are_not_ours(self) -> None:
        self.use_growing()
        self.stop_half_way()
        good, half = self.journal.read_bytes(), self.model.read_bytes()
        undo_bytes = int.from_bytes(good[90:98], "little")
        tables = 160 + undo_bytes
        stash = -(-tables // (64 << 10)) * (64 << 10)
        for at in (0, 4, 20, 60, 100, 159, tables + 5, tables + 30, stash):
            damaged = bytearray(good)
            damaged[at] ^= 1
            self.journal.write_bytes(damaged)
            done = self.run_program(*self.line)
            self.assertIn(done.code, (65, 69), f"byte {at}: {done}")
            self.assert_one_error(done)
            self.assertEqual(self.model.read_bytes(), half)
        for length in (0, 100, 160, 1000, len(good) // 2, len(good) - 1):
            self.journal.write_bytes(good[:length])
            done = self.run_program(*self.line)
            self.assertEqual(done.code, 65, done)
            self.assertEqual(self.model.read_bytes(), half)
        self.journal.unlink()
        (self.home / "journal").write_bytes(good)
        self.journal.symlink_to("journal")
        self.fail_with(66, "cannot_open", *self.line)
        self.journal.unlink()
        os.mkfifo(self.journal)
        self.fail_with(66, "cannot_open", *self.line)
        self.journal.unlink()
        os.rename(self.home / "journal", self.journal)
        self.succeed(*self.line)
        self.assert_new()

    def test_damage_of_what_is_kept_for_the_way_back(self) -> None:
        """It is found before it does harm, and does not matter to who goes on."""
        self.use_growing()
        self.stop_half_way()
        good, half = self.journal.read_bytes(), self.model.read_bytes()
        undo_bytes = int.from_bytes(good[90:98], "little")
        for at in (0, 4, 8, 12, 20, undo_bytes // 3):
            damaged = bytearray(good)
            damaged[160 + at] ^= 0x40
            self.journal.write_bytes(damaged)
            done = self.run_program(*self.undo)
            if done.code == 0:  # of a unit that is not in the model yet
                self.assert_old()
            else:
                self.assertEqual(done.code, 65, done)
                self.assertIn(b"undo record", done.err)
            self.journal.write_bytes(damaged)
            self.model.write_bytes(half)
            self.succeed(*self.line)
            self.assert_new()
            self.model.write_bytes(half)

    def test_by_the_reader_that_was_written_from_the_document(self) -> None:
        for pair in (shuffled_pair(), chunky_pair(1)):
            self.use(pair)
            self.stop_half_way()
            data, half = self.journal.read_bytes(), self.model.read_bytes()
            self.assertEqual(journal.undone(data, self.patch.read_bytes(), half), self.old)
            self.succeed(*self.undo)
            self.assert_old()

    def test_begun_without_undo(self) -> None:
        self.use_growing()
        self.line = (*self.line, "--no-undo")
        self.stop_half_way()
        done = self.fail_with(76, "base_mismatch", *self.undo)
        self.assertIn(b"--no-undo", done.err)
        self.succeed(*self.line[:-1])
        self.assert_new()

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_the_memory_of_the_way_back(self) -> None:
        """It says how much that is, and it is enough."""
        self.use(chunky_pair(2), "--fast")
        self.stop_half_way()
        half = self.model.read_bytes()
        done = self.fail_with(74, "out_of_memory", *self.undo, "--memory", "1M")
        figure = re.search(rb"needs ([0-9]+) MiB of memory, and may have 1 MiB", done.err)[1].decode()
        self.assertEqual(self.model.read_bytes(), half)
        self.succeed(*self.undo, "--memory", f"{figure}M")
        self.assert_old()

    def test_there_and_back_and_there(self) -> None:
        """Each run is killed somewhat later than the one before; it turns round every time."""
        self.use_growing()
        lines = [("mallorn-apply", *self.line[2:], *option) for option in ([], ["--undo"])]
        seen = set()
        for number, at in enumerate(range(25, 150, 2)):
            done = self.run_program(*lines[number % 2], env=self.faulty(FAULT_AT=str(at),
                                                                          FAULT_KIND="killed"))
            seen.add(self.model.read_bytes())
            self.assertIn(done.code, (0, -9, 76), done)
            if self.model.read_bytes() == self.new:
                self.succeed(*lines[0])
                self.model.write_bytes(self.old)
        self.assertGreater(len(seen), 4)
        self.run_program(*lines[0], env=self.faulty(FAULT_AT="60", FAULT_KIND="killed"))
        self.succeed(*lines[1])
        self.assert_old()

    def test_a_full_disk_half_way(self) -> None:
        """Whatever cannot be written on the way, there or back: both ways stay open."""
        self.use_growing()
        self.stop_half_way()
        half = self.model.read_bytes(), self.journal.read_bytes()
        for line, made in ((self.undo, self.old), (self.line, self.new)):
            self.model.write_bytes(half[0])
            self.journal.write_bytes(half[1])
            done = self.run_program(*line, preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_FSIZE, (100000, 100000)))
            self.assertEqual((done.code, done.status), (75, "interrupted"), done)
            self.succeed(*line)
            self.assertEqual(self.model.read_bytes(), made)

    def test_a_whole_model_is_never_changed_by_a_journal(self) -> None:
        """Whoever can write beside the model: it is removed, and the patch begins anew."""
        self.use_growing()
        self.stop_half_way()
        journal = self.journal.read_bytes()
        for content in (journal, journal[:4], journal[:4] + b"junk" * 100000):
            for model in (self.old, self.new):
                self.journal.write_bytes(content)
                self.model.write_bytes(model)
                self.succeed(*self.line)
                self.assert_new()

    def test_killed_at_any_time(self) -> None:
        self.use(chunky_pair(2), "--fast")
        rounds = 0
        for delay in range(0, 60, 4):
            self.model.write_bytes(self.old)
            process = self.start(*self.line)
            time.sleep(delay / 1000)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
            rounds += self.model.read_bytes() != self.old
            self.succeed(*self.line)
            self.assert_new()

    def test_two_at_a_time(self) -> None:
        self.use(shuffled_pair())
        with open(self.model, "rb") as model:
            fcntl.flock(model, fcntl.LOCK_EX)
            self.fail_with(66, "cannot_open", *self.line)
        self.succeed(*self.line)


if __name__ == "__main__":
    unittest.main()
