#!/usr/bin/env python3
"""--in-place: the model becomes the new one; whenever that is cut off, it can be finished."""

from __future__ import annotations

import os
import random
import re
import resource
import unittest

from pipelines import TESTS  # noqa: F401  (finds the modules of tests/cli)
from programs import is_sanitized, small_pair

from chunky import chunky_pair
from in_place import BLOCK, InPlaceTest, shuffled_pair


class InPlace(InPlaceTest):
    def test_all_kinds_of_pairs(self) -> None:
        old, new = (path.read_bytes() for path in small_pair())
        text = b"".join(b"%d bottles " % i for i in range(20000))
        pairs = {"tiny": (old, new), "back": (new, old), "same": (old, old), "shuffled": shuffled_pair(),
                 "unrelated": (text, random.Random(9).randbytes(1000)), "to nothing": (old, b""),
                 "from nothing": (b"", text), "shorter": (text, text[:100000]),
                 "longer": (text[:100000], text), "chunks": chunky_pair(2)}
        for name, pair in pairs.items():
            for options in (("--fast",), ("--profile", "lite")):
                if name == "chunks" and "lite" in options:
                    continue
                with self.subTest(name=name, options=options):
                    self.use(pair, *options)
                    self.succeed(*self.line)
                    self.assert_new()

    def test_again_is_no_fault(self) -> None:
        self.use(shuffled_pair())
        for _ in range(2):
            self.succeed(*self.line)
            self.assert_new()

    def test_keeps_its_permissions_and_its_inode(self) -> None:
        self.use(shuffled_pair())
        self.model.chmod(0o640)
        before = self.model.stat()
        self.succeed(*self.line)
        after = self.model.stat()
        self.assertEqual((before.st_ino, before.st_mode), (after.st_ino, after.st_mode))

    def test_patch_by_a_pipe_and_signed(self) -> None:
        self.use(shuffled_pair())
        self.succeed("mallorn-apply", "--in-place", "model", stdin=self.patch.read_bytes())
        self.assert_new()
        keys = self.home.parent / "key"
        self.succeed("mallorn", "keygen", keys)
        signed = self.home.parent / "signed"
        self.succeed("mallorn", "diff", "-q", "--sign", f"{keys}.key", "--model-id", "m", "--release", 3,
                     self.home.parent / "old", self.home.parent / "new", "-o", signed)
        line = ("mallorn", "patch", "--in-place", "--key", f"{keys}.pub", "--state",
                self.home.parent / "state", "model")
        self.model.write_bytes(self.old)
        self.fail_with(77, "bad_signature", *line, self.patch)
        self.assertEqual(self.model.read_bytes(), self.old)
        self.fail_with(77, "bad_signature", *line, "--undo", self.patch)
        self.succeed(*line, "--undo", signed)
        self.assert_old()
        self.assertFalse((self.home.parent / "state").exists())
        self.succeed(*line, signed)
        self.assert_new()
        self.fail_with(76, "base_mismatch", *line, "--undo", signed)
        self.assertIn("3 m\n", (self.home.parent / "state").read_text(encoding="ascii"))

    def test_nothing_is_touched_by_a_patch_that_fails(self) -> None:
        self.use(shuffled_pair())
        good = self.patch.read_bytes()
        before = self.model.stat()
        for at in (3, 150, len(good) // 2, len(good) - 20):
            damaged = bytearray(good)
            damaged[at] ^= 4
            self.patch.write_bytes(damaged)
            done = self.run_program(*self.line)
            self.assertEqual(done.code, 65, done)
            self.assert_one_error(done)
        self.patch.write_bytes(good)
        self.assertEqual(self.model.stat().st_mtime_ns, before.st_mtime_ns)
        self.model.write_bytes(self.old[:-1] + b"?")
        self.fail_with(76, "base_mismatch", *self.line)
        self.assertEqual(os.listdir(self.home), ["model"])

    def test_models_that_are_not_one_plain_file(self) -> None:
        self.use(shuffled_pair())
        (self.home / "link").symlink_to("model")
        self.fail_with(66, "cannot_open", *self.line[:-2], "link", self.patch)
        (self.home / "link").unlink()
        os.link(self.model, self.home / "second")
        self.fail_with(66, "cannot_open", *self.line)
        self.fail_with(66, "cannot_open", *self.line[:-2], "absent", self.patch)
        for name in (".", "/dev/full", "/dev/null"):
            self.fail_with(66, "cannot_open", *self.line[:-2], name, self.patch)
        self.assertEqual(self.model.read_bytes(), self.old)
        self.fail_with(64, "usage", *self.line[:-2], "model", "model")

    def test_a_file_of_the_user_where_the_journal_would_be(self) -> None:
        self.use(shuffled_pair())
        journal = self.home / "model.journal"
        for model in (self.old, self.new):
            self.model.write_bytes(model)
            journal.write_bytes(b"my notes")
            self.fail_with(73, "cannot_create", *self.line)
            self.assertEqual((self.model.read_bytes(), journal.read_bytes()), (model, b"my notes"))
            for content in (b"", bytes(4096)):  # no journal begins like that
                journal.write_bytes(content)
                self.fail_with(73, "cannot_create", *self.line)
                self.assertEqual((self.model.read_bytes(), journal.read_bytes()), (model, content))
        journal.write_bytes(self.patch.read_bytes())
        self.fail_with(64, "usage", *self.line[:-1], journal)
        self.assertEqual(journal.read_bytes(), self.patch.read_bytes())

    def test_journals_that_were_never_complete_are_removed(self) -> None:
        self.use(shuffled_pair())
        left = self.home / "model.journal.mallorn-part.99999"
        kept = self.home / "model.journal.mallorn-part.mine"
        kept.write_bytes(b"my notes")
        for line in (self.undo, self.line, self.line):
            left.write_bytes(bytes(4096))
            self.succeed(*line)
            self.assertEqual(sorted(os.listdir(self.home)), ["model", kept.name])
        self.assertEqual(self.model.read_bytes(), self.new)

    def test_undo_of_a_whole_model(self) -> None:
        self.use(shuffled_pair())
        self.succeed(*self.undo)
        self.assert_old()
        done = self.run_program("mallorn-apply", "-v", "--in-place", "--undo", "model", self.patch)
        self.assertIn(b"is the old model already", done.err)
        self.model.write_bytes(self.new)
        done = self.fail_with(76, "base_mismatch", *self.undo)
        self.assertIn(b"is the new model already", done.err)
        self.assert_new()
        self.model.write_bytes(self.new + b"?")
        done = self.fail_with(76, "base_mismatch", *self.undo)
        self.assertIn(b"is neither model", done.err)

    def test_without_undo_the_journal_is_smaller(self) -> None:
        self.use(shuffled_pair())
        sizes = []
        for options in ([], ["--no-undo"]):
            self.model.write_bytes(self.old)
            done = self.run_program("mallorn-apply", "-v", "--in-place", *options, "model", self.patch)
            note = re.search(rb"journal ([0-9,]+) bytes, .* for the way back ([0-9,]+)", done.err)
            sizes.append([int(number.replace(b",", b"")) for number in note.groups()])
            self.assert_new()
        self.assertGreater(sizes[0][1], BLOCK)
        self.assertEqual(sizes[1][1], 0)
        self.assertGreater(sizes[0][0], sizes[1][0] + sizes[0][1] - 65536)

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_a_folder_that_cannot_be_read(self) -> None:
        """Nobody could say whether the journal has its name on the disk."""
        self.use(shuffled_pair())
        self.home.chmod(0o300)
        done = self.run_program(*self.line)
        self.home.chmod(0o700)
        self.assertEqual((done.code, done.status), (74, "io"), done)
        self.assert_old()

    def test_the_same_file_twice(self) -> None:
        self.use(shuffled_pair())
        self.fail_with(64, "usage", "mallorn", "patch", "--in-place", "--key", "key", "--state", "model",
                       "model", self.patch)
        self.assertEqual(self.model.read_bytes(), self.old)

    def test_a_name_that_leaves_no_room_for_the_journal(self) -> None:
        self.use(shuffled_pair())
        for length, code in ((247, 0), (248, 73), (255, 73)):
            self.model = self.model.rename(self.home / ("m" * length))
            for undo in ([], ["--undo"]):
                done = self.run_program("mallorn", "patch", "--in-place", *undo, self.model.name, self.patch)
                if code == 0:
                    self.assertEqual(done.code, 76 if undo else 0, done)
                    continue
                self.assertEqual((done.code, done.status), (code, "cannot_create"), done)
                self.assertIn(b"a shorter name", done.lines[1])
            self.model.write_bytes(self.old)
            self.assertEqual(len(os.listdir(self.home)), 1)

    def test_what_the_journal_takes_is_told(self) -> None:
        """Not how long it is: one batch leaves room in the second slot."""
        self.use((b"x" * 9000000, random.Random(1).randbytes(400000) + b"x" * 8600000))
        done = self.run_program(*self.line, "-v", "--no-undo")
        told = int(re.search(rb"journal ([0-9,]+) bytes", done.err)[1].replace(b",", b""))
        self.assertLess(told, 800000)
        self.assertGreater(told, 400000)
        self.assert_new()

    def test_no_room_is_kept_by_one_that_failed(self) -> None:
        self.use((b"x" * 5000, random.Random(1).randbytes(4000000)))
        done = self.run_program(*self.line, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (2000000, 2000000)))
        self.assertEqual((done.code, done.status), (74, "no_space"), done)
        self.assertLess(self.model.stat().st_blocks * 512, 100000)

    def test_options_that_do_not_go_together(self) -> None:
        for options in (["-o", "x"], ["--resume"], ["--force"]):
            self.fail_with(64, "usage", "mallorn", "patch", "--in-place", *options, "a", "b")
            self.fail_with(64, "usage", "mallorn-apply", "--in-place", *options, "a", "b")
        self.fail_with(64, "usage", "mallorn-apply", "--in-place", "--verify", "a", "b")
        for program in (["mallorn", "patch"], ["mallorn-apply"]):
            self.fail_with(64, "usage", *program, "--in-place", "--undo", "--no-undo", "a", "b")
            for option in ("--undo", "--no-undo"):
                self.fail_with(64, "usage", *program, option, "a", "b", "-o", "c")

    def test_little_room(self) -> None:
        """No room for the journal, or for what the model grows by: it stays what it is."""
        for pair in (shuffled_pair(), (b"x" * 5000, random.Random(1).randbytes(200000))):
            self.use(pair)
            for length in (100, 70000, len(self.old), len(self.new) - 1):
                done = self.run_program(*self.line, preexec_fn=lambda n=length: resource.setrlimit(
                    resource.RLIMIT_FSIZE, (n, n)))
                self.assertEqual((done.code, done.status), (74, "no_space"), done)
                self.assertEqual((self.model.read_bytes(), os.listdir(self.home)), (self.old, ["model"]))
            self.succeed(*self.line)

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_little_address_space(self) -> None:
        self.use(chunky_pair(2), "--fast")
        for megabytes in range(6, 96, 6):
            done = self.run_program("mallorn-apply", "--in-place", "model", self.patch, preexec_fn=lambda
                                    n=megabytes << 20: resource.setrlimit(resource.RLIMIT_AS, (n, n)))
            if done.code not in (0, 127):  # not even the loader had enough
                self.assertIn(done.code, (66, 74, 75), done)
                self.assertIn(self.model.read_bytes(), (self.old, self.new))
        self.succeed(*self.line)
        self.assert_new()

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_little_memory(self) -> None:
        self.use(chunky_pair(2), "--fast")
        for options, least in (([], b"30"), (["--no-undo"], b"26")):
            self.model.write_bytes(self.old)
            done = self.fail_with(74, "out_of_memory", *self.line, *options, "--memory", "25M")
            self.assertIn(b"needs %s MiB of memory, and may have 25 MiB" % least, done.err)
            self.assertEqual(self.model.read_bytes(), self.old)
            self.succeed(*self.line, *options, "--memory", least.decode() + "M")
            self.assert_new()

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_a_plan_that_needs_more_memory(self) -> None:
        """Very many pieces change places: refused, with nothing touched, or done."""
        pieces = [random.Random(i).randbytes(40) for i in range(60000)]
        shuffled = random.Random(1).sample(pieces, len(pieces))
        self.use((b"".join(pieces), b"".join(shuffled)), "--fast")
        done = self.fail_with(74, "out_of_memory", *self.line, "--memory", "30M", "--threads", 1)
        self.assertIn(b"too many steps", done.err)
        self.assertEqual((self.model.read_bytes(), os.listdir(self.home)), (self.old, ["model"]))
        self.succeed(*self.line, "--memory", "64M", "--threads", 1)
        self.assert_new()


if __name__ == "__main__":
    unittest.main()
