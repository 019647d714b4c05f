#!/usr/bin/env python3
"""--resume: an interrupted apply goes on where it stopped, and what it finds is not believed."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import time
import unittest

from chunky import ChunkyTest  # also finds the modules of tests/cli
from programs import is_sanitized

GO_ON = b"mallorn-apply: hint: the same command, run again, goes on where this one stopped\n"


class Resume(ChunkyTest):
    def setUp(self) -> None:
        super().setUp()
        self.line = ("mallorn", "patch", self.old, self.patch, "-o", "out", "--resume")

    def left(self) -> list[str]:
        return sorted(os.listdir(self.home))

    def stop_at(self, length: int, *line: object, stdin: bytes = b"") -> None:
        """Lets the output be no longer than that: the leftover has that length."""
        done = self.run_program(*(line or self.line), stdin=stdin, preexec_fn=lambda:
                                resource.setrlimit(resource.RLIMIT_FSIZE, (length, length)))
        self.assertEqual((done.code, done.status), (75, "interrupted"), done)
        self.assertTrue(done.err.endswith(GO_ON), done)
        self.assertEqual(len(self.left()), 1)
        self.assertRegex(self.left()[0], r"^out\.mallorn-part\.\d+$")

    def resumed_at(self, *line: object, stdin: bytes = b"") -> int:
        done = self.run_program(*(line or self.line), "-v", stdin=stdin)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.left(), ["out"])
        self.assertEqual((self.home / "out").read_bytes(), self.models[1])
        found = re.search(rb"note: resumed at byte ([0-9,]+)\n", done.err)
        return int(found[1].replace(b",", b"")) if found else 0

    def test_goes_on_after_a_full_disk(self) -> None:
        self.stop_at(5 << 19)
        self.assertGreater(self.resumed_at(), 1 << 20)

    def test_decodes_only_the_rest(self) -> None:
        self.stop_at(5 << 19)
        done = self.run_program(*self.line, "-v")
        decoded = int(re.search(rb"decoded steps: ([0-9,]+) bytes", done.err)[1].replace(b",", b""))
        resumed = int(re.search(rb"resumed at byte ([0-9,]+)", done.err)[1].replace(b",", b""))
        self.assertEqual(decoded + resumed, len(self.models[1]))

    def test_stops_and_goes_on_several_times(self) -> None:
        for length in (1 << 20, 2 << 20, 3 << 20):
            self.stop_at(length)
        self.assertGreater(self.resumed_at(), 2 << 20)

    def test_patch_from_standard_input(self) -> None:
        patch = self.patch.read_bytes()
        line = ("mallorn-apply", self.old, "-o", "out", "--resume")
        self.stop_at(2 << 20, *line, stdin=patch)
        self.assertGreater(self.resumed_at(*line, stdin=patch), 1 << 19)

    def test_a_line_that_is_cut(self) -> None:
        """A patch that comes by a pipe and ends too early is as good as any interruption."""
        patch = self.patch.read_bytes()
        line = ("mallorn-apply", self.old, "-o", "out", "--resume")
        done = self.run_program(*line, stdin=patch[: len(patch) - 9])
        self.assertEqual((done.code, done.status), (75, "interrupted"), done)
        self.assertGreater(self.resumed_at(*line, stdin=patch), 2 << 20)
        (self.home / "out").unlink()
        self.patch.write_bytes(patch[: len(patch) - 9])
        self.fail_with(65, "truncated", *self.line)
        self.assertEqual(self.left(), [])

    def test_mistakes_do_not_cost_what_is_left(self) -> None:
        self.stop_at(5 << 19)
        cut = self.home.parent / "cut"
        patch = self.patch.read_bytes()
        for length in (0, 10, 100, len(patch) // 2, len(patch) - 1):
            cut.write_bytes(patch[:length])
            self.fail_with(65, "truncated", "mallorn", "patch", self.old, cut, "-o", "out", "--resume")
        cut.write_bytes(b"no patch at all")
        for wrong in (cut, self.old, "absent", "."):
            done = self.run_program("mallorn", "patch", self.old, wrong, "-o", "out", "--resume")
            self.assertIn(done.code, (65, 66))
        self.fail_with(74, "out_of_memory", *self.line, "--memory", "1M")
        done = self.run_program("mallorn", "patch", self.new, self.patch, "-o", "out", "--resume")
        self.assertEqual(done.code, 76)
        self.assertGreater(self.resumed_at(), 1 << 20)

    def test_signals(self) -> None:
        patch = self.patch.read_bytes()
        line = ("mallorn-apply", "--threads", 1, self.old, "-o", "out", "--resume")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            process = self.start(*line, stdin=subprocess.PIPE)
            process.stdin.write(patch[: len(patch) - 9])
            process.stdin.flush()
            self.wait_for_output()
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            if number == signal.SIGKILL:
                self.assertEqual((process.returncode, err), (-number, b""))
            else:
                self.assertEqual(process.returncode, 75)
                self.assertEqual(err, b"mallorn-apply: error: out: stopped by a signal [interrupted]\n"
                                 + GO_ON)
            self.assertGreater(self.resumed_at(*line, stdin=patch), 1 << 20)
            (self.home / "out").unlink()

    def wait_for_output(self) -> None:
        """Until all that can be made has been written."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            parts = list(self.home.glob("out.mallorn-part.*"))
            if parts and parts[0].stat().st_size > 5 << 19:
                return
            time.sleep(0.01)
        self.fail("nothing is written")

    def test_signed(self) -> None:
        self.succeed("mallorn", "keygen", self.home.parent / "key")
        signed = self.home.parent / "signed"
        self.succeed("mallorn", "sign", "--key", self.home.parent / "key.key", self.patch, "-o", signed)
        line = ("mallorn", "patch", "--key", self.home.parent / "key.pub", self.old, signed, "-o", "out",
                "--resume")
        self.stop_at(2 << 20, *line)
        self.assertGreater(self.resumed_at(*line), 1 << 19)

    def test_lite_starts_anew(self) -> None:
        self.patch.unlink()
        self.succeed("mallorn", "diff", "-q", "--profile", "lite", self.old, self.new, "-o", self.patch)
        self.stop_at(2 << 20)
        self.assertEqual(self.resumed_at(), 0)

    def test_hostile_leftovers(self) -> None:
        process = subprocess.Popen(["true"])
        process.wait()
        part = self.home / f"out.mallorn-part.{process.pid}"
        target = self.home.parent / "target"
        part.write_bytes(b"junk" * 1000000)
        self.assertEqual(self.resumed_at(), 0)
        (self.home / "out").unlink()
        for make in (lambda: part.symlink_to(target), lambda: part.symlink_to("nowhere"),
                     lambda: os.mkfifo(part), lambda: os.link(target, part),
                     lambda: part.symlink_to("/dev/zero")):
            target.write_bytes(b"precious")
            make()
            self.succeed(*self.line)
            self.assertEqual(self.left(), ["out", part.name])  # not ours: not touched
            self.assertEqual((self.home / "out").read_bytes(), self.models[1])
            self.assertEqual(target.read_bytes(), b"precious")
            (self.home / "out").unlink()
            part.unlink()

    def test_what_is_left_allows_no_more_than_a_new_file(self) -> None:
        """Nor less: whoever made it may have had another umask, or bad intentions."""
        part = self.home / "out.mallorn-part.5"
        for mask, mode, made in ((0o022, 0o4777, 0o644), (0o077, 0o2666, 0o600), (0o022, 0o600, 0o644)):
            for options, replaced in (([], None), (["--force"], 0o640)):
                part.write_bytes(self.models[1][: 5 << 19])
                part.chmod(mode)
                if replaced is not None:
                    (self.home / "out").write_bytes(b"before")
                    (self.home / "out").chmod(replaced)
                done = self.run_program(*self.line, "-v", *options, preexec_fn=lambda m=mask: os.umask(m))
                self.assertIn(b"resumed at byte", done.err)
                self.assertEqual(self.left(), ["out"])
                self.assertEqual(oct((self.home / "out").stat().st_mode & 0o7777), oct(replaced or made))
                (self.home / "out").unlink()

    def test_a_number_that_is_used_again(self) -> None:
        """Processes have the numbers of others that ended: what counts is who works on the file."""
        self.stop_at(2 << 20)
        (self.home / self.left()[0]).rename(self.home / f"out.mallorn-part.{os.getpid()}")
        self.assertGreater(self.resumed_at(), 1 << 19)

    def test_pieces_of_the_user_stay(self) -> None:
        names = ["out.mallorn-part.01", "out.mallorn-part.x1", "out.part.1234", "out.part.4000000"]
        for name in names:
            (self.home / name).write_bytes(b"mine")
        self.succeed(*self.line)
        self.assertEqual(self.left(), sorted(["out", *names]))

    def test_without_it_nothing_is_left(self) -> None:
        done = self.run_program(*self.line[:-1], preexec_fn=lambda:
                                resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
        self.assertEqual((done.code, done.status), (74, "no_space"), done)
        self.assertEqual(self.left(), [])

    def test_devices_are_refused(self) -> None:
        for name in ("/dev/full", "/dev/null", "."):
            self.fail_with(73, "cannot_create", "mallorn-apply", self.old, self.patch, "--resume", "-o", name,
                           "--force")

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    @unittest.skipIf("MALLORN_EMULATOR" in os.environ, "it is the emulator that would need that memory")
    def test_little_address_space(self) -> None:
        for megabytes in range(6, 96, 6):
            done = self.run_program("mallorn-apply", self.old, self.patch, "-o", "out", "--resume", "--force",
                                    preexec_fn=lambda n=megabytes << 20: resource.setrlimit(
                                        resource.RLIMIT_AS, (n, n)))
            self.assertIn(done.code, (0, 66, 74, 75, 127), done)
        self.succeed(*self.line, "--force")
        self.assertEqual((self.home / "out").read_bytes(), self.models[1])

    def test_takes_a_file(self) -> None:
        for options in ([], ["-o", "-"]):
            self.fail_with(64, "usage", "mallorn-apply", self.old, self.patch, "--resume", *options)
        self.fail_with(64, "usage", "mallorn-apply", "--verify", self.old, self.patch, "--resume")


if __name__ == "__main__":
    unittest.main()
