"""What a fine-tune of make-finetune takes at least, in bits for each weight.

Whoever knows the generator knows where a weight was before it was rounded (anywhere in its cell, evenly),
and how far each one can move: by two strides, each anywhere from -stride to stride, of the length
that its tensor, row and column have. That gives what is new a probability, and the mean of the
logarithms is what no coder goes below, but by chance: one that has to learn the strides takes more.
That weights are not quite even in wide cells is worth 0.4 % at most (int4).
Quantized types are those whose step follows from the largest weight (finetune_code_floor). The steps of
Q4_K and Q6_K are found by a search, and what is stored does not say what it has found.
"""

from __future__ import annotations

import numpy as np

import finetune_code_floor as code_floor
import finetune_types
from finetune_strides import moved_below
from finetune_weights import Weights

F16_UP, F16_DOWN = np.float16(np.inf), np.float16(-np.inf)


def bits_per_weight(type_name: str, old: Weights, new: Weights, strides: Weights) -> float | None:
    """`strides` are of the shapes of the weights. None for types of which it is not known."""
    if type_name in CELLS:
        cell = CELLS[type_name]
        costs = [cost(cell(before), cell(after), stride)
                 for before, after, stride in zip(old, new, strides)]
    elif type_name in QUANTIZED:
        costs = [quantized_cost(type_name, *tensors) for tensors in zip(old, new, strides)]
    else:
        return None
    return float(sum(part.sum() for part in costs) / sum(tensor.size for tensor in old))


def cost(old: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray],
         stride: np.ndarray) -> np.ndarray:
    """-log2 of the probability that a weight of cell `old` moves into cell `new`."""
    low, high = (moved_below(limit, *old, stride) for limit in new)
    return -np.log2(np.maximum(high - low, 1e-12))


def quantized_cost(type_name: str, old: np.ndarray, new: np.ndarray, strides: np.ndarray
                   ) -> np.ndarray:
    """The same of each block, or row."""
    rule, quantize, cell = QUANTIZED[type_name]
    before, after = (code_floor.blocks(codes, cell(scales))
                     for scales, codes in (quantize(old), quantize(new)))
    return code_floor.cost(rule, before, after, strides.reshape(before.codes.shape))


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

# How codes count, how they are made, and what the cells of steps are. Of steps in f16 more is hidden than of
# those in f32; with four times as many places floors differ by less than 0.1 %.
QUANTIZED = {
    "i8": (code_floor.Rule(127, False, 2), finetune_types.int8_codes, f32_cell),
    "i4": (code_floor.Rule(7, False, 2), finetune_types.int4_codes, f32_cell),
    "q8_0": (code_floor.Rule(127, False, 16), finetune_types.q8_0_codes, f16_cell),
    "q4_0": (code_floor.Rule(8, True, 16), finetune_types.q4_0_codes, f16_cell),
}
