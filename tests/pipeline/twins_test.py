#!/usr/bin/env python3
"""Tensors that a model has twice cost what they cost once, however far apart they are."""

from __future__ import annotations

import json
import random
import unittest

from pipelines import in_parallel

from in_place import InPlaceTest
from model_writers.gguf import PLAIN_TYPES, STRING, GgufWriter
from programs import is_sanitized

AGAIN = 250  # bytes: records, and chunks that end for a twin

Tensor = tuple[str, bytes]  # name, elements of f16


def weights(name: str, elements: int, is_tuned: bool) -> bytes:
    """Of about one size; tuned ones differ in their lowest bits."""
    made = bytearray(random.Random(name).randbytes(2 * elements))
    made[1::2] = bytes(0x2C | byte & 0x83 for byte in made[1::2])
    if is_tuned:
        tuning = random.Random(name + " tuned").randbytes(elements)
        made[0::2] = bytes(byte ^ change & 7 for byte, change in zip(made[0::2], tuning))
    return bytes(made)


def gguf(tensors: list[Tensor]) -> bytes:
    writer = GgufWriter()
    writer.key("general.architecture", STRING, "llama")
    for name, elements in tensors:
        writer.tensor(name, PLAIN_TYPES["F16"], [64, len(elements) // 128], elements)
    return writer.build()


def layers(lengths: list[int], is_tuned: bool) -> list[Tensor]:
    return [(f"layer.{i}", weights(f"layer {i}", length, is_tuned)) for i, length in enumerate(lengths)]


def tied(is_tuned: bool, embedding: int = 1 << 14, lengths: tuple[int, ...] = (1 << 12,) * 3) -> bytes:
    shared = weights("embedding", embedding, is_tuned)
    return gguf([("token_embd", shared), *layers(list(lengths), is_tuned), ("output", shared)])


def untied(is_tuned: bool) -> bytes:
    """The same without the second."""
    return gguf([("token_embd", weights("embedding", 1 << 14, is_tuned)),
                 *layers([1 << 12] * 3, is_tuned)])


def two_graphs(is_tuned: bool, graphs: int = 2) -> bytes:
    """Each has the same layers, and one of its own."""
    tensors = []
    for graph in range(graphs):
        tensors += [(f"{graph}.{name}", data) for name, data in layers([2048, 1024, 4096, 512], is_tuned)]
        tensors.append((f"{graph}.head", weights(f"head {graph}", 1024, is_tuned)))
    return gguf(tensors)


class Twins(InPlaceTest):
    def info(self) -> dict:
        return json.loads(self.succeed("mallorn", "info", "--json", self.patch))

    def test_the_second_costs_next_to_nothing(self) -> None:
        once = self.patch_size("untied", untied(False), untied(True))
        for options in ((), ("--fast",), ("--max",)):
            twice = self.patch_size("tied" + "".join(options), tied(False), tied(True), *options)
            self.assertLess(twice, once * 1.02 + AGAIN, options)

    def test_tensors_that_follow_one_another_are_one_range(self) -> None:
        def size(graphs: int) -> int:
            return self.patch_size(f"{graphs} graphs", two_graphs(False, graphs), two_graphs(True, graphs))

        one, two, three = in_parallel(size, (1, 2, 3))
        head = 1500  # bytes: what is new in each
        self.assertLess(two, one + head + AGAIN)
        self.assertLess(three, two + head + AGAIN / 2)

    def test_a_second_that_is_new(self) -> None:
        """The old model has none, or another."""
        once = self.patch_size("untied", untied(False), untied(True))
        other = gguf([("token_embd", weights("embedding", 1 << 14, False)), *layers([1 << 12] * 3, False),
                      ("output", weights("head", 1 << 14, False))])
        for name, old in (("none", untied(False)), ("another", other)):
            self.assertLess(self.patch_size(name, old, tied(True)), once * 1.02 + AGAIN, name)

    def test_far_apart_in_every_way_that_patches_are_applied(self) -> None:
        lengths = (300_032, 400_000, 99_968)
        self.use((tied(False, 600_000, lengths), tied(True, 600_000, lengths)))
        self.assertEqual(self.info()["again_bytes"], 2 * 600_000)
        within = [] if is_sanitized() else ["--memory", "64M"]  # a sanitizer needs more
        for threads in ("1", "3"):
            options = ("-q", "--threads", threads, *within)
            made = self.succeed("mallorn-apply", *options, "model", self.patch)
            self.assertEqual(made, self.new)
            made = self.succeed("mallorn-apply", *options, "model", stdin=self.patch.read_bytes())
            self.assertEqual(made, self.new)
        self.succeed("mallorn-apply", "--verify", "model", self.patch)
        for line in ((*self.line, *within), (*self.line, "--no-undo")):
            self.model.write_bytes(self.old)
            self.succeed(*line)
            self.assert_new()

    def test_resumed_behind_the_first(self) -> None:
        lengths = (300_032, 400_000, 99_968)
        self.use((tied(False, 600_000, lengths), tied(True, 600_000, lengths)))
        for share in (2, 8, 9):
            cut = len(self.new) * share // 10
            part = self.home / "made.mallorn-part.1"
            part.write_bytes(self.new[:cut])
            told = self.run_program("mallorn-apply", "-v", "--resume", "model", self.patch, "-o", "made")
            self.assertEqual(told.code, 0, told.err)
            self.assertIn(b"resumed at byte", told.err)
            self.assertEqual((self.home / "made").read_bytes(), self.new)
            (self.home / "made").unlink()

    def test_in_a_file_of_no_known_format(self) -> None:
        def container(names: list[str], is_tuned: bool) -> bytes:
            return b"{'any': 'header'}" + b"".join(weights(name, 1 << 13, is_tuned) for name in names)

        for names, more in ((["a", "b", "c", "a"], 1), (["a", "b", "a", "c", "b", "a"], 3)):
            once = self.patch_size("once", *(container(["a", "b", "c"], tuned) for tuned in (False, True)))
            size = self.patch_size("twice", *(container(names, tuned) for tuned in (False, True)))
            self.assertLess(size, once * 1.02 + more * AGAIN)

    def test_the_same_patch_either_way(self) -> None:
        self.use((two_graphs(False), two_graphs(True)))
        script = 'mallorn-parse -q "$1" | mallorn-delta -q "$2" | mallorn-pack -q'
        old, new = (self.home.parent / name for name in ("old", "new"))
        self.assertEqual(self.shell(script, old, new).out, self.patch.read_bytes())

    def test_small_devices_make_both(self) -> None:
        self.patch_size("lite", two_graphs(False), two_graphs(True), "--profile", "lite")

    def test_tables_say_so(self) -> None:
        self.use((tied(False), tied(True)))
        table = self.succeed("mallorn", "info", "--base", "model", self.patch).decode()
        told = self.run_program("mallorn", "diff", "--explain", self.home.parent / "old",
                                self.home.parent / "new", "-o", "-").err.decode()
        for text in (table, told):
            told_again = [line for line in text.splitlines() if line.startswith("f16 ") and " again " in line]
            self.assertEqual(len(told_again), 1, text)
            self.assertIn(" output", told_again[0])


if __name__ == "__main__":
    unittest.main()
