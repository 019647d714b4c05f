"""What tests of signatures share: two keys, and a patch signed by one of them."""

from __future__ import annotations

import shutil
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "reference"))

import signatures  # noqa: E402
from programs import ProgramTest, small_pair  # noqa: E402

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
