#!/usr/bin/env python3
"""Output files: they appear complete or not at all, and replace nothing unless told to."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
import unittest
from pathlib import Path

from programs import ProgramTest, drop_privileges, real_pairs, small_pair

OLD, NEW = small_pair()
BEFORE = b"what was here before"


class Output(ProgramTest):
    """Every way to write a file: a program with -o, and the commands of the front end."""

    def setUp(self) -> None:
        super().setUp()
        self.delta = self.make_delta(OLD, NEW)
        self.patch = self.make_patch(OLD, NEW)
        self.patch_file = self.home.parent / "patch"
        self.patch_file.write_bytes(self.patch)
        key = self.home.parent / "key"
        self.succeed("mallorn-sign", "keygen", key)
        with_key = "--key", f"{key}.key"
        signed = self.succeed("mallorn-sign", "sign", *with_key, stdin=self.patch)
        signed_file = self.home.parent / "signed"
        signed_file.write_bytes(signed)
        trust = "--key", f"{key}.pub"
        self.writers = {  # arguments without -o, standard input, what is written
            "pack": (("mallorn-pack",), self.delta, self.patch),
            "apply": (("mallorn-apply", OLD), self.patch, NEW.read_bytes()),
            "diff": (("mallorn", "diff", OLD, NEW), b"", self.patch),
            "patch": (("mallorn", "patch", OLD, self.patch_file), b"", NEW.read_bytes()),
            "sign": (("mallorn-sign", "sign", *with_key), self.patch, signed),
            "verify": (("mallorn-sign", "verify", *trust), signed, signed),
            "sign by front end": (("mallorn", "sign", *with_key, self.patch_file), b"", signed),
            "signed diff": (("mallorn", "diff", "--sign", f"{key}.key", OLD, NEW), b"", signed),
            "trusting patch": (("mallorn", "patch", *trust, OLD, signed_file), b"",
                               NEW.read_bytes()),
        }

    def entries(self) -> list[str]:
        return sorted(os.listdir(self.home))

    def each(self):
        for name, (line, stdin, written) in self.writers.items():
            with self.subTest(writer=name):
                yield line, stdin, written
                for path in self.home.iterdir():
                    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def test_new_file(self) -> None:
        for line, stdin, written in self.each():
            old_mask = os.umask(0o027)
            try:
                self.succeed(*line, "-o", "out", stdin=stdin)
            finally:
                os.umask(old_mask)
            self.assertEqual(self.entries(), ["out"])
            self.assertEqual((self.home / "out").read_bytes(), written)
            self.assertEqual(stat.S_IMODE((self.home / "out").stat().st_mode), 0o640)

    def test_ways_to_name_it(self) -> None:
        for line, stdin, written in self.each():
            for number, way in enumerate((["-oout"], ["--output=out"], ["--output", "./out"],
                                          ["-o", str(self.home / "out")])):
                self.succeed(*line, *way, *(["--force"] if number else []), stdin=stdin)
                self.assertEqual((self.home / "out").read_bytes(), written)

    def test_odd_names(self) -> None:
        for line, stdin, written in self.each():
            for name in ("two words", "new\nline\n", "-o", "--force", "$(echo x)`'\"*", "ö\udcff",
                         "-"):
                self.succeed(*line, "-o", f"./{name}", stdin=stdin)
                self.assertEqual((self.home / name).read_bytes(), written)
            self.assertEqual(len(self.entries()), 7)

    def test_existing_file_is_kept(self) -> None:
        for line, stdin, _ in self.each():
            out = self.home / "out"
            out.write_bytes(BEFORE)
            done = self.fail_with(73, "cannot_create", *line, "-o", "out", stdin=stdin)
            self.assertIn(b"--force", done.err)
            self.assertEqual((self.entries(), out.read_bytes()), (["out"], BEFORE))

    def test_force_replaces(self) -> None:
        for line, stdin, written in self.each():
            out = self.home / "out"
            out.write_bytes(BEFORE)
            out.chmod(0o400)
            self.succeed(*line, "-o", "out", "--force", stdin=stdin)
            self.assertEqual((self.entries(), out.read_bytes()), (["out"], written))

    def test_hard_link_is_broken_not_written_through(self) -> None:
        for line, stdin, written in self.each():
            (self.home / "other").write_bytes(BEFORE)
            os.link(self.home / "other", self.home / "out")
            self.succeed(*line, "-o", "out", "--force", stdin=stdin)
            self.assertEqual((self.home / "other").read_bytes(), BEFORE)
            self.assertEqual((self.home / "out").read_bytes(), written)

    def test_symbolic_link(self) -> None:
        for target in ("target", "dangling"):
            for line, stdin, written in self.each():
                (self.home / "target").write_bytes(BEFORE)
                out = self.home / "out"
                out.symlink_to(target)
                self.fail_with(73, "cannot_create", *line, "-o", "out", stdin=stdin)
                self.assertTrue(out.is_symlink())
                self.succeed(*line, "-o", "out", "--force", stdin=stdin)
                self.assertFalse(out.is_symlink())
                self.assertEqual(out.read_bytes(), written)
                self.assertEqual((self.home / "target").read_bytes(), BEFORE)
                self.assertEqual(self.entries(), ["out", "target"])

    def test_not_a_regular_file(self) -> None:
        for line, stdin, _ in self.each():
            (self.home / "folder").mkdir()
            os.mkfifo(self.home / "fifo")
            (self.home / "link").symlink_to("folder")
            for name in ("folder", "folder/", ".", "/", "fifo", "/dev/null", "link/"):
                for force in ([], ["--force"]):
                    done = self.fail_with(73, "cannot_create", *line, "-o", name, *force,
                                          stdin=stdin)
                    self.assertEqual(done.out, b"")
            self.assertEqual(self.entries(), ["fifo", "folder", "link"])
            self.assertEqual(list((self.home / "folder").iterdir()), [])
            (self.home / "link").unlink()

    def test_folder_that_is_absent(self) -> None:
        for line, stdin, _ in self.each():
            for name in ("absent/out", "absent/", str(OLD) + "/out"):
                self.fail_with(73, "cannot_create", *line, "-o", name, stdin=stdin)
            self.fail_with(73, "cannot_create", *line, "-o", "a" * 300, stdin=stdin)
            self.assertEqual(self.entries(), [])

    def test_folder_that_may_not_be_written(self) -> None:
        for line, stdin, _ in self.each():
            locked = self.home / "locked"
            locked.mkdir()
            (locked / "out").write_bytes(BEFORE)
            locked.chmod(0o555)
            command = [*drop_privileges(), *self.command(*line), "--force"]
            for name in ("locked/new", "locked/out"):
                done = subprocess.run([*command, "-o", name], input=stdin, capture_output=True,
                                      check=False, env=self.environment(), cwd=self.home)
                self.assertEqual(done.returncode, 73, done.stderr)
            self.assertEqual((locked / "out").read_bytes(), BEFORE)
            self.assertEqual(os.listdir(locked), ["out"])
            locked.chmod(0o755)
            (locked / "out").unlink()

    def test_input_is_never_the_output(self) -> None:
        base = self.home / "base.tflite"
        patch = self.home / "patch"
        link = self.home / "link"
        for force in ([], ["--force"]):
            base.write_bytes(OLD.read_bytes())
            patch.write_bytes(self.patch)
            os.link(base, link)
            (self.home / "symlink").symlink_to("base.tflite")
            for out in ("base.tflite", "link", "symlink", "patch", str(base), "./base.tflite"):
                for line in (("mallorn-apply", "base.tflite", "patch"),
                             ("mallorn", "patch", "base.tflite", "patch")):
                    self.fail_with(64, "usage", *line, "-o", out, *force)
            for out in ("base.tflite", "link", "symlink"):
                for pair in (("base.tflite", NEW), (NEW, "base.tflite")):
                    self.fail_with(64, "usage", "mallorn", "diff", *pair, "-o", out, *force)
            self.assertEqual(base.read_bytes(), OLD.read_bytes())
            self.assertEqual(patch.read_bytes(), self.patch)
            self.assertTrue((self.home / "symlink").is_symlink())
            for path in self.home.iterdir():
                path.unlink()

    def test_a_file_called_standard_input_is_a_file(self) -> None:
        out = self.home / "standard input"
        out.write_bytes(BEFORE)
        self.succeed("mallorn-apply", OLD, "-", "-o", out.name, "--force", stdin=self.patch)
        self.assertEqual(out.read_bytes(), NEW.read_bytes())

    def test_no_output_after_failure(self) -> None:
        broken = self.patch[:-20]
        damaged = bytearray(self.patch)
        damaged[-10] ^= 4
        lines = [(("mallorn-apply", OLD), broken), (("mallorn-apply", OLD), bytes(damaged)),
                 (("mallorn-apply", NEW), self.patch), (("mallorn-pack",), self.delta[:-5]),
                 (("mallorn-pack",), b""), (("mallorn", "diff", OLD, "absent"), b""),
                 (("mallorn", "diff", "absent", NEW), b""), (("mallorn", "patch", OLD, NEW), b""),
                 (("mallorn", "patch", NEW, self.patch_file), b"")]
        for line, stdin in lines:
            done = self.run_program(*line, "-o", "out", stdin=stdin)
            self.assertNotEqual(done.code, 0)
            self.assert_one_error(done)
            self.assertEqual(self.entries(), [], line)
            (self.home / "out").write_bytes(BEFORE)
            done = self.run_program(*line, "-o", "out", "--force", stdin=stdin)
            self.assertNotEqual(done.code, 0)
            self.assertEqual((self.home / "out").read_bytes(), BEFORE, line)
            (self.home / "out").unlink()

    def test_closed_standard_output_does_not_matter_with_o(self) -> None:
        for line, stdin, written in self.each():
            command = ["sh", "-c", 'exec "$@" >&-', "sh", *self.command(*line), "-o", "out"]
            done = subprocess.run(command, input=stdin, capture_output=True, cwd=self.home,
                                  check=False, env=self.environment())
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertEqual((self.home / "out").read_bytes(), written)

    def test_race_for_the_name(self) -> None:
        """A file that someone else creates while the work goes on is kept."""
        for line, stdin in ((("mallorn-apply", OLD), self.patch), (("mallorn-pack",), self.delta)):
            process = self.start(*line, "-o", "out", stdin=subprocess.PIPE)
            process.stdin.write(stdin[:-1])
            process.stdin.flush()
            time.sleep(0.2)
            (self.home / "out").write_bytes(BEFORE)
            _, err = process.communicate(stdin[-1:], timeout=60)
            self.assertEqual((process.returncode, b"[cannot_create]" in err), (73, True), err)
            self.assertEqual((self.home / "out").read_bytes(), BEFORE)
            (self.home / "out").unlink()
            self.assertEqual(self.entries(), [])


class Interrupted(ProgramTest):
    def test_programs(self) -> None:
        """Killed in the middle of their input: nothing is there, and what was there is."""
        old, new = real_pairs()[0]
        delta = self.make_delta(old, new, inline=True)
        lines = ((("mallorn-apply", old), self.make_patch(old, new)), (("mallorn-pack",), delta))
        for line, stdin in lines:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL):
                for before in (None, BEFORE):
                    with self.subTest(line=line, number=number, before=before):
                        self.interrupt(line, stdin, number, before)

    def interrupt(self, line: tuple, stdin: bytes, number: signal.Signals,
                  before: bytes | None) -> None:
        out = self.home / "out"
        if before is not None:
            out.write_bytes(before)
        process = self.start(*line, "-o", "out", "--force", stdin=subprocess.PIPE)
        process.stdin.write(stdin[: len(stdin) * 3 // 4])
        process.stdin.flush()
        time.sleep(0.1)
        process.send_signal(number)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -number)
        self.assertEqual(os.listdir(self.home), [] if before is None else ["out"])
        if before is not None:
            self.assertEqual(out.read_bytes(), before)
            out.unlink()

    def test_front_end(self) -> None:
        """Killed at some moment: the patch is complete, or there is none; no process stays."""
        old, new = real_pairs()[0]
        whole = self.make_patch(old, new)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            for delay in (0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16):
                with self.subTest(number=number, delay=delay):
                    process = self.start("mallorn", "diff", old, new, "-o", "out",
                                         start_new_session=True)
                    time.sleep(delay)
                    process.send_signal(number)
                    process.communicate(timeout=60)
                    self.assertIn(process.returncode, (-number, 0))
                    self.assertEqual(wait_for_end(process.pid), [])
                    out = self.home / "out"
                    if out.exists():
                        self.assertEqual(out.read_bytes(), whole)
                        out.unlink()
                    self.assertEqual(os.listdir(self.home), [])
                    self.assertEqual(os.listdir(self.temporary), [])


def wait_for_end(session: int, seconds: float = 5) -> list[str]:
    """Waits until no process of the session is left; those that are, after some seconds."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(session)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def processes_of(session: int) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:  # it has just ended
            continue
        name, _, rest = fields.rpartition(")")
        state, _, _, its_session = rest.split()[:4]
        if int(its_session) == session and state != "Z":
            found.append(name)
    return found


if __name__ == "__main__":
    unittest.main()
