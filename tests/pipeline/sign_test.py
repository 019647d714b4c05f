#!/usr/bin/env python3
"""Signatures through the whole pipeline: who is let through, and that nobody else is."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import termios
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "reference"))

import signatures  # noqa: E402
from programs import TOP, ProgramTest, program, small_pair  # noqa: E402

OLD, NEW = small_pair()
OPENSSL = shutil.which("openssl")
NEEDS_OPENSSL = unittest.skipUnless(OPENSSL, "needs the command openssl")
REFUSED = (77, "bad_signature")


class SignTest(ProgramTest):
    """With keys `acme` and `other`, and a patch of model kws, release 7, signed by acme."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("acme", "other"):
            self.succeed("mallorn", "keygen", name)
        self.succeed("mallorn", "diff", "--sign", "acme.key", "--model-id", "kws", "--release", 7,
                     OLD, NEW, "-o", "p")
        self.patch = self.path("p").read_bytes()
        self.front = self.patch[6] + signatures.BLOCK  # bytes before the body

    def path(self, name: str) -> Path:
        return self.home / name

    def give(self, patch: bytes, name: str = "p") -> None:
        self.path(name).write_bytes(patch)

    def refuse(self, *options: object, patch: bytes | None = None) -> None:
        """By every way there is: nothing comes out, and one message says why."""
        given = self.patch if patch is None else patch
        done = self.fail_with(*REFUSED, "mallorn-sign", "verify", *options, stdin=given)
        self.assertEqual(done.out, b"")
        self.give(given, "refused")
        for command in (("patch", "-o", "out"), ("patch", "-o", "-"), ("verify",)):
            done = self.fail_with(*REFUSED, "mallorn", *command, *options, OLD, "refused")
            self.assertEqual(done.out, b"")
        self.assertFalse(self.path("out").exists())

    def accept(self, *options: object, patch: bytes | None = None) -> None:
        given = self.patch if patch is None else patch
        self.assertEqual(self.succeed("mallorn-sign", "verify", *options, stdin=given), given)
        self.give(given, "accepted")
        self.succeed("mallorn", "verify", *options, OLD, "accepted")
        self.succeed("mallorn", "patch", *options, OLD, "accepted", "-o", "out", "--force")
        self.assertEqual(self.path("out").read_bytes(), NEW.read_bytes())
        self.path("out").unlink()


class Verify(SignTest):
    def test_signed(self) -> None:
        self.accept("--key", "acme.pub")
        self.accept("--key", "acme.pub", "--model-id", "kws", "--min-release", 7)

    def test_unsigned_and_stripped(self) -> None:
        header, _, body = signatures.split(self.patch)
        self.refuse("--key", "acme.pub", patch=self.make_patch(OLD, NEW))
        self.refuse("--key", "acme.pub", patch=signatures.with_blocks(header, [], body))

    def test_wrong_key(self) -> None:
        self.refuse("--key", "other.pub")
        header, blocks, body = signatures.split(self.patch)
        other = bytes.fromhex(self.succeed("mallorn-sign", "id", "other.pub").decode())
        confused = signatures.with_blocks(header, [other + blocks[0][8:]], body)
        self.refuse("--key", "other.pub", patch=confused)
        self.refuse("--key", "acme.pub", patch=confused)

    def test_other_model_and_lower_release(self) -> None:
        for option, values in (("--model-id", ("kw", "kws2", "KWS")), ("--min-release", (8, 4294967295))):
            for value in values:
                self.refuse("--key", "acme.pub", option, value)

    def test_signature_of_another_patch(self) -> None:
        self.succeed("mallorn", "diff", "--sign", "acme.key", "--model-id", "kws", "--release", 8,
                     OLD, NEW, "-o", "p8")
        blocks = signatures.split(self.path("p8").read_bytes())[1]
        header, _, body = signatures.split(self.patch)
        self.refuse("--key", "acme.pub", patch=signatures.with_blocks(header, blocks, body))

    def test_header_altered_with_its_check_put_right(self) -> None:
        header, blocks, body = signatures.split(self.patch)
        for at in (12, 16, 20, 28, 62, 70, 102, 110, 142):  # each field that a reader can misread
            altered = bytearray(header)
            altered[at] ^= 1
            self.refuse("--key", "acme.pub", patch=signatures.with_blocks(bytes(altered), blocks, body))

    def test_a_bit_of_every_byte(self) -> None:
        """Of the header, the signature and the body. The unit tests have every bit and every length."""
        for at in range(len(self.patch)):
            flipped = bytearray(self.patch)
            flipped[at] ^= 1 << at % 8
            done = self.run_program("mallorn-sign", "verify", "--key", "acme.pub", stdin=bytes(flipped))
            self.assertEqual((done.code, done.status, done.out), (*REFUSED, b""), f"byte {at}: {done}")
            if at % 29 == 0:
                self.refuse("--key", "acme.pub", patch=bytes(flipped))

    def test_cut_short_and_longer(self) -> None:
        for length in {*range(0, len(self.patch), 23), len(self.patch) - 1}:
            self.refuse("--key", "acme.pub", patch=self.patch[:length])
        self.refuse("--key", "acme.pub", patch=self.patch + b"\0")

    def test_input_without_end(self) -> None:
        """No more is read than what is covered, and one byte."""
        for head in (b"", self.patch):
            with subprocess.Popen(self.command("mallorn-sign", "verify", "--key", "acme.pub"),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  bufsize=0, cwd=self.home, env=self.environment()) as process:
                assert process.stdin
                try:
                    process.stdin.write(head)
                    while process.poll() is None:
                        process.stdin.write(bytes(65536))
                except BrokenPipeError:
                    pass
                self.assertEqual(process.wait(timeout=60), 77)
                assert process.stdout
                self.assertEqual(process.stdout.read(), b"")

    def test_check_only(self) -> None:
        self.assertEqual(self.succeed("mallorn-sign", "verify", "--check-only", "--key", "acme.pub", "p"), b"")
        self.fail_with(*REFUSED, "mallorn-sign", "verify", "--check-only", "--key", "other.pub", "p")

    def test_a_long_patch_goes_through_a_file(self) -> None:
        """More than is kept in memory. What the body means, mallorn-sign does not ask."""
        body = os.urandom(20 << 20)
        head = signatures.split(self.patch)[0]
        head = head[:20] + len(body).to_bytes(8, "little") + hashlib.sha256(body).digest() + head[60:]
        long = self.succeed("mallorn-sign", "sign", "--key", "acme.key",
                            stdin=signatures.with_blocks(head, [], body))
        passed = self.succeed("mallorn-sign", "verify", "--key", "acme.pub", stdin=long)
        self.assertTrue(passed == long)
        done = self.fail_with(*REFUSED, "mallorn-sign", "verify", "--key", "acme.pub",
                              stdin=long[:-1000] + bytes([long[-1000] ^ 1]) + long[-999:])
        self.assertEqual(done.out, b"")

    def test_the_patch_is_read_once(self) -> None:
        """So it cannot be swapped between check and use: even what can be read only once will do."""
        os.mkfifo(self.path("fifo"))
        with subprocess.Popen(["sh", "-c", "cat p > fifo"], cwd=self.home) as feeder:
            self.succeed("mallorn", "patch", "--key", "acme.pub", OLD, "fifo", "-o", "out")
            self.assertEqual(feeder.wait(timeout=60), 0)
        self.assertEqual(self.path("out").read_bytes(), NEW.read_bytes())
        shown = self.succeed("mallorn", "-n", "patch", "--key", "acme.pub", OLD, "p", "-o", "o").decode()
        verify, apply = shown.split(" | ")
        self.assertIn("verify --key acme.pub p", verify)
        self.assertRegex(apply, r"mallorn-apply --checked \S+ - -o o\n$")

    def test_what_is_shown_can_be_run(self) -> None:
        shown = self.succeed("mallorn", "-n", "patch", "--key", "acme.pub", OLD, "p", "-o", "o").decode()
        subprocess.run(["sh", "-c", shown], cwd=self.home, check=True, env=self.environment())
        self.assertEqual(self.path("o").read_bytes(), NEW.read_bytes())

    def test_from_standard_input(self) -> None:
        out = self.succeed("mallorn", "patch", "--key", "acme.pub", OLD, "-", "-o", "-", stdin=self.patch)
        self.assertEqual(out, NEW.read_bytes())

    def test_wrong_base_and_damage_have_their_codes(self) -> None:
        self.fail_with(76, "base_mismatch", "mallorn", "patch", "--key", "acme.pub", NEW, "p", "-o", "out")
        done = self.run_program("mallorn", "verify", "--key", "acme.pub", NEW, "p")
        self.assertEqual((done.code, done.status), (1, "base_mismatch"))
        self.fail_with(66, "cannot_open", "mallorn", "patch", "--key", "acme.pub", "absent", "p", "-o", "out")
        self.fail_with(66, "cannot_open", "mallorn", "patch", "--key", "acme.pub", OLD, "absent", "-o", "out")
        self.fail_with(66, "cannot_open", "mallorn", "patch", "--key", "absent", OLD, "p", "-o", "out")
        self.give(b"before", "out")
        self.fail_with(73, "cannot_create", "mallorn", "patch", "--key", "acme.pub", OLD, "p", "-o", "out")
        self.fail_with(73, "cannot_create", "mallorn", "patch", "--key", "other.pub", OLD, "p", "-o", "out")
        self.assertEqual(self.path("out").read_bytes(), b"before")

    def test_without_a_key_it_is_said_that_nobody_checked(self) -> None:
        for line in (("mallorn", "patch", OLD, "p", "-o", "out", "--force"), ("mallorn", "verify", OLD, "p"),
                     ("mallorn-apply", OLD, "p")):
            done = self.run_program(*line)
            self.assertEqual(done.code, 0)
            self.assertEqual(done.err, b"mallorn-apply: note: p: is signed, and nobody has checked the signature\n")
            self.succeed(*line, "-q")

    def test_terminal_sequences_in_a_model_id(self) -> None:
        self.succeed("mallorn", "diff", "--sign", "acme.key", "--model-id", "\x1b[2J\n", OLD, NEW, "-o", "odd")
        done = self.fail_with(*REFUSED, "mallorn-sign", "verify", "--key", "acme.pub", "--model-id", "x", "odd")
        self.assertNotIn(b"\x1b", done.err)


class Rotation(SignTest):
    def test_a_second_signature(self) -> None:
        twice = self.succeed("mallorn-sign", "sign", "--key", "other.key", "p")
        for keys in (["acme.pub"], ["other.pub"], ["other.pub", "acme.pub"]):
            self.accept(*(word for key in keys for word in ("--key", key)), patch=twice)
        # The old signature goes; the new one stays as it is.
        header, blocks, body = signatures.split(twice)
        self.assertEqual(blocks[0], signatures.split(self.patch)[1][0])
        only_new = signatures.with_blocks(header, blocks[1:], body)
        self.accept("--key", "acme.pub", "--key", "other.pub", patch=only_new)
        self.refuse("--key", "acme.pub", patch=only_new)

    def test_at_most_four(self) -> None:
        patch = self.patch
        for i in range(3):
            self.succeed("mallorn-sign", "keygen", f"k{i}")
            patch = self.succeed("mallorn-sign", "sign", "--key", f"k{i}.key", stdin=patch)
        self.accept("--key", "k2.pub", patch=patch)
        self.fail_with(65, "limit_exceeded", "mallorn-sign", "sign", "--key", "other.key", stdin=patch)
        again = self.succeed("mallorn-sign", "sign", "--key", "k1.key", stdin=patch)
        self.assertEqual(again, patch)

    def test_info_names_the_keys(self) -> None:
        for name in ("acme", "other"):
            key = base64.b64decode(self.path(f"{name}.pub").read_text().splitlines()[1])[-32:]
            self.assertEqual(self.succeed("mallorn-sign", "id", f"{name}.pub").decode().strip(),
                             signatures.key_id(key).hex())
        self.give(self.succeed("mallorn-sign", "sign", "--key", "other.key", "p"), "twice")
        text = self.succeed("mallorn", "info", "twice").decode()
        for name in ("acme", "other"):
            key_id = self.succeed("mallorn-sign", "id", f"{name}.pub").decode().strip()
            self.assertIn(f"signature        by key {key_id}, not checked\n", text)


class State(SignTest):
    def apply(self, release: int, *, code: int = 0) -> None:
        self.succeed("mallorn", "diff", "--sign", "acme.key", "--model-id", "kws", "--release", release,
                     OLD, NEW, "-o", "r", "--force")
        done = self.run_program("mallorn", "patch", "--key", "acme.pub", "--state", "state", OLD, "r",
                                "-o", "out", "--force")
        self.assertEqual(done.code, code, done)

    def test_releases_go_up(self) -> None:
        self.apply(3)
        self.assertEqual(self.path("state").read_text(), "mallorn releases 0\n3 kws\n")
        self.apply(3)
        self.apply(2, code=77)
        self.apply(12)
        self.apply(3, code=77)
        self.assertEqual(self.path("state").read_text(), "mallorn releases 0\n12 kws\n")

    def test_models_have_their_own(self) -> None:
        self.give(b"mallorn releases 0\n9 asr\n8 kws\n", "state")
        self.apply(7, code=77)
        self.apply(8)
        self.give(b"mallorn releases 0\n9 asr\n", "state")
        self.apply(7)
        self.assertEqual(self.path("state").read_text(), "mallorn releases 0\n9 asr\n7 kws\n")

    def test_only_success_raises(self) -> None:
        for line in (("patch", NEW, "p", "-o", "out"), ("verify", OLD, "p"), ("verify", NEW, "p")):
            self.run_program("mallorn", *line, "--key", "acme.pub", "--state", "state")
            self.assertFalse(self.path("state").exists(), line)
        self.run_program("mallorn", "patch", "--key", "other.pub", "--state", "state", OLD, "p", "-o", "out")
        self.assertFalse(self.path("state").exists())

    def test_a_broken_file_allows_nothing(self) -> None:
        for text in (b"", b"7 kws\n", b"mallorn releases 0\n7 kws", b"mallorn releases 0\n-1 kws\n"):
            self.give(text, "state")
            for line in (("patch", "-o", "out"), ("verify",)):
                self.fail_with(65, "malformed", "mallorn", *line, "--key", "acme.pub", "--state", "state",
                               OLD, "p")
            self.assertEqual(self.path("state").read_bytes(), text)
        self.assertFalse(self.path("out").exists())

    def test_a_link_is_replaced(self) -> None:
        self.give(b"mallorn releases 0\n", "target")
        self.path("state").symlink_to("target")
        self.apply(3)
        self.assertFalse(self.path("state").is_symlink())
        self.assertEqual(self.path("target").read_bytes(), b"mallorn releases 0\n")

    def test_takes_a_key(self) -> None:
        for option, value in (("--state", "s"), ("--model-id", "kws"), ("--min-release", "1")):
            self.fail_with(64, "usage", "mallorn", "patch", option, value, OLD, "p", "-o", "out")
            self.fail_with(64, "usage", "mallorn", "verify", option, value, OLD, "p")


class Keys(SignTest):
    def test_only_the_owner_may_read_a_secret_key(self) -> None:
        old_mask = os.umask(0)
        try:
            self.succeed("mallorn-sign", "keygen", "open")
        finally:
            os.umask(old_mask)
        self.assertEqual(stat.S_IMODE(self.path("open.key").stat().st_mode), 0o600)
        self.path("open.key").chmod(0o644)
        done = self.run_program("mallorn-sign", "sign", "--key", "open.key", "p")
        self.assertEqual(done.code, 0)
        self.assertIn(b"warning: open.key: ", done.err)

    def test_keys_are_never_overwritten(self) -> None:
        before = self.path("acme.key").read_bytes(), self.path("acme.pub").read_bytes()
        self.fail_with(73, "cannot_create", "mallorn", "keygen", "acme")
        self.path("acme.key").rename(self.path("moved"))
        self.fail_with(73, "cannot_create", "mallorn", "keygen", "acme")
        self.assertFalse(self.path("acme.key").exists())
        self.path("moved").rename(self.path("acme.key"))
        self.assertEqual((self.path("acme.key").read_bytes(), self.path("acme.pub").read_bytes()), before)
        self.path("acme.key").chmod(0o644)
        self.succeed("mallorn", "keygen", "--force", "acme")
        self.assertEqual(stat.S_IMODE(self.path("acme.key").stat().st_mode), 0o600)
        self.refuse("--key", "acme.pub")

    def test_halves_are_not_confused(self) -> None:
        self.fail_with(65, "malformed", "mallorn-sign", "verify", "--key", "acme.key", "p")
        self.fail_with(65, "malformed", "mallorn-sign", "sign", "--key", "acme.pub", "p")

    def test_a_key_is_no_output(self) -> None:
        for out in ("acme.key", "p"):
            self.fail_with(64, "usage", "mallorn", "sign", "--key", "acme.key", "p", "-o", out, "--force")
        self.fail_with(64, "usage", "mallorn", "patch", "--key", "acme.pub", OLD, "p", "-o", "acme.pub",
                       "--force")
        self.fail_with(64, "usage", "mallorn", "diff", "--sign", "acme.key", OLD, NEW, "-o", "acme.key",
                       "--force")

    def test_odd_names(self) -> None:
        for name in ("two words", "-n", "a,b", "it's", "new\nline", "$(id)"):
            self.succeed("mallorn", "keygen", "--", name)
            self.give(self.succeed("mallorn", "sign", "--key", f"{name}.key", "p", "-o", "-"), "q")
            self.succeed("mallorn", "patch", "--key", "acme.pub", f"--key={name}.pub", OLD, "q", "-o", "out",
                         "--force")

    def test_passphrase_from_a_descriptor(self) -> None:
        self.with_passphrase(b"open sesame\n", "keygen", "--encrypt", "locked")
        self.assertIn("ENCRYPTED", self.path("locked.key").read_text())
        done = self.with_passphrase(b"open sesame", "sign", "--key", "locked.key", "p", "-o", "q")
        self.accept("--key", "locked.pub", patch=self.path("q").read_bytes())
        done = self.with_passphrase(b"open sesam\n", "sign", "--key", "locked.key", "p", "-o", "r", code=66)
        self.assertIn(b"passphrase", done.stderr)
        self.with_passphrase(b"\n", "sign", "--key", "locked.key", "p", "-o", "r", code=66)
        self.assertFalse(self.path("r").exists())
        self.fail_with(64, "usage", "mallorn-sign", "sign", "--passphrase-fd", 9, "--key", "locked.key", "p")

    def test_passphrase_for_a_signed_diff(self) -> None:
        """From every descriptor, also those that the front end uses for its pipes."""
        self.with_passphrase(b"open sesame\n", "keygen", "--encrypt", "locked")
        self.give(b"open sesame\nand more\n", "passphrase")
        line = self.command("mallorn", "diff", "--sign", "locked.key", OLD, NEW, "--force", "-o", "q")
        for shell in ("sh", "bash"):
            for fd in (0, *range(3, 10), 12):
                script = f'exec "$@" --passphrase-fd {fd} {fd}< passphrase'
                done = subprocess.run(["bash", "-c", script, "bash", shell, *line], cwd=self.home,
                                      env=self.environment(), capture_output=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, b""), fd)
                self.accept("--key", "locked.pub", patch=self.path("q").read_bytes())
                self.path("q").unlink()
        for passphrase in (b"open sesam\n", b"\n", b""):
            done = self.with_passphrase(passphrase, "diff", "--sign", "locked.key", str(OLD), str(NEW), "-o", "q",
                                        code=66)
            self.assertEqual(done.stderr.count(b"\n"), 1)
            self.assertIn(b"passphrase", done.stderr)
        for fd in (9, "x", 1000):
            self.fail_with(64, "usage", "mallorn", "diff", "--sign", "locked.key", "--passphrase-fd", fd, OLD, NEW,
                           "-o", "q")
        self.assertFalse(self.path("q").exists())

    def with_passphrase(self, passphrase: bytes, command: str, *arguments: str,
                        code: int = 0) -> subprocess.CompletedProcess:
        reader, writer = os.pipe()
        os.write(writer, passphrase)
        os.close(writer)
        try:
            line = self.command("mallorn", command, "--passphrase-fd", reader, *arguments)
            done = subprocess.run(line, cwd=self.home, env=self.environment(), pass_fds=[reader], check=False,
                                  capture_output=True)
        finally:
            os.close(reader)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_no_terminal_to_ask(self) -> None:
        done = self.run_program("mallorn-sign", "keygen", "--encrypt", "locked", start_new_session=True)
        self.assertEqual((done.code, done.status), (66, "cannot_open"))
        self.assertEqual(sorted(self.home.glob("locked*")), [])


class Terminal(SignTest):
    """Passphrases that are typed."""

    def open_terminal(self, *line: object) -> tuple[subprocess.Popen, int]:
        main, terminal = os.openpty()
        self.addCleanup(os.close, main)
        self.addCleanup(os.close, terminal)
        name = os.ttyname(terminal)

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(os.open(name, os.O_RDWR), termios.TIOCSCTTY, 0)

        process = self.start(*line, preexec_fn=take_terminal, stdin=subprocess.DEVNULL)
        return process, main

    def wait_for(self, main: int, text: bytes) -> bytes:
        shown = b""
        deadline = time.monotonic() + 60
        while text not in shown and time.monotonic() < deadline:
            shown += os.read(main, 1000)
        self.assertIn(text, shown)
        return shown

    @staticmethod
    def shows_typing(main: int) -> bool:
        return bool(termios.tcgetattr(main)[3] & termios.ECHO)

    def test_typed_twice_then_once(self) -> None:
        process, main = self.open_terminal("mallorn", "keygen", "--encrypt", "locked")
        self.wait_for(main, b"passphrase for locked.key: ")
        self.assertFalse(self.shows_typing(main))
        os.write(main, b"secret\n")
        shown = self.wait_for(main, b"again: ")
        os.write(main, b"secret\n")
        _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (0, b""))
        self.assertTrue(self.shows_typing(main))
        self.assertNotIn(b"secret", shown)
        process, main = self.open_terminal("mallorn", "diff", "--sign", "locked.key", OLD, NEW, "-o", "q")
        self.wait_for(main, b": ")
        os.write(main, b"secret\n")
        _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (0, b""))
        self.accept("--key", "locked.pub", patch=self.path("q").read_bytes())

    def test_typed_differently(self) -> None:
        process, main = self.open_terminal("mallorn", "keygen", "--encrypt", "locked")
        self.wait_for(main, b": ")
        os.write(main, b"secret\n")
        self.wait_for(main, b"again: ")
        os.write(main, b"other\n")
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 66)
        self.assertEqual(sorted(self.home.glob("locked*")), [])

    def test_stopped_while_it_asks(self) -> None:
        """The terminal shows again what is typed."""
        self.test_typed_twice_then_once()
        self.path("q").unlink()
        for line in (("mallorn", "sign", "--key", "locked.key", "p", "-o", "q"),
                     ("mallorn", "diff", "--sign", "locked.key", OLD, NEW, "-o", "q")):
            for number in (signal.SIGINT, signal.SIGTERM):
                process, main = self.open_terminal(*line)
                self.wait_for(main, b": ")
                os.killpg(process.pid, number)
                process.communicate(timeout=60)
                self.assertEqual(process.returncode, -number)
                self.assertTrue(self.shows_typing(main), line)
                self.assertFalse(self.path("q").exists())


class Detached(SignTest):
    def test_a_signature_from_elsewhere(self) -> None:
        unsigned = self.make_patch(OLD, NEW)
        message = self.succeed("mallorn-sign", "sign", "--print-message", stdin=unsigned)
        self.assertEqual(message, signatures.message(signatures.split(unsigned)[0]))
        self.assertEqual(self.succeed("mallorn-sign", "sign", "--print-message", "p"),
                         signatures.message(signatures.split(self.patch)[0]))
        self.give(signatures.split(self.patch)[1][0][8:], "signature")
        # That of another patch.
        self.fail_with(*REFUSED, "mallorn-sign", "sign", "--signature", "signature", "--key", "acme.pub",
                       stdin=unsigned)
        header, _, body = signatures.split(self.patch)
        stripped = signatures.with_blocks(header, [], body)
        self.assertEqual(self.succeed("mallorn-sign", "sign", "--signature", "signature", "--key", "acme.pub",
                                      stdin=stripped), self.patch)
        self.fail_with(*REFUSED, "mallorn-sign", "sign", "--signature", "signature", "--key", "other.pub",
                       stdin=stripped)

    def test_a_damaged_patch_is_not_signed(self) -> None:
        damaged = self.patch[:-2] + bytes([self.patch[-2] ^ 1]) + self.patch[-1:]
        for options in (("--key", "acme.key"), ("--print-message",)):
            done = self.fail_with(65, "corrupt_data", "mallorn-sign", "sign", *options, stdin=damaged)
            self.assertEqual(done.out, b"")
            done = self.fail_with(65, "truncated", "mallorn-sign", "sign", *options, stdin=self.patch[:-1])
            self.assertEqual(done.out, b"")


@NEEDS_OPENSSL
class OpenSsl(SignTest):
    def openssl(self, *arguments: str) -> bytes:
        done = subprocess.run([str(OPENSSL), *arguments], cwd=self.home, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_it_reads_our_keys(self) -> None:
        from_secret = self.openssl("pkey", "-in", "acme.key", "-pubout")
        self.assertEqual(from_secret, self.path("acme.pub").read_bytes())
        self.assertEqual(self.openssl("pkey", "-pubin", "-in", "acme.pub"), from_secret)
        self.give(b"open sesame\n", "passphrase")
        subprocess.run(["sh", "-c", 'exec "$@" 3< passphrase', "sh",
                        *self.command("mallorn-sign", "keygen", "--passphrase-fd", 3, "locked")],
                       cwd=self.home, check=True)
        self.assertEqual(self.openssl("pkey", "-in", "locked.key", "-passin", "file:passphrase", "-pubout"),
                         self.path("locked.pub").read_bytes())

    def test_we_read_its_keys(self) -> None:
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", "theirs.key")
        self.give(b"open sesame\n", "passphrase")
        for name, options in (("aes", ["-v2", "aes-256-cbc"]), ("scrypt", ["-scrypt"]), ("plain", ["-nocrypt"])):
            self.openssl("pkcs8", "-topk8", "-in", "theirs.key", "-out", f"{name}.key",
                         *options, *([] if name == "plain" else ["-passout", "file:passphrase"]))
            self.path(f"{name}.key").chmod(0o600)
            self.openssl("pkey", "-in", "theirs.key", "-pubout", "-out", f"{name}.pub")
            subprocess.run(["sh", "-c", 'exec "$@" 3< passphrase', "sh",
                            *self.command("mallorn-sign", "sign", "--passphrase-fd", 3, "--key", f"{name}.key",
                                          "p", "-o", f"{name}.mlp")], cwd=self.home, check=True)
            self.accept("--key", f"{name}.pub", patch=self.path(f"{name}.mlp").read_bytes())

    def test_it_verifies_ours_and_we_its(self) -> None:
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", "theirs.key")
        self.openssl("pkey", "-in", "theirs.key", "-pubout", "-out", "theirs.pub")
        self.give(self.succeed("mallorn-sign", "sign", "--print-message", "p"), "message")
        self.openssl("pkeyutl", "-sign", "-rawin", "-in", "message", "-inkey", "theirs.key", "-out", "signature")
        self.succeed("mallorn-sign", "sign", "--signature", "signature", "--key", "theirs.pub", "p", "-o", "q")
        self.accept("--key", "theirs.pub", patch=self.path("q").read_bytes())
        self.give(signatures.split(self.patch)[1][0][8:], "ours")
        self.openssl("pkeyutl", "-verify", "-rawin", "-in", "message", "-pubin", "-inkey", "acme.pub",
                     "-sigfile", "ours")

    def test_other_kinds_of_keys(self) -> None:
        self.openssl("genpkey", "-algorithm", "x25519", "-out", "x.key")
        self.openssl("pkey", "-in", "x.key", "-pubout", "-out", "x.pub")
        self.fail_with(69, "unsupported_feature", "mallorn-sign", "sign", "-q", "--key", "x.key", "p")
        self.fail_with(69, "unsupported_feature", "mallorn-sign", "verify", "--key", "x.pub", "p")

    def test_commands_of_the_manual(self) -> None:
        """docs/threat-model.md tells how to check a patch by hand."""
        text = (TOP / "docs/threat-model.md").read_text(encoding="utf-8")
        block = re.search(r"\n## By hand\n.*?\n\n((?:    [^\n]*\n)+)", text, re.S)
        assert block
        commands = re.sub(r"^    ", "", block[1], flags=re.M)
        self.give(self.patch, "update.mlp")
        done = subprocess.run(["sh", "-eu", "-c", commands], cwd=self.home, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Signature Verified Successfully", done.stdout)
        words = done.stdout.split()
        digest = signatures.split(self.patch)[0][28:60].hex()
        self.assertEqual(words.count(digest), 2, done.stdout)
        altered = bytearray(self.patch)
        altered[100] ^= 1
        self.give(bytes(altered), "update.mlp")
        done = subprocess.run(["sh", "-eu", "-c", commands], cwd=self.home, capture_output=True, text=True,
                              check=False)
        self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
