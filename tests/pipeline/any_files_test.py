#!/usr/bin/env python3
"""Any two files: models or not, related or not, empty or not. The result is always exact."""

from __future__ import annotations

import array
import os
import random
import unittest
import zlib
from pathlib import Path

from pipelines import PipelineTest, in_parallel
from programs import MODELS, is_sanitized, model_pairs, real_pairs, small_pair

IDENTICAL_LIMIT = 400  # bytes of a patch between identical files, whatever their size
GROWTH_LIMIT = 1024  # bytes that a patch may be longer than the compressed result
MIB = 1 << 20
SEED = 20


def random_bytes(length: int, seed: int = SEED) -> bytes:
    return random.Random(seed).randbytes(length)


class AnyFiles(PipelineTest):
    def check(self, old: bytes, new: bytes, name: str) -> int:
        """Through `mallorn`, by reference, and through the programs, inline; the patch's length."""
        base, result = self.home / f"{name}.old", self.home / f"{name}.new"
        base.write_bytes(old)
        result.write_bytes(new)
        self.succeed("mallorn", "diff", "-q", base, result, "-o", f"{name}.patch")
        patch = (self.home / f"{name}.patch").read_bytes()
        self.assertEqual(self.make_patch(base, result, inline=True, threads=3), patch, name)
        self.succeed("mallorn", "verify", base, f"{name}.patch")
        self.succeed("mallorn", "patch", base, f"{name}.patch", "-o", f"{name}.made")
        self.assertEqual((self.home / f"{name}.made").read_bytes(), new, name)
        self.assertLessEqual(len(patch), len(zlib.compress(new, 9)) + GROWTH_LIMIT, name)
        for path in self.home.glob(f"{name}.*"):
            path.unlink()
        return len(patch)

    def test_empty_files(self) -> None:
        some = (MODELS / "v3.gguf").read_bytes()
        self.assertLessEqual(self.check(b"", b"", "both"), IDENTICAL_LIMIT)
        self.assertLessEqual(self.check(some, b"", "new"), IDENTICAL_LIMIT)
        self.check(b"", some, "old")
        self.check(b"", b"\0", "byte")
        self.check(b"\0", b"", "byte")

    def test_identical_files(self) -> None:
        for number, (old, _) in enumerate([*real_pairs(), *model_pairs()]):
            content = old.read_bytes()
            self.assertLessEqual(self.check(content, content, f"i{number}"), IDENTICAL_LIMIT, old)
        large = random_bytes(5 * MIB + 17)
        self.assertLessEqual(self.check(large, large, "large"), IDENTICAL_LIMIT)

    def test_a_file_with_itself(self) -> None:
        path = MODELS / "v3.gguf"
        self.succeed("mallorn", "diff", path, path, "-o", "patch")
        self.assertEqual(self.succeed("mallorn-apply", path, "patch"), path.read_bytes())

    def test_unrelated_models(self) -> None:
        """Each tiny model with the next one in the list, of whatever format it is."""
        models = sorted({path for pair in model_pairs() for path in pair})
        random.Random(SEED).shuffle(models)
        jobs = zip(models, models[1:], strict=False)
        in_parallel(lambda job: self.check(job[0].read_bytes(), job[1].read_bytes(),
                                           f"{job[0].name}-{job[1].name}"), jobs)
        real = [path for pair in real_pairs() for path in pair]
        self.check(real[0].read_bytes(), real[-1].read_bytes(), "real")

    def test_lengths(self) -> None:
        lengths = [1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 255, 4095, 4096, 4097, 65_535, 65_537]
        lengths += [] if is_sanitized() else [MIB - 1, MIB, MIB + 1, 2 * MIB + 3]

        def check(length: int) -> None:
            noise = random_bytes(length)
            if abs(length - MIB) > 1:  # chunks are limited in what is new: here that is no MiB
                self.check(noise[: length // 3], noise, f"grown-{length}")
            self.check(noise, noise[length // 3:], f"cut-{length}")
            self.check(noise, random_bytes(length, SEED + 1), f"other-{length}")
            self.check(b"\0" * length, b"\0" * (length + 1), f"zeros-{length}")
        in_parallel(check, lengths)

    def test_not_models(self) -> None:
        text = Path(__file__).read_bytes()
        noise = random_bytes(300_000)
        moved = noise[100_000:] + noise[:100_000]
        inserted = noise[:150_000] + b"something new" + noise[150_000:]
        self.assertLess(self.check(text, text.replace(b"self", b"this"), "text"), len(text))
        self.assertLess(self.check(noise, moved, "moved"), 1000)
        self.assertLess(self.check(noise, inserted, "inserted"), 1000)
        self.check(noise, noise[::-1], "reversed")
        self.check(text * 50, text, "repeated")
        self.check(text, text * 50, "multiplied")
        program = (self.path / "mallorn-apply").read_bytes()[:500_000]
        self.check(program, program.replace(b"mallorn", b"MALLORN"), "program")

    def test_bytes_inserted_into_weights(self) -> None:
        """What is behind each of them looks like weights of another type."""
        noise = random.Random(SEED)
        old = array.array("f", (noise.gauss(0, 0.05) for _ in range(60_000))).tobytes()
        new = b"".join(old[at : at + 1000] + b"\x55" for at in range(0, len(old), 1000))
        self.assertLessEqual(self.check(old, new, "inserted"), 1000)

    def test_bytes_inserted_or_removed_everywhere(self) -> None:
        """One for each fifty: a place takes some 6 bits, a new byte 8."""
        noise, rng = random_bytes(200_000), random.Random(SEED)
        places = sorted(rng.sample(range(len(noise)), len(noise) // 50))
        parts = [noise[begin:end] for begin, end in zip([0, *places], [*places, len(noise)])]
        inserted = b"".join(part + rng.randbytes(1) for part in parts)
        removed = b"".join(part[1:] for part in parts)
        self.assertLess(self.check(noise, inserted, "inserted"), 2.1 * len(places))
        self.assertLess(self.check(noise, removed, "removed"), 1.7 * len(places))

    def test_metadata_only(self) -> None:
        """A change of the head alone costs what it costs, not a share of the model."""
        for old, new in model_pairs():
            if old.name.startswith(("template", "described")):
                patch = self.make_patch(old, new)
                self.assertLess(len(patch), 400, old.name)
        old, _ = real_pairs()[0]
        content = old.read_bytes()
        self.assertLess(self.check(content, content[:50] + b"!" + content[51:], "byte"), 400)

    def test_unusual_names(self) -> None:
        old, new = small_pair()
        names = ("a b", "-n", "--", "a\nb", "tab\t", "'\"`$(exit 9)\\", "*", "ü", "\udcfe\udcff",
                 "\n", " ", "%s%n", "a" * 200)
        for name in names:
            (self.home / f"{name}").write_bytes(old.read_bytes())
            (self.home / f"{name}2").write_bytes(new.read_bytes())
            self.succeed("mallorn", "diff", "-q", "-o", f"{name}3", "--", name, f"{name}2")
            self.succeed("mallorn", "patch", "-o", f"{name}4", "--", name, f"{name}3")
            self.assertEqual((self.home / f"{name}4").read_bytes(), new.read_bytes(), repr(name))
            self.succeed("mallorn", "verify", "--", name, f"{name}3")
            self.succeed("mallorn", "info", "--", f"{name}3")
        self.assertEqual(len(os.listdir(self.home)), 4 * len(names))


if __name__ == "__main__":
    unittest.main()
