"""Tests scripts/make_models.py and scripts/hostile_models.py: same bytes every time."""

import os
import subprocess
import sys
import tempfile
import unittest
from itertools import zip_longest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
MODELS = ROOT / "tests" / "vectors" / "models"
sys.path.insert(0, str(SCRIPTS))

import hostile_models  # noqa: E402
import make_models  # noqa: E402
from model_writers import protobuf  # noqa: E402
from model_writers.fixture import Hole  # noqa: E402

EXPECTATIONS = {"opaque", "labels", "refuse", "any"}


def run(script: str, *arguments: str, seed: str = "0") -> subprocess.CompletedProcess:
    """A process of its own, because the order of hashes is chosen once per process."""
    return subprocess.run([sys.executable, "-B", SCRIPTS / script, *arguments],
                          env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True)


class GoodModels(unittest.TestCase):
    def test_committed_files_are_what_the_script_writes(self) -> None:
        result = run("make_models.py", "--check", seed="1")
        self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_writing_twice_gives_equal_bytes(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(run("make_models.py", "-o", folder, seed="2").returncode, 0)
            written = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
        committed = {path.name: path.read_bytes() for path in MODELS.iterdir()
                     if path.name != "README.md"}
        self.assertEqual(written.keys(), committed.keys())
        for name in written:
            self.assertTrue(written[name] == committed[name], name)

    def test_check_notices_changed_missing_and_extra_files(self) -> None:
        files = {"a": b"1", "b": b"2"}
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "a").write_bytes(b"x")
            (Path(folder) / "c").write_bytes(b"3")
            self.assertEqual(make_models.differences(files, Path(folder)),
                             ["a: differs", "b: missing", "c: not written by this script"])

    def test_models_stay_small(self) -> None:
        sizes = [path.stat().st_size for path in MODELS.iterdir() if path.suffix != ".tsv"]
        self.assertLess(max(sizes), 10_000)
        self.assertLess(sum(sizes), 150_000)

    def test_every_pair_is_complete_and_differs(self) -> None:
        olds = [path for path in MODELS.iterdir() if path.name.count(".old.") == 1]
        self.assertGreater(len(olds), 15)
        for old in olds:
            new = old.with_name(old.name.replace(".old.", ".new."))
            self.assertNotEqual(old.read_bytes(), new.read_bytes(), old.name)


class HostileModels(unittest.TestCase):
    def test_generating_twice_gives_equal_fixtures(self) -> None:
        for first, second in zip_longest(hostile_models.fixtures(False, set()),
                                         hostile_models.fixtures(False, set())):
            self.assertTrue(first == second, first and first.file)

    def test_every_class_is_there_and_every_line_is_well_formed(self) -> None:
        names, classes = [], set()
        for fixture in hostile_models.fixtures(False, set()):
            names.append(fixture.file)
            line = fixture.index_line(True)
            self.assertEqual((line.count("\t"), line.count("\n")), (5, 1), fixture.file)
            classes.add(int(line.split("\t")[1]))
            self.assertIn(fixture.expect, EXPECTATIONS, fixture.file)
        self.assertEqual(classes, set(range(1, 29)))
        self.assertEqual(len(names), len(set(names)))

    def test_only_sparse_files_are_larger_than_a_few_blocks_on_disk(self) -> None:
        for fixture in hostile_models.fixtures(False, set()):
            if isinstance(fixture.content, Hole):
                self.assertIn("sparse", fixture.flags)
            elif isinstance(fixture.content, bytes):
                self.assertLess(len(fixture.content), 40_000_000, fixture.file)
                if "big" not in fixture.flags:
                    self.assertLess(len(fixture.content), 1_000_000, fixture.file)

    def test_files_written_are_those_of_the_index(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            result = run("hostile_models.py", folder, "--only", "5,22,26")
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            index = (Path(folder) / "index.tsv").read_text(encoding="utf-8").splitlines()[1:]
            for line in index:
                name, number, *_, flags = line.split("\t")
                self.assertIn(number, ("5", "22", "26"))
                self.assertEqual(os.path.lexists(Path(folder) / name), "absent" not in flags)
            again = run("hostile_models.py", folder)
            self.assertEqual(again.returncode, 1, "a folder in use must be refused")


class Protobuf(unittest.TestCase):
    def test_varints(self) -> None:
        self.assertEqual(protobuf.varint(0), b"\0")
        self.assertEqual(protobuf.varint(300), b"\xac\2")
        self.assertEqual(protobuf.varint(-1), b"\xff" * 9 + b"\1")
        self.assertEqual(protobuf.varint(1, width=3), b"\x81\x80\0")


if __name__ == "__main__":
    unittest.main()
