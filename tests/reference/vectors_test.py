#!/usr/bin/env python3
"""The golden vectors, by the programs and by the decoder that was written from the documents.

MALLORN_BIN is a build directory, or the folder of the programs; without it, ../../build.
"""

from __future__ import annotations

import csv
import hashlib
import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent.parent / "scripts"))

import bad_patches  # noqa: E402
import blocks  # noqa: E402
import byte_model  # noqa: E402
import journal  # noqa: E402
import journal_cases  # noqa: E402
import ed25519  # noqa: E402
import edits_cases  # noqa: E402
import grid_cases  # noqa: E402
import mask  # noqa: E402
import mixed_cases  # noqa: E402
import patch  # noqa: E402
import range_coder  # noqa: E402
import residuals  # noqa: E402
import sign_cases  # noqa: E402
import signatures  # noqa: E402
import stream  # noqa: E402
import stream_cases  # noqa: E402
import values  # noqa: E402
import values_cases  # noqa: E402
from cases import JOURNALS, SIGNATURES, TOP, VECTORS, Programs, read  # noqa: E402
from faults import Fault  # noqa: E402
from vectors import (COLUMNS, SUFFIX, VectorTest, content, exit_codes, give,  # noqa: E402
                     made_by_decoder, made_by_programs, open_file, rows, status_of)

PROGRAMS = Programs(Path(os.environ.get("MALLORN_BIN") or TOP / "build"))


class Good(VectorTest):
    def check(self, group: str, make: object) -> None:
        for row in rows(group, "good"):
            with self.vector(group, row["vector"]):
                made = make(row["base"], content(group, "good", row))  # type: ignore[operator]
                if isinstance(made, str):
                    self.fail(made)
                self.assertEqual((str(len(made)), hashlib.sha256(made).hexdigest()),
                                 (row["length"], row["sha256"]))

    def test_patches_by_the_decoder(self) -> None:
        self.check("patch", made_by_decoder)

    def test_patches_by_the_programs(self) -> None:
        self.check("patch", lambda base, data: made_by_programs(PROGRAMS, base, data))

    def test_patches_without_vector_instructions(self) -> None:
        with mock.patch.dict(os.environ, MALLORN_PORTABLE="1"):
            self.check("patch", lambda base, data: made_by_programs(PROGRAMS, base, data))

    def test_streams_by_the_decoder(self) -> None:
        self.check("stream", made_by_decoder)

    def test_streams_by_the_programs(self) -> None:
        self.check("stream", lambda kind, data: made_by_programs(PROGRAMS, kind, data))

    def test_windows_of_the_base(self) -> None:
        """What a delta stream carries of the base is what is there."""
        base = (VECTORS / "models" / "template.old.gguf").read_bytes()
        _, chunks = stream.read_delta((VECTORS / "stream/good/gguf.mls").read_bytes(), open_file)
        windows = [(step, window) for chunk in chunks for step, window in zip(chunk.steps, chunk.base)]
        self.assertTrue(any(window for _, window in windows))
        for step, window in windows:
            if step.kind == stream.PREDICT:
                self.assertEqual(window, base[step.base_offset:step.base_offset + step.result_bytes + 3])

    def test_odd_manifests(self) -> None:
        for data in stream_cases.good_manifests():
            with self.subTest(data[16:]):
                self.assertEqual(made_by_decoder("model", data), b"abc")
                self.assertEqual(status_of(give(PROGRAMS, "model", data)), (0, "ok"))


class Bad(VectorTest):
    def refused_by_decoder(self, kind: str, data: bytes) -> str:
        try:
            made_by_decoder(kind, data)
        except Fault as fault:
            return fault.status
        return "ok"

    def test_by_the_decoder(self) -> None:
        for group in SUFFIX:
            for row in rows(group, "bad"):
                with self.vector(group, row["vector"]):
                    data = content(group, "bad", row)
                    self.assertEqual(self.refused_by_decoder(row["base"], data), row["status"])

    def test_by_the_programs(self) -> None:
        codes = exit_codes()
        for group in SUFFIX:
            for row in rows(group, "bad"):
                with self.vector(group, row["vector"]):
                    done = give(PROGRAMS, row["base"], content(group, "bad", row))
                    self.assertEqual(status_of(done), (codes[row["status"]], row["status"]))

    def test_no_result_is_left(self) -> None:
        for row in rows("patch", "bad"):
            with self.vector(row["vector"]), tempfile.TemporaryDirectory() as folder:
                done = PROGRAMS.run("mallorn-apply", "-q", TOP / "tests" / row["base"], "-o",
                                    Path(folder) / "result", stdin=content("patch", "bad", row))
                self.assertNotEqual(done.returncode, 0)
                self.assertEqual(os.listdir(folder), [])

    def test_more_parameters(self) -> None:
        codes = exit_codes()
        for status, data in stream_cases.more_bad_parameters():
            with self.subTest(data):
                self.assertEqual(self.refused_by_decoder("delta", data), status)
                self.assertEqual(status_of(give(PROGRAMS, "delta", data)), (codes[status], status))

    def test_more_states(self) -> None:
        for data in stream_cases.more_bad_states():
            with self.subTest(data):
                self.assertEqual(self.refused_by_decoder("delta", data), "malformed")
                self.assertEqual(status_of(give(PROGRAMS, "delta", data)), (65, "malformed"))

    def test_more_values(self) -> None:
        for wrong in values_cases.more_wrong_pieces():
            with self.subTest(f"{wrong.name}: {wrong.what}"):
                data = wrong.patch(read(bad_patches.ALPHABET))
                self.assertEqual(self.refused_by_decoder(bad_patches.ALPHABET, data), "corrupt_data")
                self.assertEqual(status_of(give(PROGRAMS, bad_patches.ALPHABET, data)), (65, "corrupt_data"))

    def test_more_mixed(self) -> None:
        for wrong in mixed_cases.more_wrong_pieces():
            with self.subTest(f"{wrong.name}: {wrong.what}"):
                data = wrong.patch(read(bad_patches.ALPHABET))
                self.assertEqual(self.refused_by_decoder(bad_patches.ALPHABET, data), "corrupt_data")
                self.assertEqual(status_of(give(PROGRAMS, bad_patches.ALPHABET, data)), (65, "corrupt_data"))

    def test_more_edits_and_grids(self) -> None:
        for wrong in [*edits_cases.more_wrong_pieces(), *grid_cases.more_wrong_pieces()]:
            with self.subTest(f"{wrong.name}: {wrong.what}"):
                data = wrong.patch(read(bad_patches.ALPHABET))
                self.assertEqual(self.refused_by_decoder(bad_patches.ALPHABET, data), "corrupt_data")
                self.assertEqual(status_of(give(PROGRAMS, bad_patches.ALPHABET, data)), (65, "corrupt_data"))

    def test_more_manifests(self) -> None:
        for data in stream_cases.more_bad_manifests():
            with self.subTest(data[16:]):
                self.assertEqual(self.refused_by_decoder("model", data), "malformed")
                self.assertEqual(status_of(give(PROGRAMS, "model", data)), (65, "malformed"))


class Lists(unittest.TestCase):
    def test_every_vector_is_listed(self) -> None:
        for group, suffix in SUFFIX.items():
            for side in COLUMNS:
                stored = sorted(path.stem for path in (VECTORS / group / side).glob("*" + suffix))
                self.assertEqual(stored, sorted(row["vector"] for row in rows(group, side)))
                self.assertGreaterEqual(len(stored), 10)


class Signatures(unittest.TestCase):
    def test_verdicts(self) -> None:
        with open(SIGNATURES, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                with self.subTest(row["name"]):
                    parts = (bytes.fromhex(row[name]) for name in ("public key", "message", "signature"))
                    self.assertEqual(ed25519.verify(*parts), row["verdict"] == "good")

    def test_the_signed_vector(self) -> None:
        key = ed25519.public_key(sign_cases.SEED)
        for name, is_signed in (("signed", True), ("signed-four-times", False), ("abc-abd", False)):
            data = (VECTORS / f"patch/good/{name}.mlp").read_bytes()
            self.assertEqual(signatures.is_signed_by(data, key), is_signed)


class Journals(VectorTest):
    """Updates in place that are half way: what comes of them, back and on."""

    def check(self, outcome: object) -> None:
        """outcome(journal, patch, model, is_back) is what the model is then, or a status."""
        first = b"", b"", b""
        with open(JOURNALS, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                files = tuple(journal_cases.changed(before, row[name])
                              for before, name in zip(first, ("patch", "model", "journal")))
                first = first if first[0] else files
                header, _ = patch.read_header(files[0])
                for column, is_back in (("undone", True), ("finished", False)):
                    with self.vector(row["name"], column):
                        made = outcome(files[2], files[0], files[1], is_back)  # type: ignore[operator]
                        digest = header.base_digest if is_back else header.result_digest
                        if isinstance(made, bytes):
                            made = ("old" if is_back else "new") if patch.sha256(made) == digest else "other bytes"
                        self.assertEqual(made, row[column])

    def by_programs(self, data: bytes, patch_bytes: bytes, model: bytes, is_back: bool) -> bytes | str:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("model", "model.journal", "patch")]
            for path, content in zip(paths, (model, data, patch_bytes)):
                path.write_bytes(content)
            done = PROGRAMS.run("mallorn-apply", "-q", "--in-place", *["--undo"][:is_back], paths[0], paths[2])
            if done.returncode == 0:
                self.assertFalse(paths[1].exists())
                return paths[0].read_bytes()
            code, status = status_of(done)
            self.assertEqual(code, exit_codes()[status])
            self.assertTrue(paths[1].exists())
            return status

    def by_decoder(self, data: bytes, patch_bytes: bytes, model: bytes, is_back: bool) -> bytes | str:
        try:
            return (journal.undone if is_back else journal.finished)(data, patch_bytes, model)
        except Fault as fault:
            return fault.status

    def test_by_the_programs(self) -> None:
        self.check(self.by_programs)

    def test_by_the_decoder(self) -> None:
        self.check(self.by_decoder)


class AbleToFail(VectorTest):
    """Would these tests notice?"""

    def test_a_wrong_constant_shows(self) -> None:
        data = (VECTORS / "patch/good/structure-tflite.mlp").read_bytes()
        base = "vectors/models/reordered.old.tflite"
        self.assertTrue(made_by_decoder(base, data))
        scaled = (VECTORS / "patch/good/blocks.mlp").read_bytes()
        gguf_base = "vectors/models/all-types.old.gguf"
        self.assertTrue(made_by_decoder(gguf_base, scaled))
        for name, value in (("LEVELS", blocks.LEVELS[1:]), ("LIMIT", 99)):
            with mock.patch.object(blocks, name, value), self.assertRaises(Fault, msg=name):
                made_by_decoder(gguf_base, scaled)
        pruned = (VECTORS / "patch/good/mask.mlp").read_bytes()
        for name, value in (("LIMIT", 126), ("KNOWN", 15), ("LEVELS", 15)):
            with mock.patch.object(mask, name, value), self.assertRaises(Fault, msg=name):
                made_by_decoder(gguf_base, pruned)
        numbers = (VECTORS / "patch/good/values.mlp").read_bytes()
        self.assertTrue(made_by_decoder(values_cases.NUMBERS, numbers))
        with mock.patch.object(values, "NOT_ROUNDED", 3), self.assertRaises(Fault):
            made_by_decoder(values_cases.NUMBERS, numbers)
        ranks = (VECTORS / "patch/good/blocks-ranks.mlp").read_bytes()
        row = next(row for row in rows("patch", "good") if row["vector"] == "blocks-ranks")
        with mock.patch.object(residuals, "LIMIT", 99), self.assertRaises(Fault):
            made_by_decoder(row["base"], ranks)
        for module, name, value in ((range_coder, "RATES", [n - 9 for n in range_coder.RATES]),
                                    (byte_model, "STRETCH", [n + 5 for n in byte_model.STRETCH]),
                                    (byte_model, "GOLDEN", 1)):
            with mock.patch.object(module, name, value), self.assertRaises(Fault, msg=name):
                made_by_decoder(base, data)

    def test_a_changed_bit_shows(self) -> None:
        row = next(row for row in rows("patch", "good") if row["vector"] == "steps")
        data = content("patch", "good", row)
        for bit in range(0, 8 * len(data), 61):
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            with self.assertRaises(Fault, msg=f"bit {bit}"):
                made_by_decoder(row["base"], bytes(damaged))
            self.assertNotEqual(give(PROGRAMS, row["base"], bytes(damaged)).returncode, 0)


if __name__ == "__main__":
    unittest.main()
