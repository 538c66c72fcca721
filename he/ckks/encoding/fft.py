"""Twiddles and orders of the FFT kernels."""

from __future__ import annotations

import functools

import numpy as np

from ntt.cpu import float_lanes


def min_length() -> int:
    """The least length of the FFT kernels."""
    return float_lanes() ** 2


def roots(numerators: np.ndarray, denominator: int) -> np.ndarray:
    """``exp(-2 pi i k / denominator)`` as float64 (2, *numerators.shape), to 2^-52.

    denominator: a multiple of 8. The angle is first brought to [0, pi/4], where it is off by less
    than 2^-53 and cosine and sine by 2^-53 more.
    """
    eighth = denominator // 8
    octant, rest = np.divmod(numerators % denominator, eighth)
    mirrored = octant % 2 == 1
    angle = 2 * np.pi * np.where(mirrored, eighth - rest, rest) / denominator
    cosine, sine = np.cos(angle), np.sin(angle)
    cosine, sine = np.where(mirrored, sine, cosine), np.where(mirrored, cosine, sine)
    for quarter in range(1, 4):
        turned = octant // 2 >= quarter
        cosine, sine = np.where(turned, -sine, cosine), np.where(turned, cosine, sine)
    return np.stack((cosine, -sine))


@functools.lru_cache(maxsize=16)
def twiddles(n: int) -> tuple[np.ndarray, np.ndarray]:
    """(w, w_lanes) of the FFT of n = `float_lanes()` M numbers, M a power of two.

    w (2, .): exp(-2 pi i k j / 4 s) for k = 1, 2, 3, for j in [0, s), for every radix-4 step s;
    w_lanes: exp(-2 pi i l k / n) as `he.ckks.encoding.fft_lane_passes` reads them.
    """
    lanes = float_lanes()
    vectors = n // lanes
    s = 1 if vectors.bit_length() % 2 else 2
    steps = []
    while s < vectors:
        steps.append(roots(np.outer(np.arange(s), [1, 2, 3]).ravel() * (n // (4 * s)), n))
        s *= 4
    w = np.concatenate([np.zeros((2, 0)), *steps], axis=1)
    k = np.arange(vectors).reshape(-1, 1, lanes)
    w_lanes = roots(np.arange(1, lanes)[:, None] * k, n).transpose(1, 2, 0, 3)
    return np.ascontiguousarray(w), w_lanes.ravel()


def interleaved_order(n: int) -> np.ndarray:
    """Which element of n stands at each place of bit-reversed vectors of interleaved lanes."""
    lanes = float_lanes()
    vectors = n // lanes
    bits = vectors.bit_length() - 1
    reversed_bits = np.zeros(vectors, dtype=np.int64)
    for bit in range(bits):
        reversed_bits |= (np.arange(vectors) >> bit & 1) << (bits - 1 - bit)
    return (lanes * reversed_bits[:, None] + np.arange(lanes)).ravel()
