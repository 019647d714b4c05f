#!/usr/bin/env python3
"""Keys: who may read them, how they are asked for, and that openssl and mallorn-sign agree."""

from __future__ import annotations

import fcntl
import os
import re
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
from programs import TOP  # noqa: E402
from signed import NEEDS_OPENSSL, NEW, OLD, OPENSSL, SignTest  # noqa: E402


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
        self.path("empty").write_bytes(b"")  # is no secret that others might read
        self.path("empty").chmod(0o644)
        self.fail_with(65, "malformed", "mallorn-sign", "sign", "--key", "empty", "p")

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

    def test_a_folder_is_no_name(self) -> None:
        """It would be that of hidden files: folder/.key."""
        self.path("folder").mkdir()
        before = sorted(os.listdir(self.home))
        for name in ("folder/", "folder/.", ".", "..", "./", "/", "absent/"):
            done = self.fail_with(64, "usage", "mallorn", "keygen", name)
            self.assertIn(b"NAME.key", done.lines[1])
        self.fail_with(64, "usage", "mallorn-sign", "keygen", "")
        self.assertEqual((sorted(os.listdir(self.home)), os.listdir(self.path("folder"))), (before, []))
        self.succeed("mallorn", "keygen", "folder/.hidden")

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
