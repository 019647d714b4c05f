"""What a fine-tune of make-finetune takes at least, in bits for each weight.

Whoever knows the generator knows where a float was before it was rounded (anywhere in its cell, evenly),
and how far each weight can move: by two strides, each anywhere from -stride to stride, of the length
that its tensor, row and column have. That gives each new float a probability, and the mean of their
logarithms is what no coder goes below, but by chance: one that has to learn the strides takes more.
"""

from __future__ import annotations

import numpy as np

from finetune_weights import Weights

F16_UP, F16_DOWN = np.float16(np.inf), np.float16(-np.inf)


def bits_per_weight(type_name: str, old: Weights, new: Weights, strides: Weights) -> float | None:
    """For f32, f16 and bf16; `strides` are of the shapes of the weights. None for other types."""
    if type_name not in CELLS:
        return None
    cell = CELLS[type_name]
    bits = sum(cost(cell(before), cell(after), stride).sum()
               for before, after, stride in zip(old, new, strides))
    return float(bits / sum(tensor.size for tensor in old))


def cost(old: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray],
         stride: np.ndarray) -> np.ndarray:
    """-log2 of the probability that a weight of cell `old` moves into cell `new`."""
    (old_low, old_high), (new_low, new_high) = old, new
    def below(limit: np.ndarray, start: np.ndarray) -> np.ndarray:
        return stride * integral((limit - start) / stride)
    probability = (below(new_high, old_low) - below(new_high, old_high)
                   - below(new_low, old_low) + below(new_low, old_high)) / (old_high - old_low)
    return -np.log2(np.maximum(probability, 1e-12))


def integral(x: np.ndarray) -> np.ndarray:
    """Of the distribution of the sum of two numbers from -1 to 1, from -2 to x."""
    left, right = np.clip(x, -2, 0), np.clip(x, 0, 2)
    return (left + 2)**3 / 24 + right - (8 - (2 - right)**3) / 24 + np.maximum(x - 2, 0)


def f32_cell(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return between(weights, np.nextafter(weights, -np.inf), np.nextafter(weights, np.inf))


def f16_cell(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    stored = weights.astype(np.float16)
    return between(stored, np.nextafter(stored, F16_DOWN), np.nextafter(stored, F16_UP))


def bf16_cell(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sizes, then the sign: the next float is the next number of the upper half."""
    bits = weights.astype(np.float32).view(np.uint32) & 0x7FFFFFFF
    stored = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    low, high = between(*(number.view(np.float32) for number in
                          (stored, np.maximum(stored, 0x10000) - 0x10000, stored + 0x10000)))
    is_negative = np.signbit(weights)
    return np.where(is_negative, -high, low), np.where(is_negative, -low, high)


def between(number: np.ndarray, before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middles between a number and its neighbours: what is rounded to it."""
    number = number.astype(np.float64)
    return (number + before.astype(np.float64)) / 2, (number + after.astype(np.float64)) / 2


CELLS = {"f32": f32_cell, "f16": f16_cell, "bf16": bf16_cell}
