#!/usr/bin/env python3
"""Exit codes, each with a way to reach it, and the one line that goes with it (docs/errors.md)."""

from __future__ import annotations

import errno
import os
import pty
import re
import resource
import select
import shutil
import subprocess
import unittest

from programs import (MODELS, PROGRAMS, TOP, ProgramTest, drop_privileges, is_sanitized, program,
                      small_pair)

OLD, NEW = small_pair()
LINE_WITH_STATUS = re.compile(r"^\| (\d+) \| `(\w+)` \| (\d+) \|", re.MULTILINE)


def crc32c(data: bytes) -> int:
    """Bit by bit, so that it shares nothing with the code under test."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(kind: int, payload: bytes, *, flags: int = 0) -> bytes:
    head = bytes((kind, flags, 0, 0)) + len(payload).to_bytes(4, "little")
    return head + payload + crc32c(head + payload).to_bytes(4, "little")


class Documented(unittest.TestCase):
    def test_table_agrees_with_the_source(self) -> None:
        listed = {(int(number), name) for number, name, _ in
                  LINE_WITH_STATUS.findall((TOP / "docs/errors.md").read_text(encoding="utf-8"))}
        source = (TOP / "libcommon/core/status.hpp").read_text(encoding="utf-8")
        found = {(int(number), name) for name, number in re.findall(r"^ +(\w+) = (\d+),", source,
                                                                    re.MULTILINE)}
        self.assertEqual(listed, found)

    def test_exit_codes_agree_with_the_source(self) -> None:
        listed = {name: int(code) for _, name, code in
                  LINE_WITH_STATUS.findall((TOP / "docs/errors.md").read_text(encoding="utf-8"))}
        source = (TOP / "libcommon/cli.cpp").read_text(encoding="utf-8")
        body = source[source.index("int exit_code(Status status)"):]
        waiting = []
        for name, code in re.findall(r"case Status::(\w+):(?:\s*return (\d+);)?", body):
            waiting.append(name)
            if code:
                for each in waiting:
                    self.assertEqual(listed.pop(each), int(code), each)
                waiting = []
        self.assertEqual(listed, {})


class ExitCodes(ProgramTest):
    def setUp(self) -> None:
        super().setUp()
        self.patch = self.make_patch(OLD, NEW)

    def test_0_done(self) -> None:
        self.assertEqual(self.succeed("mallorn-apply", OLD, stdin=self.patch), NEW.read_bytes())
        self.assertEqual(self.succeed("mallorn-apply", "--verify", OLD, stdin=self.patch), b"")

    def test_1_verify_says_no(self) -> None:
        for base, patch in ((NEW, self.patch), (OLD, self.patch[:-1]), (OLD, self.patch + b"x"),
                            (OLD, b""), (OLD, b"no patch at all, though long enough for one" * 9)):
            done = self.run_program("mallorn-apply", "--verify", base, stdin=patch)
            self.assertEqual((done.code, done.out), (1, b""), done)
            self.assertRegex(done.lines[0], rb"^mallorn-apply: no: .* \[\w+\]$")

    def test_64_usage(self) -> None:
        for name in PROGRAMS:
            self.fail_with(64, "usage", name, "--no-such-option")

    def test_64_binary_to_a_terminal(self) -> None:
        stream = self.succeed("mallorn-parse", OLD)
        delta = self.make_delta(OLD, NEW)
        for line, stdin in ((("mallorn-parse", OLD), b""), (("mallorn-delta", NEW), stream),
                            (("mallorn-pack",), delta), (("mallorn-apply", OLD), self.patch),
                            (("mallorn-sign", "sign", "--print-message"), self.patch)):
            code, shown, err = self.run_on_terminal(*line, stdin=stdin)
            self.assertEqual((code, shown), (64, b""), line)
            self.assertRegex(err, rb"will not write binary data to a terminal \[usage\]\n"
                                  rb"mallorn-\w+: hint: ")

    def test_text_to_a_terminal(self) -> None:
        code, shown, err = self.run_on_terminal("mallorn-parse", "--list", OLD)
        self.assertEqual((code, err), (0, b""))
        self.assertIn(b"i8", shown)

    def run_on_terminal(self, *line: object, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        main, terminal = pty.openpty()
        try:
            process = self.start(*line, stdin=subprocess.PIPE, stdout=terminal)
            os.close(terminal)
            _, err = process.communicate(stdin, timeout=60)
            return process.returncode, read_terminal(main), err
        finally:
            os.close(main)

    def test_65_truncated_stream(self) -> None:
        stream = self.succeed("mallorn-parse", OLD)
        delta = self.make_delta(OLD, NEW)
        for cut in (0, 1, 7, 8, 20, len(stream) // 2, len(stream) - 1):
            self.fail_with(65, "truncated", "mallorn-delta", NEW, stdin=stream[:cut])
        for cut in (0, 1, 7, 8, 20, len(delta) // 2, len(delta) - 1):
            self.fail_with(65, "truncated", "mallorn-pack", stdin=delta[:cut])
        self.fail_with(65, "truncated", "mallorn-apply", OLD, stdin=self.patch[:-1])

    def test_65_trailing_bytes(self) -> None:
        stream = self.succeed("mallorn-parse", OLD)
        self.fail_with(65, "trailing_bytes", "mallorn-delta", NEW, stdin=stream + b"\0")
        self.fail_with(65, "trailing_bytes", "mallorn-pack",
                       stdin=self.make_delta(OLD, NEW) + b"\0")
        self.fail_with(65, "trailing_bytes", "mallorn-apply", OLD, stdin=self.patch + b"\0")

    def test_65_something_else(self) -> None:
        junk = bytes(range(256)) * 4
        self.fail_with(65, "bad_magic", "mallorn-delta", NEW, stdin=junk)
        self.fail_with(65, "bad_magic", "mallorn-pack", stdin=junk)
        self.fail_with(65, "bad_magic", "mallorn-apply", OLD, stdin=junk)
        self.fail_with(65, "bad_magic", "mallorn-apply", "--info", stdin=junk)

    def test_65_operands_in_the_wrong_order(self) -> None:
        patch = self.home / "patch"
        patch.write_bytes(self.patch)
        for line in (("mallorn-apply", patch, OLD), ("mallorn", "patch", patch, OLD, "-o", "out"),
                     ("mallorn", "patch", "--in-place", patch, OLD)):
            done = self.fail_with(65, "bad_magic", *line)
            self.assertIn(f"{patch} is a patch: the old model comes before it".encode(), done.lines[1])
        done = self.run_program("mallorn", "verify", patch, OLD)
        self.assertEqual((done.code, done.status), (1, "bad_magic"))
        self.assertIn(b"is a patch", done.lines[1])
        done = self.fail_with(65, "bad_magic", "mallorn-apply", OLD, NEW)
        self.assertEqual(len(done.lines), 1)

    def test_65_stream_of_the_other_kind(self) -> None:
        self.fail_with(65, "malformed", "mallorn-pack", stdin=self.succeed("mallorn-parse", OLD))
        self.fail_with(65, "malformed", "mallorn-delta", NEW, stdin=self.make_delta(OLD, NEW))

    def test_65_damaged_stream(self) -> None:
        stream = bytearray(self.succeed("mallorn-parse", OLD))
        stream[len(stream) // 2] ^= 1
        self.fail_with(65, "check_mismatch", "mallorn-delta", NEW, stdin=bytes(stream))

    def test_65_strict(self) -> None:
        broken = self.home / "broken.gguf"
        broken.write_bytes((MODELS / "v3.gguf").read_bytes()[:100])
        done = self.run_program("mallorn-parse", "--strict", broken)
        self.assertEqual((done.code, done.out), (65, b""), done)
        self.assert_one_error(done)
        done = self.run_program("mallorn-parse", "--list", broken)
        self.assertEqual(done.code, 0)
        self.assertRegex(done.err, rb"^mallorn-parse: warning: [^\n]* \[\w+\]\n$")
        self.succeed("mallorn-parse", "--list", "-q", broken)
        stream = self.succeed("mallorn-parse", OLD)
        done = self.run_program("mallorn-delta", "--strict", broken, stdin=stream)
        self.assertEqual((done.code, done.out), (65, b""), done)

    def test_66_cannot_open(self) -> None:
        stream = self.succeed("mallorn-parse", OLD)
        fifo = self.home / "fifo"
        os.mkfifo(fifo)
        for name in ("absent", "absent/absent", ".", fifo.name, "/dev/null", "a" * 5000):
            with self.subTest(name=name[:20]):
                self.fail_with(66, "cannot_open", "mallorn-parse", name)
                done = self.run_program("mallorn-delta", name, stdin=stream)
                self.assertEqual((done.code, done.status), (66, "cannot_open"), done)
                self.fail_with(66, "cannot_open", "mallorn-apply", name, stdin=self.patch)
        for name in ("absent", "."):
            self.fail_with(66, "cannot_open", "mallorn-apply", OLD, name)
            self.fail_with(66, "cannot_open", "mallorn-apply", "--info", name)

    def test_66_unreadable(self) -> None:
        secret = self.home / "secret.tflite"
        secret.write_bytes(OLD.read_bytes())
        secret.chmod(0)
        line = [*drop_privileges(), str(program("mallorn-parse")), str(secret)]
        done = subprocess.run(line, capture_output=True, check=False)
        self.assertEqual(done.returncode, 66, done.stderr)
        self.assertIn(os.strerror(errno.EACCES).encode(), done.stderr)

    def test_69_versions(self) -> None:
        stream = bytearray(self.succeed("mallorn-parse", OLD))
        stream[4] = 9
        self.fail_with(69, "unsupported_version", "mallorn-delta", NEW, stdin=bytes(stream))
        patch = bytearray(self.patch)
        patch[4] = 9
        self.fail_with(69, "unsupported_version", "mallorn-apply", OLD, stdin=bytes(patch))

    def test_69_is_no_answer_of_verify(self) -> None:
        newer = bytearray(self.patch)
        newer[4] = 9
        other = bytearray(self.patch)
        other[11] |= 0x80  # a feature that nobody has
        other[142:146] = crc32c(other[:142]).to_bytes(4, "little")
        for patch, status in ((newer, "unsupported_version"), (other, "unsupported_feature")):
            for line in (("mallorn-apply", "--verify", OLD, "-"), ("mallorn", "verify", OLD, "-")):
                self.fail_with(69, status, *line, stdin=bytes(patch))

    def test_69_unknown_frame(self) -> None:
        stream = self.succeed("mallorn-parse", OLD)
        head, rest = stream[:8], stream[8:]
        self.fail_with(69, "unsupported_feature", "mallorn-delta", NEW,
                       stdin=head + frame(9, b"what?") + rest)
        optional = head + frame(9, b"what?", flags=1) + rest
        self.assertEqual(self.succeed("mallorn-delta", NEW, stdin=optional),
                         self.succeed("mallorn-delta", NEW, stdin=stream))

    def test_69_no_programs(self) -> None:
        self.fail_with(69, "unsupported_feature", "mallorn", "info", "x",
                       env=self.environment(MALLORN_BIN=str(self.home)))

        shutil.copy(program("mallorn-delta"), self.home)
        environment = self.environment(MALLORN_BIN="")
        stream = self.succeed("mallorn-parse", OLD)
        done = subprocess.run(["./mallorn-delta", NEW], input=stream, capture_output=True, cwd=self.home,
                              env=environment, check=False, timeout=60)
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertIn(b"mallorn-parse is not beside this program [unsupported_feature]\n", done.stderr)

    def test_74_few_files_may_be_open(self) -> None:
        for most in (16, 20, 29):
            done = self.run_program("mallorn", "diff", OLD, NEW, "-o", "out", preexec_fn=lambda n=most:
                                    resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
            self.assertEqual((done.code, done.status), (74, "io"), done)
            self.assert_one_error(done)
        self.assertFalse((self.home / "out").exists())

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_74_no_addresses_for_a_file(self) -> None:
        with open(self.home / "large", "wb") as large:
            large.truncate(8 << 30)
        done = self.run_program("mallorn-apply", "large", stdin=self.patch, preexec_fn=lambda:
                                limit_memory(2 << 30))
        self.assertEqual((done.code, done.status), (74, "out_of_memory"), done)

    def test_74_full_device(self) -> None:
        stream = self.succeed("mallorn-parse", OLD)
        delta = self.make_delta(OLD, NEW)
        lines = [(("mallorn-parse", OLD), b""), (("mallorn-delta", NEW), stream),
                 (("mallorn-pack",), delta), (("mallorn-apply", OLD), self.patch),
                 (("mallorn-parse", "--list", OLD), b""),
                 (("mallorn-parse", "--manifest", OLD), b""),
                 (("mallorn-apply", "--info"), self.patch),
                 (("mallorn-sign", "sign", "--print-message"), self.patch)]
        lines += [((name, option), b"") for name in [*PROGRAMS, "mallorn"]
                  for option in ("--help", "--version")]
        for line, stdin in lines:
            with self.subTest(line=line), open("/dev/full", "wb") as full:
                done = self.run_program(*line, stdin=stdin, stdout=full)
                self.assertEqual(done.code, 74, done)
                self.assertIn(done.status, ("io", "no_space"))
                self.assert_one_error(done)

    def test_74_closed_output(self) -> None:
        for line in (("mallorn-parse", OLD), ("mallorn-parse", "--list", OLD),
                     *((name, "--help") for name in PROGRAMS)):
            with self.subTest(line=line):
                done = self.run_closed(">&-", *line)
                self.assertEqual((done.returncode, done.stdout), (74, b""), done.stderr)

    def test_closed_error_output_changes_nothing(self) -> None:
        done = self.run_closed("2>&-", "mallorn-parse", OLD)
        self.assertEqual((done.returncode, done.stdout), (0, self.succeed("mallorn-parse", OLD)))
        self.assertEqual(self.run_closed("2>&-", "mallorn-parse", "absent").returncode, 66)

    def test_closed_input(self) -> None:
        done = self.run_closed("<&-", "mallorn-pack")
        self.assertIn(done.returncode, (65, 74), done.stderr)
        self.assertEqual(done.stdout, b"")

    def run_closed(self, redirection: str, *line: object) -> subprocess.CompletedProcess:
        command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *self.command(*line)]
        return subprocess.run(command, capture_output=True, cwd=self.home, check=False,
                              env=self.environment(), timeout=60, stdin=subprocess.DEVNULL)

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_74_no_memory(self) -> None:
        """However little there is: done right, or refused with a message."""
        patch = self.patch
        right = {"mallorn-parse": self.succeed("mallorn-parse", OLD), "mallorn-apply":
                 NEW.read_bytes()}
        for megabytes in (*range(4, 12), *range(12, 96, 6)):
            for name, output in right.items():
                done = self.run_program(name, OLD, stdin=patch, preexec_fn=lambda m=megabytes:
                                        limit_memory(m << 20))
                with self.subTest(megabytes=megabytes, name=name):
                    if done.code == 127:  # not even the loader had enough
                        continue
                    self.assertIn(done.code, (0, 74), done)
                    self.assertEqual(done.out, output if done.code == 0 else b"")

    def test_76_wrong_base(self) -> None:
        other = self.home / "other"
        other.write_bytes(OLD.read_bytes()[:-1] + b"\xA5")
        for base in (NEW, MODELS / "v3.gguf", other):
            done = self.fail_with(76, "base_mismatch", "mallorn-apply", base, stdin=self.patch)
            self.assertEqual(done.out, b"")
            self.assertIn(b"hint: expected ", done.err)


    def test_77_not_to_be_trusted(self) -> None:
        self.succeed("mallorn-sign", "keygen", "k")
        done = self.fail_with(77, "bad_signature", "mallorn-sign", "verify", "--key", "k.pub",
                              stdin=self.patch)
        self.assertEqual(done.out, b"")
        (self.home / "p").write_bytes(self.patch)
        for command in (("patch", "-o", "out"), ("verify",)):
            self.fail_with(77, "bad_signature", "mallorn", *command, "--key", "k.pub", OLD, "p")
        self.assertFalse((self.home / "out").exists())


class Messages(ProgramTest):
    def test_names_cannot_deceive_a_terminal(self) -> None:
        name = b"a\x1b[31m\nmallorn-parse: all is well\r\x7f\xff\xc2\x9b.gguf"
        done = self.run_program("mallorn-parse", os.fsdecode(name))
        self.assertEqual(done.code, 66)
        self.assert_one_error(done)
        self.assertNotRegex(done.err[:-1], rb"[\x00-\x1f\x7f\xff]|\xc2\x9b")
        done = self.run_program("mallorn", "diff", os.fsdecode(name), OLD, "-o", os.fsdecode(name))
        self.assertNotRegex(done.err.replace(b"\n", b"", 2), rb"[\x00-\x1f\x7f]")

    def test_names_are_shown_alike(self) -> None:
        """By the front end, too, which is a shell script."""
        for name in (b"a b", b"a\\n%s", b"a\x1b[31m\n\r\t\x01\x7f", b"a\n", b"\xff\xc2\x9b\xc3", b"\xc3\xa9",
                     "\u65e5\u672c \U0001f600 \u202e\u2066\u200b\u00a0".encode(),
                     b"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82",
                     bytes(set(range(1, 256)) - {ord("/")})):
            path = self.home / os.fsdecode(name)
            path.write_bytes(b"x")
            by_program = self.fail_with(73, "cannot_create", "mallorn-apply", OLD, "-o", path.name)
            by_script = self.fail_with(73, "cannot_create", "mallorn", "diff", OLD, NEW, "-o", path.name)
            self.assertEqual(by_script.err.replace(b"mallorn:", b"mallorn-apply:"), by_program.err)

    def test_silent_on_success(self) -> None:
        (self.home / "p").write_bytes(self.make_patch(OLD, NEW))
        self.assertEqual(self.succeed("mallorn-apply", OLD, "p", "-o", "n"), b"")

    def test_verbose_speaks_on_standard_error(self) -> None:
        patch = self.make_patch(OLD, NEW)
        delta = self.make_delta(OLD, NEW)
        for line, stdin in ((("mallorn-apply", OLD), patch), (("mallorn-pack",), delta)):
            loud = self.run_program(*line, "-v", stdin=stdin)
            self.assertEqual((loud.code, loud.out), (0, self.succeed(*line, stdin=stdin)))
            self.assertRegex(loud.err, rb"^(mallorn-\w+: note: [^\n]+\n)+$")

    def test_verbose_says_what_took_how_long(self) -> None:
        loud = self.run_program("mallorn-apply", OLD, "-v", stdin=self.make_patch(OLD, NEW))
        spent = dict(re.findall(rb"note: ([a-z ]+): ([0-9,]+) bytes in [0-9.]+ s of a processor",
                                loud.err))
        length = f"{NEW.stat().st_size:,}".encode()
        for what in (b"decoded steps", b"checked", b"hashed", b"written"):
            self.assertEqual(spent[what], length, what)

    def test_options_may_stand_anywhere(self) -> None:
        expected = self.succeed("mallorn-parse", "--list", OLD)
        self.assertEqual(self.succeed("mallorn-parse", OLD, "--list"), expected)
        self.assertEqual(self.succeed("mallorn-parse", "--list", "--", OLD), expected)

    def test_names_that_look_like_options(self) -> None:
        (self.home / "--list").write_bytes(OLD.read_bytes())
        self.assertEqual(self.succeed("mallorn-parse", "--manifest", "--", "--list"),
                         self.succeed("mallorn-parse", "--manifest", OLD))


def limit_memory(length: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (length, length))


def read_terminal(descriptor: int) -> bytes:
    """What was written to the other end, which is closed."""
    shown = b""
    while select.select([descriptor], [], [], 0.2)[0]:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    return shown


if __name__ == "__main__":
    unittest.main()
