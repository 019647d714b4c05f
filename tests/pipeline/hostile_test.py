#!/usr/bin/env python3
"""The hostile fixtures (tests/hostile/README.md), through mallorn-parse and the pipeline."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

from pipelines import PipelineTest, in_parallel, limited_memory
from programs import TOP, Done, is_sanitized

SECONDS = 10 if not is_sanitized() else 100  # for one file
LARGE = 100 << 20  # longer files are mapped one at a time, with a limit that lets them
SMALL = 2_000_000 if not is_sanitized() else 100_000  # what is sent through the whole pipeline
CUTS = 40 if not is_sanitized() else 10  # places to cut a good file at; unit tests cut everywhere
UNDERSTOOD = ("gguf", "onnx", "tflite")


class Fixture:
    def __init__(self, folder: Path, row: dict[str, str]) -> None:
        self.path = folder / row["file"]
        self.name, self.format, self.expect = row["file"], row["format"], row["expect"]
        self.flags = set(row["flags"].split(","))

    @property
    def is_input(self) -> bool:
        return not self.flags & {"side-file", "absent"}

    @property
    def is_regular(self) -> bool:
        return self.is_input and "not-regular" not in self.flags

    @property
    def is_opaque_model(self) -> bool:
        """Whether it begins like a model, but is to be taken for plain bytes."""
        return self.expect == "opaque" and self.format in ("gguf", "tflite")

    @property
    def length(self) -> int:
        return self.path.stat().st_size if self.is_regular else 0


class Hostile(PipelineTest):
    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory(prefix="mallorn-hostile-")
        cls.addClassCleanup(holder.cleanup)
        folder = Path(holder.name)
        subprocess.run(["python3", TOP / "scripts" / "hostile_models.py", folder], check=True)
        with (folder / "index.tsv").open(encoding="utf-8", newline="") as index:
            rows = csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE)
            cls.fixtures = [Fixture(folder, row) for row in rows]

    def parse(self, path: Path, *options: str) -> Done:
        command = ["timeout", str(SECONDS), *self.command("mallorn-parse", *options, path)]
        done = subprocess.run(command, capture_output=True, check=False, env=self.environment(),
                              stdin=subprocess.DEVNULL)
        result = Done(done.returncode, done.stdout, done.stderr)
        self.assertNotEqual(result.code, 124, f"{path.name}: longer than {SECONDS} s")
        self.assertIn(result.code, (0, 65, 66, 69, 74), f"{path.name}: {result}")
        return result

    def check_fixture(self, fixture: Fixture) -> None:
        """Strictly first: what is understood then is so otherwise, too."""
        strict = self.parse(fixture.path, "--strict", "--manifest")
        if strict.code == 0:
            self.assertIn(self.check_manifest(fixture, strict), UNDERSTOOD, fixture.name)
            return
        self.assertEqual(strict.out, b"", fixture.name)
        self.assert_one_error(strict)
        done = self.parse(fixture.path, "--manifest")
        if done.code == 0:
            self.assertIn(strict.code, (65, 69), f"{fixture.name}: {strict}")
            self.assertEqual(self.check_manifest(fixture, done), "raw", fixture.name)
            # Bytes that begin like a GGUF or a TFLite must not be taken for plain bytes silently.
            if done.lines or fixture.is_opaque_model:
                self.assertRegex(done.err, rb"; taken as plain bytes \[\w+\]\n$", fixture.name)
            if fixture.is_opaque_model:
                self.assertEqual(len(done.lines), 1, f"{fixture.name}: {done}")
            return
        # Files that refer to others may be refused or described; mallorn describes them.
        self.assertIn(fixture.expect, ("refuse", "any"), f"{fixture.name}: {done}")
        self.assertEqual(done.out, b"", fixture.name)
        self.assert_one_error(done)

    def check_manifest(self, fixture: Fixture, done: Done) -> str:
        """Checks what was printed and the warnings; the name of the format."""
        self.assertTrue(fixture.is_regular, f"{fixture.name}: this is no file")
        manifest = json.loads(done.out)
        self.assert_tiles(manifest, fixture.length, fixture.name)
        if fixture.expect == "opaque":
            self.assertNotIn(manifest["format"], UNDERSTOOD, fixture.name)
        for line in done.lines:
            self.assertRegex(line, rb"^mallorn-parse: warning: [^\x00-\x1f\x7f]+$", fixture.name)
        return manifest["format"]

    def assert_tiles(self, manifest: dict, length: int, name: str) -> None:
        self.assertEqual(manifest["length"], length, name)
        at = 0
        for part in manifest["ranges"]:
            self.assertEqual(part["offset"], at, name)
            self.assertGreater(part["length"], 0, name)
            at += part["length"]
        self.assertEqual(at, length, name)

    def test_fixtures_are_there(self) -> None:
        self.assertGreater(len(self.fixtures), 300)
        classes = {int(fixture.name[:2]) for fixture in self.fixtures}
        self.assertEqual(classes, set(range(1, 29)))

    def test_parse(self) -> None:
        with limited_memory():
            in_parallel(self.check_fixture,
                        [f for f in self.fixtures if f.is_input and f.length < LARGE])

    def test_parse_large(self) -> None:
        for fixture in self.fixtures:
            if fixture.is_input and fixture.length >= LARGE:
                with self.subTest(name=fixture.name), limited_memory(fixture.length):
                    self.check_fixture(fixture)

    def test_quiet(self) -> None:
        for name in ("gguf", "tflite"):
            fixture = next(f for f in self.fixtures if f.is_opaque_model and f.format == name)
            self.assertNotEqual(self.parse(fixture.path, "--manifest").err, b"")
            self.assertEqual(self.parse(fixture.path, "-q", "--manifest").err, b"")

    def test_cut_files(self) -> None:
        good = [f for f in self.fixtures if "truncate-every" in f.flags]
        self.assertEqual(len(good), 4)

        def check(job: tuple[Fixture, int]) -> None:
            fixture, cut = job
            path = self.home / f"{cut}-{fixture.path.name}"
            path.write_bytes(fixture.path.read_bytes()[:cut])
            done = self.parse(path, "--manifest")
            self.assertEqual(done.code, 0, f"{path.name}: {done}")
            self.assert_tiles(json.loads(done.out), cut, path.name)
            path.unlink()
        jobs = [(f, cut) for f in good
                for cut in random.Random(f.name).sample(range(f.length), CUTS)]
        with limited_memory():
            in_parallel(check, jobs)

    def test_files_that_change_while_read(self) -> None:
        """Cut while they are read: exit code 74 or a whole stream; no crash, no hang."""
        for fixture in (f for f in self.fixtures if "grow-or-shrink" in f.flags):
            content = fixture.path.read_bytes()
            path = self.home / fixture.path.name
            for change in (len(content) // 2, 1, 0, 3 * len(content)):
                path.write_bytes(content + bytes(40 << 20))  # long enough to be caught reading it
                process = self.start("mallorn-parse", "-q", path.name, stdout=subprocess.PIPE)
                process.stdout.read(1000)
                os.truncate(path, change)
                _, err = process.communicate(timeout=60)
                self.assertIn(process.returncode, (0, 74), err)
                path.unlink()

    def test_round_trip(self) -> None:
        """A hostile file as the old model, and a damaged copy of it as the new one."""
        def check(fixture: Fixture) -> None:
            content = fixture.path.read_bytes()
            middle = len(content) // 2
            new = self.home / fixture.name.replace("/", "-")
            new.write_bytes(content[:middle] + b"\xA5" * 3 + content[middle:-1] + b"!")
            name = new.name
            done = self.run_program("mallorn", "diff", "-q", fixture.path, new, "-o",
                                    f"{name}.patch")
            self.assertEqual((done.code, done.err), (0, b""), name)
            done = self.run_program("mallorn", "patch", fixture.path, f"{name}.patch", "-o",
                                    f"{name}.made")
            self.assertEqual((done.code, done.err), (0, b""), name)
            self.assertEqual((self.home / f"{name}.made").read_bytes(), new.read_bytes(), name)
            for path in (new, new.with_name(f"{name}.patch"), new.with_name(f"{name}.made")):
                path.unlink()
        chosen = [f for f in self.fixtures if f.is_regular and f.length <= SMALL]
        if is_sanitized():  # plain bytes are any_files_test's
            chosen = [f for f in chosen if f.expect != "opaque"]
        self.assertGreater(len(chosen), 200)
        with limited_memory():
            in_parallel(check, chosen)


if __name__ == "__main__":
    unittest.main()
