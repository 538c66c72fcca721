"""The vector FFT beside the sum that defines it, in longer floats."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.encoding import fft
from he.ckks.encoding.fft_kernels import collect, spread
from ntt.simd.floats import LANES

# One, two and more radix-4 steps, with and without a step of two; more than one cached block.
LENGTHS = [fft.min_length() << k for k in range(5)]
U = 2.0**-53


def exact(values: np.ndarray) -> np.ndarray:
    """sum_t values[t] exp(-2 pi i t k / n) in longdouble: O(n^2)."""
    n = values.size
    angles = 2 * np.arctan2(np.longdouble(0), np.longdouble(-1)) * np.arange(n) / n
    powers = np.outer(np.arange(n), np.arange(n)) % n
    re, im = values.real.astype(np.longdouble), values.imag.astype(np.longdouble)
    cosine, sine = np.cos(angles)[powers], np.sin(angles)[powers]
    return (cosine @ re + sine @ im) + 1j * (cosine @ im - sine @ re)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(values) ** 2)))


def bound(n: int) -> float:
    """Of the error in the root mean square, relative to the result's: 4 u for every halving.

    A step multiplies by a root (2 u by the product, 1.8 u by the root) and adds; two or three
    halvings share one product, and every one adds (u, and u for a product by sqrt(1/2)).
    """
    return 4 * U * np.log2(n)


def run(kernel: Callable[..., None], values: np.ndarray) -> np.ndarray:
    x = np.stack((values.real, values.imag))
    out = np.empty_like(x)
    kernel(out, x, *fft.twiddles(values.size))
    return out[0] + 1j * out[1]


def random(n: int, seed: int) -> np.ndarray:
    parts = np.random.default_rng(seed).normal(size=(2, n))
    return parts[0] + 1j * parts[1]


@pytest.mark.parametrize("n", LENGTHS)
def test_fft__is_the_sum_that_defines_it(n: int) -> None:
    values, order = random(n, n), fft.interleaved_order(n)
    expected = exact(values)
    for found in (run(collect, values[order]), run(spread, values)[np.argsort(order)]):
        assert rms(found - expected) <= bound(n) * rms(expected)


@pytest.mark.parametrize("n", [fft.min_length() << k for k in range(9)])
def test_fft__is_numpys(n: int) -> None:
    values, order = random(n, n), fft.interleaved_order(n)
    expected = np.fft.fft(values)
    # NumPy's error has a bound of the same size.
    for found in (run(collect, values[order]), run(spread, values)[np.argsort(order)]):
        assert rms(found - expected) <= 2 * bound(n) * rms(expected)


@given(st.sampled_from(LENGTHS), st.integers(0, 2**32 - 1))
def test_fft__back_and_forth_is_n_times_the_identity(n: int, seed: int) -> None:
    values = random(n, seed)
    x = np.stack((values.real, values.imag))
    w = fft.twiddles(n)
    spectrum, back = np.empty_like(x), np.empty_like(x)
    spread(spectrum, x, *w)
    # The other sign of the exponent, by rows that are swapped.
    swapped = np.ascontiguousarray(spectrum[::-1])
    collect(back, swapped, *w)
    assert rms(back[::-1] - n * x) <= 2 * bound(n) * n * rms(x)


@pytest.mark.parametrize("n", [fft.min_length() << k for k in range(8)])
def test_fft__stays_inside_its_arrays(n: int) -> None:
    guard = 64
    for kernel in (collect, spread):
        buffers = [np.full(2 * n + 2 * guard, 7.0) for _ in range(2)]
        out, x = (buffer[guard:-guard].reshape(2, n) for buffer in buffers)
        kernel(out, x, *fft.twiddles(n))
        for buffer in buffers:
            assert (buffer[:guard] == 7).all()
            assert (buffer[-guard:] == 7).all()


def test_roots__are_near_the_true_ones() -> None:
    denominator = 1 << 10
    numerators = np.arange(-5, 3 * denominator)
    re, im = fft.roots(numerators, denominator)
    angles = 2 * np.arctan2(np.longdouble(0), np.longdouble(-1)) * (numerators % denominator)
    angles /= denominator
    assert np.hypot(re - np.cos(angles), im + np.sin(angles)).max() <= 1.8 * U
    assert [re[5], im[5]] == [1.0, 0.0]
    assert [re[5 + denominator // 4], im[5 + denominator // 4]] == [0.0, -1.0]


def test_interleaved_order__is_bit_reversed_by_vectors() -> None:
    order = fft.interleaved_order(4 * LANES)
    expected = [LANES * u + lane for u in (0, 2, 1, 3) for lane in range(LANES)]
    assert order.tolist() == expected
