"""What quantized weights take at least, for finetune_floor: steps, and the codes that count in them.

A step is such that the largest weight of its block (or row) is `top` steps long. Codes are made with it,
then it is rounded to be stored. So much is known of old weights: the step lies in the cell of the one
stored, evenly; the largest weight is `top` of it, and each other one lies in the cell of its code, evenly.
A new block comes out if one of the weights that have the largest code now lies `top` new steps from zero,
for a new step in its cell, and all others lie in the cells of their codes. That is a sum over these
weights, and an integral over what rounding has hidden: how far the step has moved.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from finetune_strides import below, density, moved_below

AT_ONCE = 1 << 14  # weights, so that what is worked on stays in the cache
WIDE = np.longdouble  # of a row with a step of its own the probability may be below what a double holds


class Rule(NamedTuple):
    """How codes are made."""

    top: int          # steps of the largest weight
    is_signed: bool   # it has code -top, and there is no code +top: steps have signs
    places: int       # at which the integral is taken


class Blocks(NamedTuple):
    codes: np.ndarray  # one row each
    low: np.ndarray    # ends of the cells of steps: sizes, which are above zero
    high: np.ndarray
    sign: np.ndarray   # of steps

    def at(self, chosen: np.ndarray) -> Blocks:
        return Blocks(*(part[chosen] for part in self))


def blocks(codes: np.ndarray, cell: tuple[np.ndarray, np.ndarray]) -> Blocks:
    return Blocks(codes.astype(np.float64), *np.sort(np.abs(cell), axis=0), np.sign(sum(cell)))


def cost(rule: Rule, old: Blocks, new: Blocks, strides: np.ndarray) -> np.ndarray:
    """-log2 of the probability of each new block. `strides` are of the shape of the codes.

    A block that seems impossible counts as if it took nothing: one of zeros, which has no step, and one
    that has moved by so little that its weights, being f32, have no numbers in between.
    """
    # Any old weight that has the code of the largest may be it.
    block, column = np.nonzero(are_largest(rule, old.codes))
    probability = np.zeros(len(old.codes), WIDE)
    for part in np.array_split(np.arange(len(block)), 1 + len(block) * old.codes.shape[1] // AT_ONCE):
        chosen = block[part]
        np.add.at(probability, chosen, likelihood(rule, old.at(chosen), new.at(chosen), strides[chosen],
                                                  column[part]))
    probability /= np.maximum(np.bincount(block, minlength=len(old.codes)), 1)
    return -np.log2(np.where(probability > 0, probability, 1))


def likelihood(rule: Rule, old: Blocks, new: Blocks, strides: np.ndarray, largest: np.ndarray
               ) -> np.ndarray:
    """Of each new block, if `largest` is the column of the largest old weight."""
    first = (np.arange(len(largest)), largest)
    old_cells, new_cells = cells(rule, old), cells(rule, new)
    is_largest, new_ends = are_largest(rule, new.codes), new.codes * new.sign[:, None]
    least = np.maximum(new.low - old.high, -2 * strides[first] / rule.top)
    most = np.minimum(new.high - old.low, 2 * np.max(strides * is_largest, axis=1) / rule.top)
    between = np.maximum(most - least, 0) / rule.places
    result = np.zeros(len(largest), WIDE)
    for place in range(rule.places):
        step_moves = least + between * (place + 0.5)
        low, high = np.maximum(old.low, new.low - step_moves), np.minimum(old.high, new.high - step_moves)
        step = ((low + high) / 2)[:, None]
        new_step = step + step_moves[:, None]
        starts, ends = (end * step for end in old_cells)
        lows, highs = (end * new_step for end in new_cells)
        inside = (moved_below(highs, starts, ends, strides) - moved_below(lows, starts, ends, strides))
        top = new_ends * new_step
        at_top = (below((top - starts) / strides) - below((top - ends) / strides)) / (ends - starts)
        # The largest old weight does not lie anywhere in a cell.
        weight, stride = (old.codes * old.sign[:, None] * step)[first], strides[first]
        inside[first] = below((highs[first] - weight) / stride) - below((lows[first] - weight) / stride)
        at_top[first] = density((top[first] - weight) / stride) / stride
        ratio = np.where(is_largest, at_top / np.maximum(inside, 1e-30), 0).sum(axis=1)
        result += inside.prod(axis=1, dtype=WIDE) * ratio * rule.top * between * np.maximum(high - low, 0)
    return result / (old.high - old.low)


def are_largest(rule: Rule, codes: np.ndarray) -> np.ndarray:
    return codes == -rule.top if rule.is_signed else np.abs(codes) == rule.top


def cells(rule: Rule, given: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """From where to where weights have their codes, in sizes of steps. No weight is beyond the largest."""
    low = np.maximum(given.codes - 0.5, -rule.top)
    high = np.minimum(given.codes + 0.5, rule.top)
    if rule.is_signed:
        high[given.codes == rule.top - 1] = rule.top
    is_mirrored = given.sign[:, None] < 0
    return np.where(is_mirrored, -high, low), np.where(is_mirrored, -low, high)
