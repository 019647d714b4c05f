"""The sum of two numbers, each anywhere from -1 to 1: an update of finetune_weights, in strides."""

from __future__ import annotations

import numpy as np


def density(x: np.ndarray) -> np.ndarray:
    return np.maximum(2 - np.abs(x), 0) / 4


def below(x: np.ndarray) -> np.ndarray:
    """The probability of less than x."""
    rest = np.square(np.maximum(2 - np.abs(x), 0)) / 8
    return np.where(x < 0, rest, 1 - rest)


def integral(x: np.ndarray) -> np.ndarray:
    """Of `below`, from -2 to x."""
    return np.maximum(x, 0) + np.maximum(2 - np.abs(x), 0)**3 / 24


def moved_below(limit: np.ndarray, low: np.ndarray, high: np.ndarray, stride: np.ndarray) -> np.ndarray:
    """The probability that a weight ends up below a limit which was anywhere from low to high, evenly."""
    return (integral((limit - low) / stride) - integral((limit - high) / stride)) * stride / (high - low)
