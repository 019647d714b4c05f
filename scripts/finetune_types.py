"""How scripts/make-finetune stores weights: f32, f16, bf16, int8 and int4 per channel, and GGUF's blocks.

Each function takes a matrix of f32 and returns the bytes of the tensor. The blocks are quantised as
llama.cpp's reference code does it (its quantize_row_*_ref functions, without an importance matrix), the
searches for the scales of Q4_K and Q6_K included, but a whole matrix at a time and with sums in the order
that numpy takes: a weight on the boundary of two codes may fall to the other side than there.
All arithmetic is in f32, as there.
"""

from __future__ import annotations

import numpy as np

F32 = np.float32


def f32(matrix: np.ndarray) -> bytes:
    return matrix.astype("<f4").tobytes()


def f16(matrix: np.ndarray) -> bytes:
    return matrix.astype("<f2").tobytes()


def bf16(matrix: np.ndarray) -> bytes:
    """Rounded to nearest, ties to even."""
    bits = matrix.astype("<f4").view("<u4")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()


def int8_per_channel(matrix: np.ndarray) -> tuple[bytes, np.ndarray]:
    """TFLite's: symmetric, a scale for each row; the codes and the scales."""
    scales, codes = int8_codes(matrix)
    return codes.tobytes(), scales


def int8_codes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return row_codes(matrix, 127)


def int4_per_channel(matrix: np.ndarray) -> tuple[bytes, np.ndarray]:
    """The same with codes of four bits, two in a byte, the first in its lower half."""
    scales, codes = int4_codes(matrix)
    codes = codes.ravel() & 15
    return (codes[::2] | codes[1::2] << 4).astype(np.uint8).tobytes(), scales


def int4_codes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return row_codes(matrix, 7)


def row_codes(matrix: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    scales = np.maximum(np.abs(matrix).max(axis=1), F32(1e-30)) / F32(top)
    return scales, np.clip(np.rint(matrix / scales[:, None]), -top, top).astype(np.int8)


def q8_0(matrix: np.ndarray) -> bytes:
    scales, codes = q8_0_codes(matrix)
    return join(half(scales)[:, None], codes)


def q8_0_codes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    blocks = matrix.reshape(-1, 32)
    scales = np.abs(blocks).max(axis=1) / F32(127)
    return scales, away_from_zero(blocks * inverse(scales)[:, None]).astype(np.int8)


def q4_0(matrix: np.ndarray) -> bytes:
    scales, codes = q4_0_codes(matrix)
    numbers = (codes + 8).astype(np.uint8)
    return join(half(scales)[:, None], numbers[:, :16] | numbers[:, 16:] << 4)


def q4_0_codes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The extreme weight of a block gets code -8."""
    blocks = matrix.reshape(-1, 32)
    scales = extreme(blocks)[:, 0] / F32(-8)
    codes = np.trunc(blocks * inverse(scales)[:, None] + F32(8.5))
    return scales, np.clip(codes, 0, 15).astype(np.int8) - np.int8(8)


def q4_k(matrix: np.ndarray) -> bytes:
    """256 weights: two halves, eight 6-bit scales and minima, 4-bit codes."""
    blocks = matrix.reshape(-1, 8, 32)
    scales, minima = search_scale_and_minimum(blocks)
    top_scale, top_minimum = (part.max(axis=1, keepdims=True) for part in (scales, minima))
    scale_codes = np.clip(np.rint(scales * (F32(63) * inverse(top_scale))), 0, 63).astype(np.uint8)
    minimum_codes = np.clip(np.rint(minima * (F32(63) * inverse(top_minimum))), 0, 63
                            ).astype(np.uint8)
    halves = [half(top / F32(63)) for top in (top_scale, top_minimum)]
    step, base = (as_f32(h) * codes for h, codes in zip(halves, (scale_codes, minimum_codes)))
    codes = np.clip(np.rint((blocks + base[..., None]) * inverse(step)[..., None]), 0, 15)
    pairs = codes.astype(np.uint8).reshape(-1, 4, 2, 32)
    return join(*halves, pack_six_bits(scale_codes, minimum_codes),
                (pairs[:, :, 0] | pairs[:, :, 1] << 4).reshape(-1, 128))


def search_scale_and_minimum(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """make_qkx2_quants(32, 15, ..., -1, 0.1, 20): from 21 steps, each refined by weighted least
    squares, the one of the smallest error. Minima are positive: what is taken from the codes."""
    weights = np.sqrt(np.mean(blocks * blocks, axis=-1, keepdims=True)) + np.abs(blocks)
    low = np.minimum(blocks.min(axis=-1, keepdims=True), F32(0))
    span = blocks.max(axis=-1, keepdims=True) - low
    sum_w, sum_x = total(weights), total(weights * blocks)
    scale, minimum = span / F32(15), low
    codes = np.clip(np.rint((blocks - low) * (F32(15) * inverse(span))), 0, 15)
    best = total(weights * np.square(scale * codes + minimum - blocks))
    for step in range(21):
        codes = np.clip(np.rint((blocks - low) * (F32(14 + 0.1 * step) * inverse(span))), 0, 15)
        sum_l, sum_l2, sum_xl = (total(weights * part)
                                 for part in (codes, codes * codes, codes * blocks))
        determinant = sum_w * sum_l2 - sum_l * sum_l
        a_scale = (sum_w * sum_xl - sum_x * sum_l) * inverse(determinant)
        a_minimum = (sum_l2 * sum_x - sum_l * sum_xl) * inverse(determinant)
        a_scale = np.where(a_minimum > 0, sum_xl * inverse(sum_l2), a_scale)
        a_minimum = np.minimum(a_minimum, F32(0))
        error = total(weights * np.square(a_scale * codes + a_minimum - blocks))
        is_better = (determinant > 0) & (error < best)
        scale, minimum, best = (np.where(is_better, new, old) for new, old in (
            (a_scale, scale), (a_minimum, minimum), (error, best)))
    return scale[..., 0], -minimum[..., 0]


def pack_six_bits(scales: np.ndarray, minima: np.ndarray) -> np.ndarray:
    """Eight scales and eight minima in 12 bytes; the upper four of each are split."""
    low = np.concatenate([scales[:, :4] | scales[:, 4:] >> 4 << 6,
                          minima[:, :4] | minima[:, 4:] >> 4 << 6], axis=1)
    return np.concatenate([low, scales[:, 4:] & 15 | (minima[:, 4:] & 15) << 4], axis=1)


def q6_k(matrix: np.ndarray) -> bytes:
    """256 weights: 6-bit codes in two parts, sixteen 8-bit scales, one half."""
    blocks = matrix.reshape(-1, 16, 16)
    scales = search_scale(blocks)
    inverse_top = F32(-128) * inverse(extreme(scales))
    scale_codes = np.minimum(np.rint(scales * inverse_top), 127).astype(np.int8)
    top = half(inverse(inverse_top))
    step = as_f32(top) * scale_codes
    codes = np.clip(np.rint(blocks * inverse(step)[..., None]), -32, 31) + 32
    quarters = codes.astype(np.uint8).reshape(-1, 2, 4, 32)
    first, second, third, fourth = (quarters[:, :, i] for i in range(4))
    low = np.stack([first & 15 | (third & 15) << 4, second & 15 | (fourth & 15) << 4], axis=2)
    high = first >> 4 | second >> 4 << 2 | third >> 4 << 4 | fourth >> 4 << 6
    return join(low.reshape(-1, 128), high.reshape(-1, 64), scale_codes, top)


def search_scale(blocks: np.ndarray) -> np.ndarray:
    """make_qx_quants(16, 32, ..., 1): from 19 steps the one that correlates best, weighted by x^2."""
    top, weights = extreme(blocks), blocks * blocks
    scale = best = None
    for step in (0, *range(-9, 0), *range(1, 10)):
        codes = np.clip(np.rint(blocks * (F32(-32 - 0.1 * step) * inverse(top))), -32, 31)
        sum_lx, sum_l2 = total(weights * blocks * codes), total(weights * codes * codes)
        a_scale = sum_lx * inverse(sum_l2)
        if scale is None:
            scale, best = a_scale, a_scale * sum_lx
        is_better = (sum_l2 > 0) & (sum_lx * sum_lx > best * sum_l2)
        scale, best = np.where(is_better, a_scale, scale), np.where(is_better, a_scale * sum_lx,
                                                                    best)
    return scale[..., 0]


def extreme(blocks: np.ndarray) -> np.ndarray:
    """The weight of the largest magnitude of each block, the first of several, with its sign."""
    return np.take_along_axis(blocks, np.abs(blocks).argmax(axis=-1)[..., None], axis=-1)


def total(values: np.ndarray) -> np.ndarray:
    return values.sum(axis=-1, keepdims=True, dtype=F32)


def inverse(values: np.ndarray) -> np.ndarray:
    """1 / values, and 0 for 0, as the scale of a block of zeros is 0."""
    return np.divide(F32(1), values, out=np.zeros_like(values), where=values != 0)


def away_from_zero(values: np.ndarray) -> np.ndarray:
    """C's roundf; numpy rounds ties to even."""
    return np.trunc(values + np.copysign(F32(0.5), values))


def half(values: np.ndarray) -> np.ndarray:
    return values.astype("<f2")


def as_f32(values: np.ndarray) -> np.ndarray:
    return values.astype(F32)


def join(*parts: np.ndarray) -> bytes:
    """Blocks from their fields: one row of each part after the other."""
    return np.concatenate([np.ascontiguousarray(part).view(np.uint8) for part in parts],
                          axis=1).tobytes()
