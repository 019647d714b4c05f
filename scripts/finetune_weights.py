"""Weights for scripts/make-finetune: real ones, resampled to a stated number, and their updates.

The old version. Each row of a new tensor follows one row (output channel) of a real tensor: its
weights are drawn from those of that row, with replacement, and each is multiplied by 2^(0.39 n)
(n normal), so that no weight occurs twice, the bits below a 16-bit source are filled, and rows have
the tails that those of released models have: of seven (speech, images, file types, anomalies; rows of
96 weights or more), the kurtosis of a row is 3.9 (median; 3.4 to 6.2, and 23), and its largest weight
1.22 times what a normal distribution has (1.13 to 1.7). Nets that were trained for minutes, as the
source, are still at 2.9 and 0.99, and their first layers at 2.2. The scale of an int8 channel, and of
a block, follows from that weight. Rows keep their scale among each other, and a small source gives as
many weights as wanted. Each tensor as a whole is scaled to the root mean square that the matrices of
language models have: 0.0215, with a spread of log2 of 0.15 (measured on a small one: 0.020 to 0.028).

A fine-tune. What an optimiser of the Adam family adds was measured on real fine-tunes (a transformer
of 4 M weights, a MobileNet and a GRU; AdamW at 2e-5 to 5e-5, 100 to 250 steps):
- The update does not follow the weight: a step is the gradient over its own recent size, times the
  learning rate, so it is as large for a small weight as for a large one. Measured correlation of
  both: 0.0, and of the logarithms of their sizes 0.0.
- All tensors move about equally far, as one learning rate serves them all; inside a tensor, rows and
  columns differ, as some inputs and outputs get gradients that agree for longer. Measured spread of
  log2 of the size: tensors 0.2, rows 0.4 (0.3 to 0.5), columns 0.2 (0.1 to 0.3).
- Apart from that, sizes are bounded: the steps of a weight have about one size, and go to and fro
  like a random walk of few, long strides. Measured kurtosis over a tensor, the spread of rows
  included: 2.1 to 3.5. The sum of two uniform strides has 2.4, and with the spreads above 3.6.
- A token embedding is the exception, and the heavy tail: the rows of rare words hardly move, those of
  frequent words as far as other tensors. Measured spread of log2 over its rows 2.3, kurtosis 7. One
  tensor of eight is of this kind; in the transformer it holds an eighth of the weights.
The whole is scaled until the update has the stated size: its L2 norm over that of the old weights.
docs/benchmark.md compares what comes out with what was measured on real networks.

Retrained. Another sample: other rows, other weights, the same distribution.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from model_manifest import tensor_ranges

COLUMNS = 1024  # a multiple of every block
WEIGHT_SPREAD = 0.39  # spreads, here and below, are those of log2
TENSOR_RMS, TENSOR_RMS_SPREAD = 0.0215, 0.15
SMALLEST_SOURCE = 2048  # elements; below, a tensor is a bias or a norm, not weights
TENSORS = 8
EMBEDDING = 0  # the tensor whose rows move very unequally
TENSOR_SPREAD, ROW_SPREAD, COLUMN_SPREAD, EMBEDDING_SPREAD = 0.2, 0.4, 0.2, 2.3
FLOATS = {"f32": "<f4", "f16": "<f2", "bf16": "<u2"}

Weights = list[np.ndarray]  # f32, each TENSORS-th of a model, COLUMNS wide


class SourceError(Exception):
    """The model given holds nothing that could be resampled."""


def read_source(model: Path, parse: Path) -> Weights:
    """The weight tensors of a model as matrices, an output channel a row."""
    try:
        places = tensor_ranges(parse, model)
    except subprocess.CalledProcessError as error:
        raise SourceError(error.stderr.decode(errors="replace").strip()) from None
    data, found = model.read_bytes(), []
    for place in places:
        if place.get("dtype") in FLOATS:
            values = floats(data[place["offset"]:place["offset"] + place["length"]],
                            place["dtype"])
            rows = next((dim for dim in place["shape"] if dim > 1), 1)
            if values.size >= SMALLEST_SOURCE and values.size % rows == 0:
                found.append(values.reshape(rows, -1))
    found = [matrix for matrix in found if matrix.shape[1] > 1 and np.isfinite(matrix).all()]
    if not found:
        raise SourceError(f"{model}: holds no matrix of f32, f16 or bf16 weights")
    return found


def floats(data: bytes, dtype: str) -> np.ndarray:
    values = np.frombuffer(data, FLOATS[dtype])
    if dtype == "bf16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)


def resample(source: Weights, count: int, seed: int) -> Weights:
    """TENSORS tensors of about `count` weights in all; each follows one of the source, in turn."""
    # RandomState: numpy keeps its streams as they are for ever, which it does not promise of others.
    random = np.random.RandomState(seed)
    rows = max(1, round(count / COLUMNS / TENSORS))
    # Drawn first, so that models of all sizes, and so of all types, have the same.
    tensor_rms = TENSOR_RMS * spread(TENSOR_RMS_SPREAD, (TENSORS,), random)
    tensors = []
    for number, rms in enumerate(tensor_rms):
        matrix = source[number % len(source)]
        chosen = random.randint(matrix.shape[0], size=(rows, 1))
        values = matrix[chosen, random.randint(matrix.shape[1], size=(rows, COLUMNS))]
        values = values * spread(WEIGHT_SPREAD, values.shape, random)
        tensors.append((values * (rms * np.sqrt(values.size) / norm([values]))).astype(np.float32))
    return tensors


def fine_tune(old: Weights, relative_size: float, seed: int) -> tuple[Weights, Weights]:
    """The old weights with an update whose L2 norm is relative_size of theirs; and of each weight how
    long its two strides can be."""
    random = np.random.RandomState(seed)
    sizes = spread(TENSOR_SPREAD, (len(old),), random)
    moved = [raw_update(tensor.shape, number == EMBEDDING, random) for number, tensor in enumerate(old)]
    updates = [size * update for size, (update, _) in zip(sizes, moved)]
    factor = relative_size * norm(old) / norm(updates)
    return ([(tensor + factor * update).astype(np.float32) for tensor, update in zip(old, updates)],
            [factor * size * longest for size, (_, longest) in zip(sizes, moved)])


def raw_update(shape: tuple[int, int], is_embedding: bool, random: np.random.RandomState
               ) -> tuple[np.ndarray, np.ndarray]:
    """Both strides of each weight, and the longest that one can be."""
    rows, columns = shape
    strides = random.uniform(-1, 1, shape) + random.uniform(-1, 1, shape)
    if is_embedding:
        # A word one spread above the middle, and any that is still more frequent, moves freely.
        of_rows = np.minimum(spread(EMBEDDING_SPREAD, (rows, 1), random) / 2**EMBEDDING_SPREAD, 1)
    else:
        of_rows = spread(ROW_SPREAD, (rows, 1), random)
    of_columns = spread(COLUMN_SPREAD, (1, columns), random)
    return strides * of_rows * of_columns, of_rows * of_columns


def spread(log2_spread: float, shape: tuple[int, ...], random: np.random.RandomState
           ) -> np.ndarray:
    return np.exp2(log2_spread * random.standard_normal(shape))


def norm(tensors: Weights) -> float:
    return float(np.sqrt(sum(np.square(tensor, dtype=np.float64).sum() for tensor in tensors)))
