#!/usr/bin/env python3
"""Updates that are simple to say: few weights change, or become zero, or a bound, or all are multiplied."""

from __future__ import annotations

import random
import unittest
from array import array
from collections.abc import Callable

from pipelines import in_parallel

from in_place import InPlaceTest
from model_writers.gguf import PLAIN_TYPES, STRING, GgufWriter

HEAD = 250  # bytes of a patch in which little happens
BOUND = 48  # bytes for each tensor, to say what becomes of its elements
ROW = 80
SHAPES = {"up": [200, ROW], "down": [150, ROW], "gate": [90, ROW]}
WEIGHTS = sum(rows * row for rows, row in SHAPES.values())

Weights = dict[str, list[float]]
Change = Callable[[list[float]], list[float]]


def weights() -> Weights:
    generator = random.Random(16)
    return {name: rounded("f", [generator.gauss(0, 0.05) for _ in range(rows * row)])
            for name, (rows, row) in SHAPES.items()}


def rounded(code: str, numbers: list[float]) -> list[float]:
    return list(array(code, numbers))


def halves(numbers: list[float]) -> bytes:
    """The nearest numbers of bf16, nearly."""
    made = array("f", numbers).tobytes()
    return b"".join(made[at + 2:at + 4] for at in range(0, len(made), 4))


def codes(numbers: list[float]) -> bytes:
    return array("b", [max(-127, min(127, round(number * 500))) for number in numbers]).tobytes()


def gguf(model: Weights, kind: str = "F32") -> bytes:
    write = {"F32": lambda numbers: array("f", numbers).tobytes(), "BF16": halves, "I8": codes}[kind]
    writer = GgufWriter()
    writer.key("general.architecture", STRING, "llama")
    for name, numbers in model.items():
        writer.tensor(name, PLAIN_TYPES[kind], SHAPES[name][::-1], write(numbers))
    return writer.build()


def quantile(numbers: list[float], share: float) -> float:
    return sorted(abs(number) for number in numbers)[int(len(numbers) * share)]


def pruned(share: float) -> Change:
    def change(numbers: list[float]) -> list[float]:
        bound = quantile(numbers, share)
        return [0.0 if abs(number) < bound else number for number in numbers]
    return change


def clipped(numbers: list[float]) -> list[float]:
    bound = quantile(numbers, 0.98)
    return [max(-bound, min(bound, number)) for number in numbers]


def times(factor: float) -> Change:
    return lambda numbers: rounded("f", [number * rounded("f", [factor])[0] for number in numbers])


def by_row(numbers: list[float]) -> list[float]:
    generator = random.Random(4)
    factors = rounded("f", [generator.uniform(-2, 2) for _ in range(len(numbers) // ROW)])
    return rounded("f", [number * factors[i // ROW] for i, number in enumerate(numbers)])


def negated(share: float) -> Change:
    """Some rows, as where the gain of a normalization that is folded into them is below 0."""
    def change(numbers: list[float]) -> list[float]:
        generator = random.Random(19)
        signs = [-1 if generator.random() < share else 1 for _ in range(len(numbers) // ROW)]
        return [number * signs[i // ROW] for i, number in enumerate(numbers)]

    return change


def tuned(numbers: list[float]) -> list[float]:
    generator = random.Random(len(numbers))
    return rounded("f", [number + generator.gauss(0, 1e-4) for number in numbers])


def rarely(one_in: int, change: Callable[[float], float]) -> Change:
    def changed(numbers: list[float]) -> list[float]:
        generator = random.Random(one_in)
        return [change(number) if generator.randrange(one_in) == 0 else number for number in numbers]
    return changed


def after(first: Change, second: Change) -> Change:
    return lambda numbers: second(first(numbers))


class Edits(InPlaceTest):
    def setUp(self) -> None:
        super().setUp()
        self.old = weights()

    def changed(self, change: Change) -> Weights:
        return {name: change(numbers) for name, numbers in self.old.items()}

    def check(self, changes: dict[str, tuple[Change, float]], kind: str = "F32") -> None:
        """A change costs at most so many bytes for each tensor."""
        def one(item: tuple[str, tuple[Change, float]]) -> None:
            name, (change, bound) = item
            size = self.patch_size(f"{name}-{kind}", gguf(self.old, kind), gguf(self.changed(change), kind))
            self.assertLess(size, HEAD + len(SHAPES) * bound, f"{name}, {kind}")

        in_parallel(one, list(changes.items()))

    def test_what_one_number_tells(self) -> None:
        pruning = {f"pruned-{share}": (pruned(share), BOUND) for share in (0.1, 0.3, 0.5, 0.8)}
        self.check(pruning | {"clipped": (clipped, BOUND), "pruned-clipped": (after(pruned(0.3), clipped), 2 * BOUND)})
        self.check(pruning, "I8")
        self.check(pruning, "BF16")

    def test_what_is_multiplied(self) -> None:
        self.check({f"times{factor}": (times(factor), BOUND) for factor in (0.5, -1.0, 0.3, 1.1, 2.0)})
        rows = max(rows for rows, _ in SHAPES.values())
        self.check({"rows": (by_row, BOUND + 6 * rows)})
        self.check({"negated": (times(-1.0), BOUND)}, "I8")
        for kind in ("F32", "BF16", "I8"):
            self.check({f"rows-{share}": (negated(share), BOUND) for share in (0.02, 0.1, 0.3, 0.5)}, kind)

    def test_few_changes(self) -> None:
        tensor = WEIGHTS / len(SHAPES)
        self.check({"few": (rarely(200, lambda number: number * 1.01), BOUND + tensor / 200 * 4),
                    "zeros": (rarely(1000, lambda number: 0.0), BOUND + tensor / 1000 * 2)})

    def test_what_is_pruned_and_tuned(self) -> None:
        old = gguf(self.old)
        all_tuned = self.patch_size("tuned", old, gguf(self.changed(tuned)))
        for share in (0.3, 0.8):
            change = after(tuned, pruned(share))
            both = self.patch_size(f"tuned-{share}", old, gguf(self.changed(change)))
            self.assertLess(both, all_tuned * (1 - share) * 1.05 + WEIGHTS / 8 / 10, share)
            # The other way round: zeros stay.
            base = gguf(self.changed(pruned(share)))
            again = self.patch_size(f"again-{share}", base, gguf(self.changed(change)))
            self.assertLess(again, all_tuned * (1 - share) * 1.05 + WEIGHTS / 8 / 10, share)

    def test_more_effort_is_not_larger(self) -> None:
        for name, change in {"few": rarely(200, lambda number: number * 1.01), "clipped": clipped}.items():
            new = gguf(self.changed(change))
            sizes = [self.patch_size(f"{name}{option}", gguf(self.old), new, option)
                     for option in ("--max", "--level=9", "--fast")]
            self.assertEqual(sizes, sorted(sizes), name)


if __name__ == "__main__":
    unittest.main()
