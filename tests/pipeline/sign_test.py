#!/usr/bin/env python3
"""Signatures through the whole pipeline: who is let through, and that nobody else is."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "reference"))

import signatures  # noqa: E402
from signed import NEW, OLD, REFUSED, SignTest  # noqa: E402


class Verify(SignTest):
    def test_signed(self) -> None:
        self.accept("--key", "acme.pub")
        self.accept("--key", "acme.pub", "--model-id", "kws", "--min-release", 7)

    def test_unsigned_and_stripped(self) -> None:
        header, _, body = signatures.split(self.patch)
        self.refuse("--key", "acme.pub", patch=self.make_patch(OLD, NEW))
        self.refuse("--key", "acme.pub", patch=signatures.with_blocks(header, [], body))

    def test_messages_name_the_file(self) -> None:
        """Though mallorn-apply gets it by a pipe."""
        for command in (("patch", "-o", "out"), ("verify",)):
            line = ("mallorn", *command, "--key", "acme.pub", "--memory", "1M", OLD)
            done = self.fail_with(74, "out_of_memory", *line, "p")
            self.assertIn(b" p: needs ", done.lines[0])
            done = self.fail_with(74, "out_of_memory", *line, "-", stdin=self.patch)
            self.assertIn(b" standard input: needs ", done.lines[0])

    def test_operands_in_the_wrong_order(self) -> None:
        self.give(self.patch, "update")
        for command in (("patch", "-o", "out"), ("verify",)):
            done = self.fail_with(*REFUSED, "mallorn", *command, "--key", "acme.pub", "update", OLD)
            self.assertIn(b"update is a patch: the old model comes before it", done.lines[1])
            done = self.fail_with(*REFUSED, "mallorn", *command, "--key", "acme.pub", OLD, NEW)
            self.assertEqual(len(done.lines), 1)
        # A patch may be the base of another.
        self.give(self.succeed("mallorn", "diff", "-q", "--sign", "acme.key", "update", NEW, "-o", "-"), "other")
        self.succeed("mallorn", "verify", "--key", "acme.pub", "update", "other")

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
    def apply(self, release: int, *options: object, code: int = 0) -> None:
        self.succeed("mallorn", "diff", "--sign", "acme.key", "--model-id", "kws", "--release", release,
                     OLD, NEW, "-o", "r", "--force")
        done = self.run_program("mallorn", "patch", "--key", "acme.pub", "--state", "state", *options, OLD, "r",
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
        self.apply(7, code=77)
        self.apply(7, "--model-id", "asr", code=77)
        self.apply(7, "--model-id", "kws")
        self.apply(7)
        self.assertEqual(self.path("state").read_text(), "mallorn releases 0\n9 asr\n7 kws\n")

    def test_what_is_not_counted_is_refused(self) -> None:
        """A patch of before that the owner has signed: with no model id, no release, or another id."""
        self.apply(7)
        before = self.path("state").read_bytes()
        for options in (("--release", 9), ("--model-id", "kws"), (), ("--model-id", "kws1", "--release", 9)):
            self.succeed("mallorn", "diff", "--sign", "acme.key", *options, OLD, NEW, "-o", "p", "--force")
            patch = self.path("p").read_bytes()
            self.accept("--key", "acme.pub", patch=patch)
            self.refuse("--key", "acme.pub", "--state", "state", patch=patch)
            if "kws1" not in options:
                self.refuse("--key", "acme.pub", "--state", "absent", patch=patch)
                self.fail_with(*REFUSED, "mallorn-apply", "--checked", "--state", "state", OLD, "p", "-o", "out")
            self.assertEqual(self.path("state").read_bytes(), before)
        self.assertFalse(self.path("absent").exists())

    def test_only_success_raises(self) -> None:
        for line in (("patch", NEW, "p", "-o", "out"), ("verify", OLD, "p"), ("verify", NEW, "p")):
            self.run_program("mallorn", *line, "--key", "acme.pub", "--state", "state")
            self.assertFalse(self.path("state").exists(), line)
        self.run_program("mallorn", "patch", "--key", "other.pub", "--state", "state", OLD, "p", "-o", "out")
        self.assertFalse(self.path("state").exists())

    def test_a_broken_file_allows_nothing(self) -> None:
        for text in (b"", b"7 kws\n", b"mallorn releases 0\n7 kws", b"mallorn releases 0\n-1 kws\n",
                     b"mallorn releases 0\n8 kws \n", b"mallorn releases 0\n8 %6bws\n"):
            self.give(text, "state")
            for line in (("patch", "-o", "out"), ("verify",)):
                self.fail_with(65, "malformed", "mallorn", *line, "--key", "acme.pub", "--state", "state",
                               OLD, "p")
            self.assertEqual(self.path("state").read_bytes(), text)
        self.assertFalse(self.path("out").exists())

    def test_a_link_is_followed(self) -> None:
        self.give(b"mallorn releases 0\n", "target")
        self.path("target").chmod(0o600)
        self.path("state").symlink_to("target")
        self.apply(3)
        self.assertTrue(self.path("state").is_symlink())
        self.assertEqual(self.path("target").read_bytes(), b"mallorn releases 0\n3 kws\n")
        self.assertEqual(self.path("target").stat().st_mode & 0o777, 0o600)

    def test_what_cannot_be_kept_keeps_the_result_back(self) -> None:
        self.path("dangling").symlink_to("absent/state")
        os.mkfifo(self.path("fifo"))
        for name, code in (("dangling", 66), ("fifo", 66), ("/dev/null", 66), ("absent/state", 73), (".", 66),
                           ("out", 64)):
            with self.subTest(state=name):
                done = self.run_program("mallorn", "patch", "--key", "acme.pub", "--state", name, OLD, "p",
                                        "-o", "out")
                self.assertEqual(done.code, code, done)
                self.assertFalse(self.path("out").exists())

    def test_two_at_a_time(self) -> None:
        """While the lower release is applied, the higher one comes to be in use."""
        patches = []
        for release in (2, 3):
            self.succeed("mallorn", "diff", "--sign", "acme.key", "--model-id", "kws", "--release", release, OLD,
                         NEW, "-o", f"r{release}")
            patches.append(self.path(f"r{release}").read_bytes())
        lower = self.start("mallorn-apply", "--checked", "--state", "state", OLD, "-o", "out",
                           stdin=subprocess.PIPE)
        lower.stdin.write(patches[0][:-1])
        lower.stdin.flush()
        self.succeed("mallorn-apply", "--checked", "--state", "state", OLD, "-o", "other", stdin=patches[1])
        _, err = lower.communicate(patches[0][-1:], timeout=60)
        self.assertEqual(lower.returncode, 77, err)
        self.assertFalse(self.path("out").exists())

    def test_takes_a_key(self) -> None:
        for option, value in (("--state", "s"), ("--model-id", "kws"), ("--min-release", "1")):
            self.fail_with(64, "usage", "mallorn", "patch", option, value, OLD, "p", "-o", "out")
            self.fail_with(64, "usage", "mallorn", "verify", option, value, OLD, "p")


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


if __name__ == "__main__":
    unittest.main()
