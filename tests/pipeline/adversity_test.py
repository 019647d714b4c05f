#!/usr/bin/env python3
"""Files that change while they are read, resources that run out, names that a terminal would obey,
and models made to take long: no crash, no wrong result, nothing half written."""

from __future__ import annotations

import fcntl
import os
import random
import resource
import subprocess
import time
import unittest
from collections.abc import Callable

from pipelines import PipelineTest
from model_writers.gguf import PLAIN_TYPES, GgufWriter
from programs import Done, is_sanitized, real_pairs, small_pair

OLD, NEW = small_pair()
BEFORE = b"what was here before"
REFUSALS = (64, 65, 66, 69, 70, 73, 74, 76)
MOMENTS = (0.01, 0.5, 0.99) if not is_sanitized() else (0.5,)  # shares of a patch that have been read
STAGES = ("mallorn-delta", "mallorn-pack") if not is_sanitized() else ("mallorn-pack",)
CPU_SECONDS = 60 if not is_sanitized() else 600  # what takes quadratic time takes hours


class Changing(PipelineTest):
    """Someone else writes to the files that we read."""

    def setUp(self) -> None:
        super().setUp()
        generator = random.Random(1)
        old = generator.randbytes(3_000_000)
        new = bytearray(old[1000:])
        for at in range(0, len(new), 5000):
            new[at] ^= 0xFF
        self.old_bytes, self.new_bytes = old, bytes(new)
        self.base, self.new = self.home.parent / "base", self.home.parent / "new"
        self.base.write_bytes(self.old_bytes)
        self.new.write_bytes(self.new_bytes)
        self.patch = self.make_patch(self.base, self.new)
        self.out = self.home / "out"

    def apply_while(self, change: Callable[[], None], at: int, *options: str) -> Done:
        """Applies the patch; the change happens when `at` bytes of it have been given."""
        self.base.write_bytes(self.old_bytes)
        self.out.write_bytes(BEFORE)
        options = options or ("-o", "out", "--force")
        process = self.start("mallorn-apply", self.base, *options, stdin=subprocess.PIPE)
        process.stdin.write(self.patch[:at])
        process.stdin.flush()
        time.sleep(0.2)  # it is at work on that by now; if not, all is well, too
        change()
        try:
            _, err = process.communicate(self.patch[at:], timeout=60)
        except BrokenPipeError:  # it has seen enough
            err = process.stderr.read()
            process.wait(60)
        return Done(process.returncode, b"", err)

    def overwrite(self, bytes_from: int) -> None:
        with self.base.open("r+b") as file:
            file.seek(bytes_from)
            file.write(b"\xA5" * 4096)

    def test_an_update_in_place_meanwhile(self) -> None:
        """It is named, and not the patch blamed: also when the base was right at first."""
        journal = self.base.with_name("base.journal")

        def change() -> None:
            for at in range(0, len(self.old_bytes), 4096):
                self.overwrite(at)
            journal.write_bytes(b"any")

        for options, code in ((), 76), (("--verify",), 1):
            done = self.apply_while(change, len(self.patch) // 3, *options)
            self.assertEqual((done.code, self.out.read_bytes()), (code, BEFORE), done)
            self.assertIn(b"[base_mismatch]", done.err)
            self.assertIn(b"base.journal is there: an update in place is unfinished", done.err)
        with self.base.open("rb") as model:
            fcntl.flock(model, fcntl.LOCK_EX)
            done = self.run_program("mallorn-apply", "--verify", self.base, stdin=self.patch)
            self.assertIn(b"an update in place is under way", done.err)
        journal.unlink()
        done = self.apply_while(lambda: [self.overwrite(at) for at in range(0, 3_000_000, 4096)],
                                len(self.patch) // 3, "--verify")
        self.assertEqual(done.code, 1)
        self.assertIn(b"base was changed while it was read", done.err)

    def test_the_base(self) -> None:
        changes = [lambda: os.truncate(self.base, 0), lambda: os.truncate(self.base, 1_500_000),
                   lambda: os.truncate(self.base, 4096), lambda: self.overwrite(2_900_000),
                   lambda: self.overwrite(0), lambda: os.truncate(self.base, 9_000_000)]
        for change in changes:
            for share in MOMENTS:
                done = self.apply_while(change, int(share * len(self.patch)))
                if done.code == 0:  # it had read all that it needs
                    self.assertEqual(self.out.read_bytes(), self.new_bytes)
                    continue
                self.assertIn(done.code, (65, 74, 76), done)
                self.assert_one_error(done)
                self.assertEqual(self.out.read_bytes(), BEFORE)
                self.assertEqual(os.listdir(self.home), ["out"])

    def test_another_base_under_the_same_name(self) -> None:
        """What was opened is what is read."""
        other = self.home.parent / "other"
        other.write_bytes(bytes(3_000_000))
        done = self.apply_while(lambda: os.replace(other, self.base), len(self.patch) // 2)
        self.assertIn(done.code, (0, 76), done)  # 76: it had not been opened yet
        self.assertEqual(self.out.read_bytes(), BEFORE if done.code else self.new_bytes)

    def test_models_of_a_diff(self) -> None:
        """Between two stages, which both read them: no patch, or one that makes what it says."""
        for stage in STAGES:
            for path, content in ((self.base, self.old_bytes), (self.new, self.new_bytes)):
                for change in ("truncate -s 1000 {}", "truncate -s 0 {}", "truncate -s 4000000 {}",
                               "printf changed | dd of={} bs=1000 seek=1500 conv=notrunc status=none"):
                    with self.subTest(stage=stage, path=path.name, change=change):
                        path.write_bytes(content)
                        self.stand_in(stage, f'{change.format(path)}; exec "$real" "$@"')
                        done = self.run_program("mallorn", "diff", "-q", self.base, self.new, "-o", "p",
                                                env=self.use_stand_ins())
                        self.remove_stand_in(stage)
                        self.check_diff(done)
                        path.write_bytes(content)

    def check_diff(self, done: Done) -> None:
        if done.code != 0:
            self.assertIn(done.code, REFUSALS, done)
            self.assert_one_error(done)
            self.assertEqual(os.listdir(self.home), [])
            return
        applied = self.run_program("mallorn", "patch", self.base, "p", "-o", "made")
        if applied.code == 0:
            self.assertIn((self.home / "made").read_bytes(), (self.new_bytes, self.new.read_bytes()))
        else:
            self.assertIn(applied.code, (65, 76), applied)
        for name in os.listdir(self.home):
            (self.home / name).unlink()


class Resources(PipelineTest):
    """Too few descriptors, too short files, too little memory."""

    def setUp(self) -> None:
        super().setUp()
        old, new = real_pairs()[0]
        outside = self.home.parent
        self.patch = self.make_patch(old, new)
        patch, key = outside / "patch", outside / "key"
        patch.write_bytes(self.patch)
        self.succeed("mallorn-sign", "keygen", key)
        signed = self.succeed("mallorn-sign", "sign", "--key", f"{key}.key", stdin=self.patch)
        result = new.read_bytes()
        self.writers = (  # with -o: the output, where all is well
            (("mallorn-pack", "-q"), self.make_delta(old, new), self.patch),
            (("mallorn-apply", "-q", old), self.patch, result),
            (("mallorn-sign", "sign", "--key", f"{key}.key"), self.patch, signed),
            (("mallorn-sign", "verify", "--key", f"{key}.pub"), signed, signed),
            (("mallorn", "diff", "-q", old, new), b"", self.patch),
            (("mallorn", "patch", "-q", old, patch), b"", result))

    def check(self, kind: int, limit: int, *, is_told: bool) -> None:
        for line, stdin, written in self.writers:
            for before in (None, BEFORE):
                with self.subTest(line=line[0], limit=limit, before=before):
                    self.check_one(line, stdin, written, before,
                                   lambda: resource.setrlimit(kind, (limit, limit)), is_told)

    def check_one(self, line: tuple, stdin: bytes, written: bytes, before: bytes | None,
                  prepare: Callable[[], None], is_told: bool) -> None:
        out = self.home / "out"
        if before is not None:
            out.write_bytes(before)
        done = self.run_program(*line, "-o", "out", *(["--force"] if before else []), stdin=stdin,
                                preexec_fn=prepare)
        found = out.read_bytes() if out.exists() else None
        self.assertEqual(found, written if done.code == 0 else before, done)
        if is_told and done.code != 0:
            self.assertIn(done.code, (66, 73, 74), done)
            self.assert_one_error(done)
        self.assertLessEqual(set(os.listdir(self.home)), {"out"})
        out.unlink(missing_ok=True)

    def test_short_files(self) -> None:
        for limit in (0, 1, 1000, len(self.patch) - 1):
            self.check(resource.RLIMIT_FSIZE, limit, is_told=True)

    @unittest.skipIf(is_sanitized(), "a sanitizer needs some of its own")
    def test_few_descriptors(self) -> None:
        """Loaders and shells need some, and have messages of their own."""
        for limit in range(3, 13):
            self.check(resource.RLIMIT_NOFILE, limit, is_told=False)

    def test_no_room_for_a_long_list(self) -> None:
        """It fails on the way, and at its end there is nothing left to be written."""
        writer = GgufWriter()
        for number in range(500):
            writer.tensor(f"tensor.{number}", PLAIN_TYPES["F32"], [1], bytes(4))
        (self.home / "many").write_bytes(writer.build())
        for option in ("--list", "--manifest"):
            with open("/dev/full", "wb") as full:
                done = self.run_program("mallorn-parse", option, "many", stdout=full)
            self.assertEqual((done.code, done.status), (74, "io"), done)

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_little_memory(self) -> None:
        for megabytes in range(6, 120, 12):
            self.check(resource.RLIMIT_AS, megabytes << 20, is_told=False)


class Names(PipelineTest):
    """Tensors and their models choose their names; a terminal shall obey none of them."""

    NAMES = ("\x1b[2J\x1b]0;title\x07", "a\nmallorn-delta: all is well", "b\r\x08\x7f", "c\x9b31m",
             "d\u202egnp.exe", "%s%n$(id)`id`", "e" * 64)

    def test_of_tensors(self) -> None:
        for number in range(2):
            writer = GgufWriter()
            for name in self.NAMES:
                writer.tensor(name, PLAIN_TYPES["F32"], [64],
                              bytes([number + 1, 0, len(name), 60]) * 64)
            (self.home / f"m{number}.gguf").write_bytes(writer.build())
        texts = []
        for line in (("mallorn-parse", "--list", "m0.gguf"), ("mallorn-parse", "--manifest", "m0.gguf"),
                     ("mallorn", "diff", "--explain", "m0.gguf", "m1.gguf", "-o", "p"),
                     ("mallorn", "info", "-v", "--base", "m0.gguf", "p"), ("mallorn", "info", "--json", "p"),
                     ("mallorn", "patch", "-v", "m0.gguf", "p", "-o", "made")):
            done = self.run_program(*line)
            self.assertEqual(done.code, 0, done)
            texts += [done.out, done.err]
        for text in texts:
            self.assertNotRegex(text, rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
            self.assertNotRegex(text, rb"(?m)^mallorn-delta: all is well")
        self.assertIn(rb"\x1b[2J", texts[0])
        self.assertEqual((self.home / "made").read_bytes(), (self.home / "m1.gguf").read_bytes())


class Complexity(PipelineTest):
    """Inputs that would make a careless program compare everything with everything."""

    def round_trip(self, old: bytes, new: bytes) -> None:
        (self.home / "old").write_bytes(old)
        (self.home / "new").write_bytes(new)

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        self.succeed("mallorn", "diff", "-q", "old", "new", "-o", "p", preexec_fn=limit)
        self.succeed("mallorn", "patch", "old", "p", "-o", "made", preexec_fn=limit)
        self.assertEqual((self.home / "made").read_bytes(), new)
        for path in self.home.iterdir():
            path.unlink()

    def test_bytes_that_match_everywhere(self) -> None:
        size = 4_000_000 if not is_sanitized() else 400_000
        period = b"abcdefgh" * (size // 8)
        for old, new in ((bytes(size), bytes(size - 1) + b"x"), (bytes(size), b"x" + bytes(size)),
                         (period, period[3:] + period[:5]), (period[:-1] + b"!", period[1:] * 2),
                         (bytes(size), b"".join(bytes(k % 500) + b"\1" for k in range(size // 250)))):
            self.round_trip(old, new)

    def test_tensors_that_match_everywhere(self) -> None:
        """Equal contents, shapes and types under names that all differ."""
        count = 20_000 if not is_sanitized() else 2_000
        models = []
        for version in range(2):
            writer = GgufWriter()
            for number in range(count):
                content = bytes([version, 0, 0x80, 0x3F]) * 8
                writer.tensor(f"{version}.{number}", PLAIN_TYPES["F32"], [8], content)
            models.append(writer.build())
        self.round_trip(*models)


if __name__ == "__main__":
    unittest.main()
