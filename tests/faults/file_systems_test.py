#!/usr/bin/env python3
"""Outputs where the file system, or the system, lacks what is used elsewhere: they appear all the same."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "pipeline"))

from pipelines import PipelineTest
from programs import small_pair

LIBRARY = os.environ["MALLORN_FAULTS"]
OLD, NEW = small_pair()
BEFORE = b"what was here before"
# NFS has none of the first two, exFAT no links, an old NFS no locks, a chroot no /proc.
WHAT = ("tmpfile", "rename", "link", "lock", "proc")


class FileSystems(PipelineTest):
    def setUp(self) -> None:
        super().setUp()
        self.patch = self.make_patch(OLD, NEW)
        self.new = NEW.read_bytes()

    def lacking(self, *what: str, **more: str) -> dict[str, str]:
        return self.environment(FAULT_PROGRAM="mallorn-apply", LD_PRELOAD=LIBRARY,
                                FAULT_LACKS=" ".join(what), **more)

    def apply(self, what: tuple[str, ...], *options: str):
        return self.run_program("mallorn-apply", "-q", OLD, "-o", "out", *options, stdin=self.patch,
                                env=self.lacking(*what))

    def check(self, what: tuple[str, ...]) -> None:
        out = self.home / "out"
        for options in ((), ("--resume",)):
            done = self.apply(what, *options)
            self.assertEqual((done.code, done.err, os.listdir(self.home)), (0, b"", ["out"]))
            self.assertEqual(out.read_bytes(), self.new)
            out.write_bytes(BEFORE)
            self.assertEqual(self.apply(what, *options).code, 73)
            self.assertEqual(out.read_bytes(), BEFORE)
            done = self.apply(what, "--force", *options)
            self.assertEqual((done.code, done.err, os.listdir(self.home)), (0, b"", ["out"]))
            self.assertEqual(out.read_bytes(), self.new)
            out.unlink()

    def test_what_is_lacking(self) -> None:
        for count in range(len(WHAT) + 1):
            for what in itertools.combinations(WHAT, count):
                # Where an unnamed file can be made, it can be linked.
                if "link" in what and not {"tmpfile", "proc"} & set(what):
                    continue
                with self.subTest(lacking=what):
                    self.check(what)

    def test_a_folder_that_cannot_be_read_to_its_end(self) -> None:
        self.check(("readdir",))

    def test_whoever_takes_the_name_meanwhile_keeps_it(self) -> None:
        for what in (("tmpfile",), ("tmpfile", "rename"), ("tmpfile", "rename", "link")):
            with self.subTest(lacking=what):
                out = self.home / "out"
                process = self.start("mallorn-apply", "-q", OLD, "-o", "out", stdin=subprocess.PIPE,
                                     env=self.lacking(*what))
                while not os.listdir(self.home) and process.poll() is None:
                    time.sleep(0.001)  # until it has made its file, and has seen that the name is free
                out.write_bytes(BEFORE)
                _, err = process.communicate(self.patch, timeout=60)
                self.assertEqual((process.returncode, os.listdir(self.home)), (73, ["out"]), err)
                self.assertEqual(out.read_bytes(), BEFORE)
                out.unlink()


if __name__ == "__main__":
    unittest.main()
