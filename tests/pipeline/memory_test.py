#!/usr/bin/env python3
"""--memory: what is more than that is refused before anything is decoded, or never taken."""

from __future__ import annotations

import os
import random
import re
import resource
import subprocess
import time
import unittest
from pathlib import Path

from chunky import ChunkyTest  # also finds the modules of tests/cli
from programs import is_sanitized

MIB = 1 << 20


class Memory(ChunkyTest):
    megabytes = 4

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_peak_stays_below(self) -> None:
        """Pages of the base are the system's; apart from them the limit holds."""
        for limit in (24, 48, 96):
            peak = self.peak_of("--memory", f"{limit}M", "--threads", 8)
            self.assertLess(peak, limit * MIB + len(self.models[0]), f"{limit} MiB")

    def peak_of(self, *options: object) -> int:
        """The peak of the resident set when all chunks but the last are written."""
        patch = self.patch.read_bytes()
        line = ("mallorn-apply", *options, "--resume", "--force", self.old, "-o", "out")
        process = self.start(*line, stdin=subprocess.PIPE)
        process.stdin.write(patch[:-9])
        process.stdin.flush()
        self.wait_until(lambda: self.is_asleep(process.pid))
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        _, err = process.communicate(patch[-9:], timeout=60)
        self.assertEqual((process.returncode, err), (0, b""))
        self.assertEqual((self.home / "out").read_bytes(), self.models[1])
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def is_asleep(self, process: int) -> bool:
        """All its threads wait, and have used no time meanwhile: for the rest of the patch."""
        def used() -> list[str]:
            return [each.read_text(encoding="ascii").rpartition(")")[2]
                    for each in sorted(Path(f"/proc/{process}/task").glob("*/stat"))]
        before = used()
        time.sleep(0.1)
        return used() == before and all(each.split()[0] == "S" for each in before)

    def wait_until(self, is_so) -> None:
        deadline = time.monotonic() + 60
        while not is_so():
            self.assertLess(time.monotonic(), deadline)

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_result_is_the_same(self) -> None:
        for line in (("mallorn", "patch", self.old, self.patch, "-o", "out", "--force"),
                     ("mallorn", "verify", self.old, self.patch)):
            self.succeed(*line, "--memory", "24M")
            for size in ("1G", "24mb", "24MiB"):
                self.succeed(*line, f"--memory={size}")
        self.assertEqual((self.home / "out").read_bytes(), self.models[1])

    def test_too_little_is_refused(self) -> None:
        damaged = self.patch.read_bytes()[:300]  # it is not even looked at
        for limit in ("1", "1M", "23M"):
            done = self.fail_with(74, "out_of_memory", "mallorn-apply", self.old, "--memory", limit,
                                  "-o", "out", stdin=damaged)
            self.assertIn(b"needs 24 MiB of memory", done.lines[0])
            self.assertIn(b"--memory 24M", done.lines[1])
        self.assertIn(b"\nmemory           24 MiB with one thread, 80 MiB with two\n",
                      self.succeed("mallorn", "info", self.patch))
        self.assertEqual(list(self.home.iterdir()), [])

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_the_figure_of_the_message_suffices(self) -> None:
        old, new = self.home.parent / "some", self.home.parent / "other"
        old.write_bytes(b"anything" * 5000)
        new.write_bytes(random.Random(1).randbytes(3_000_000))
        for options in ([], ["--fast"], ["--profile", "lite"]):
            patch = self.home.parent / "some.patch"
            self.succeed("mallorn", "diff", "-q", "--force", *options, old, new, "-o", patch)
            line = ("mallorn-apply", old, patch, "--verify", "--threads", 1)
            done = self.fail_with(74, "out_of_memory", *line, "--memory", "64K")
            self.assertIn(b"and may have 64 KiB", done.err)
            figure = re.search(rb"needs ([0-9]+) MiB", done.err)[1].decode()
            self.succeed(*line, "--memory", f"{figure}M")
            done = self.fail_with(74, "out_of_memory", *line, "--memory", "1000001")
            self.assertIn(b"and may have 1,000,001 bytes", done.err)
            done = self.fail_with(74, "out_of_memory", *line, "--memory", 1)
            self.assertIn(b"and may have 1 byte [", done.err)

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_long_copies_are_not_kept(self) -> None:
        """What did not change passes through mallorn-pack, inline or by reference, and is not held there."""
        old, new = self.home.parent / "zeros", self.home.parent / "longer"
        for path, end in ((old, b"old"), (new, b"newer")):
            path.write_bytes(end)
            os.truncate(path, 96 * MIB)
            with path.open("ab") as file:
                file.write(end)
        made = []
        for options in ([], ["--by-reference"]):
            delta = self.home.parent / "delta"
            with delta.open("wb") as out:  # not through this process: its memory would be counted below
                parse = self.start("mallorn-parse", "-q", *options, old, stdout=subprocess.PIPE)
                self.finish(self.start("mallorn-delta", "-q", *options, new, stdin=parse.stdout, stdout=out))
                parse.stdout.close()
                self.finish(parse)
            with delta.open("rb") as file, (self.home / "patch").open("wb") as out:
                used = self.finish(self.start("mallorn-pack", "-q", "--threads", 2, stdin=file, stdout=out))
            self.assertLess(used.ru_maxrss * 1024, 64 * MIB, options)
            made.append((self.home / "patch").read_bytes())
        self.assertEqual(made[0], made[1])

    @unittest.skipIf(is_sanitized(), "a sanitizer needs more memory than that")
    def test_plain_bytes_are_not_kept(self) -> None:
        """A file of no known format is walked through by mallorn-parse and mallorn-delta, and not held there."""
        old, new = self.home.parent / "bytes", self.home.parent / "others"
        rng = random.Random(7)
        with old.open("wb") as before, new.open("wb") as after:
            for _ in range(160):
                piece = bytearray(rng.randbytes(MIB))
                before.write(piece)
                for at in range(0, MIB, 1 << 15):
                    piece[at + rng.randrange(1 << 15)] ^= 1
                piece[5000:5000] = b"inserted"
                after.write(piece)
        streams = [self.home.parent / f"stream {i}" for i in range(2)]
        for model, stream in zip((old, new), streams):
            with stream.open("wb") as out:
                used = self.finish(self.start("mallorn-parse", "-q", "--by-reference", model, stdout=out))
            self.assertLess(used.ru_maxrss * 1024, 64 * MIB)
        with streams[0].open("rb") as file, (self.home.parent / "delta").open("wb") as out:
            used = self.finish(self.start("mallorn-delta", "-q", "--by-reference", streams[1], stdin=file,
                                          stdout=out))
        self.assertLess(used.ru_maxrss * 1024, 144 * MIB)

    def finish(self, process: subprocess.Popen) -> resource.struct_rusage:
        """Waits for what must succeed, silently; what it has used."""
        with process.stderr:
            self.assertEqual(process.stderr.read(), b"")
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return used

    def test_sizes(self) -> None:
        for size in ("", "0", "-1", "M", "1.5M", "64MM", "99999999999999999999", "16777216T", " 1"):
            self.fail_with(64, "usage", "mallorn-apply", self.old, self.patch, f"--memory={size}")
        self.fail_with(64, "usage", "mallorn-apply", "--info", self.patch, "--memory", "1G")


if __name__ == "__main__":
    unittest.main()
