"""Tests the replay driver: it must notice a planted crash, and files that it cannot read."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

REPLAY = sys.argv.pop(1)


def replay(*paths):
    return subprocess.run([REPLAY, *paths], capture_output=True, text=True)


class Replay(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        (self.folder / "deep").mkdir()
        for name in ("a", "b", "deep/c"):
            (self.folder / name).write_text("harmless", encoding="ascii")
        (self.folder / "empty").touch()

    def test_runs_every_file_of_a_folder(self):
        result = replay(self.folder)
        self.assertEqual((result.returncode, result.stdout), (0, "4 inputs\n"))

    def test_a_planted_crash_is_noticed_wherever_it_is(self):
        path = self.folder / "deep" / "d"
        path.write_text("crash", encoding="ascii")
        for argument in (self.folder, path):
            result = replay(argument)
            self.assertEqual(result.returncode, -signal.SIGABRT)
            self.assertIn("deep/d\n", result.stderr)

    def test_what_cannot_be_read_is_a_failure(self):
        (self.folder / "dangling").symlink_to("nowhere")
        for argument in (self.folder, self.folder / "dangling", self.folder / "missing"):
            result = replay(argument)
            self.assertEqual(result.returncode, 1)
            self.assertIn("error", result.stderr)

    def test_nothing_to_run_is_a_failure(self):
        (self.folder / "hollow").mkdir()
        self.assertEqual(replay().returncode, 1)
        self.assertEqual(replay(self.folder / "hollow").returncode, 1)

    def test_a_file_shorter_or_longer_than_it_says_is_a_failure(self):
        # Files of the kernel: their length is not known before they are read.
        for path in ("/sys/kernel/mm/transparent_hugepage/enabled", "/proc/version"):
            if os.path.exists(path):
                self.assertEqual(replay(path).returncode, 1, path)


if __name__ == "__main__":
    unittest.main()
