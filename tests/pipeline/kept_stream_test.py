#!/usr/bin/env python3
"""Streams by reference that are kept, and read when OLD or NEW may have become another file."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from pipelines import PipelineTest  # also finds the modules of tests/cli
from programs import small_pair

STATE = re.compile(rb'"state":"[0-9]+:[0-9]+:[0-9]+\.[0-9]{9}:[0-9]+\.[0-9]{9}"')
SETTLED = 3.1  # seconds after which a file that was changed has a state


class KeptStream(PipelineTest):
    """Each test has two files of its own, which all of them wait for together."""

    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="mallorn-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for name in unittest.defaultTestLoader.getTestCaseNames(cls):
            (cls.folder / name).mkdir()
            for side, model in zip(("old", "new"), small_pair()):
                shutil.copyfile(model, cls.folder / name / side)
        time.sleep(SETTLED)

    def setUp(self) -> None:
        super().setUp()
        self.old, self.new = (self.folder / self._testMethodName / side for side in ("old", "new"))

    def expected(self) -> bytes:
        """The patch of the pair."""
        return self.make_patch(*small_pair(), inline=True)

    def change(self, path: Path) -> None:
        """The same length, and the same time of modification, as if nothing had been."""
        before = path.stat()
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def check_refused(self, delta: bytes, path: Path) -> None:
        """From a file and from a pipe; at once, before the stream goes on behind its second frame."""
        kept = self.home / "kept"
        kept.write_bytes(delta)
        end = 8
        for _ in range(2):
            end += 12 + int.from_bytes(delta[end + 4:end + 8], "little")
        for given in (delta, delta[:end]):
            done = self.fail_with(65, "malformed", "mallorn-pack", stdin=given)
            self.assertEqual(done.out, b"")
            self.assertIn(f"{path}: changed since it was parsed".encode(), done.lines[0])
        done = self.shell('mallorn-pack -o patch < "$1"', kept)
        self.assertEqual(done.code, 65)
        self.assertEqual(sorted(os.listdir(self.home)), ["kept"])

    def test_untouched_files(self) -> None:
        delta = self.make_delta(self.old, self.new)
        self.assertEqual(len(STATE.findall(delta)), 2)
        kept = self.home / "kept"
        kept.write_bytes(delta)
        expected = self.expected()
        for script in ('mallorn-pack < "$1"', 'cat "$1" | mallorn-pack'):
            done = self.shell(script, kept)
            self.assertEqual((done.code, done.out, done.err), (0, expected, b""))

    def test_result_changed(self) -> None:
        delta = self.make_delta(self.old, self.new)
        self.change(self.new)
        self.check_refused(delta, self.new)

    def test_base_changed(self) -> None:
        delta = self.make_delta(self.old, self.new)
        self.change(self.old)
        self.check_refused(delta, self.old)

    def test_result_replaced(self) -> None:
        delta = self.make_delta(self.old, self.new)
        other = self.new.with_name("other")
        shutil.copyfile(self.new, other)
        self.change(other)
        os.replace(other, self.new)
        self.check_refused(delta, self.new)

    def test_link_that_leads_elsewhere(self) -> None:
        link = self.old.with_name("link")
        link.symlink_to(self.old)
        delta = self.make_delta(link, self.old)
        self.assertEqual(len(STATE.findall(delta)), 2)
        link.unlink()
        link.symlink_to(self.new)
        done = self.fail_with(65, "malformed", "mallorn-pack", stdin=delta)
        self.assertIn(b"/link: changed since it was parsed", done.lines[0])

    def check_accepted(self, alter: Callable[[Path], object]) -> None:
        delta = self.make_delta(self.old, self.new)
        for path in (self.old, self.new):
            alter(path)
        self.assertEqual(self.succeed("mallorn-pack", stdin=delta), self.expected())

    def test_files_that_were_only_touched(self) -> None:
        self.check_accepted(os.utime)

    def test_files_that_were_written_again_as_they_were(self) -> None:
        self.check_accepted(lambda path: path.write_bytes(path.read_bytes()))

    def test_times_in_whole_seconds(self) -> None:
        """As coarse file systems have them: of the last modification, which can be set."""
        for path in (self.old, self.new):
            os.utime(path, (1_796_000_000, 1_796_000_000))
        time.sleep(SETTLED)
        delta = self.make_delta(self.old, self.new)
        self.assertEqual(len(re.findall(rb":1796000000\.000000000:", delta)), 2)
        self.assertEqual(self.succeed("mallorn-pack", stdin=delta), self.expected())
        self.change(self.old)
        self.check_refused(delta, self.old)

    def test_new_files_have_no_state(self) -> None:
        """What is written next might bear the same time: so they are hashed."""
        for path in (self.old, self.new):
            path.write_bytes(path.read_bytes())
        delta = self.make_delta(self.old, self.new)
        self.assertNotIn(b'"state"', delta)
        self.assertEqual(self.succeed("mallorn-pack", stdin=delta), self.expected())
        self.change(self.new)
        self.fail_with(65, "malformed", "mallorn-pack", stdin=delta)

    def test_model_streams(self) -> None:
        """They are refused by mallorn-delta, on its standard input and as RESULT."""
        streams = [self.home / side for side in ("old.stream", "new.stream")]
        for path, stream in zip((self.old, self.new), streams):
            stream.write_bytes(self.succeed("mallorn-parse", "-q", "--by-reference", path))
            self.assertEqual(len(STATE.findall(stream.read_bytes())), 1)
        line = ("mallorn-delta", "-q", "--by-reference", streams[1])
        delta = self.succeed(*line, stdin=streams[0].read_bytes())
        self.assertEqual(self.succeed("mallorn-pack", stdin=delta), self.expected())
        for path in (self.old, self.new):
            before = path.read_bytes()
            self.change(path)
            done = self.fail_with(65, "malformed", *line, stdin=streams[0].read_bytes())
            self.assertIn(f"{path}: changed since it was parsed".encode(), done.lines[0])
            path.write_bytes(before)

    def test_one_file_as_both(self) -> None:
        delta = self.make_delta(self.old, self.old)
        patch = self.succeed("mallorn-pack", stdin=delta)
        self.assertEqual(self.succeed("mallorn", "diff", self.old, self.old, "-o", "-"), patch)
        self.assertEqual(self.succeed("mallorn-apply", self.old, stdin=patch), self.old.read_bytes())
        self.change(self.old)
        self.check_refused(delta, self.old)


if __name__ == "__main__":
    unittest.main()
