"""Slots to real coefficients and back: what stands before and after the FFT of the embedding.

With n = N / 2 and zeta = exp(pi i / N), a polynomial with coefficients a is c_j = a_j + i a_(n + j)
at the points zeta^(4 k + 1), where X^n = i: p = sum_j c_j zeta^j exp(2 pi i j k / n).

Real slots make those values real, so that c_(n - j) = -i conj(c_j), and one FFT of n / 2 numbers
y_(2 t) + i y_(2 t + 1) does (`collect_real`, `spread_real`); p's real part alone follows from the
coefficients (a_j - a_(N - j)) / 2.

scale: what every result is multiplied by. index, w, w_lanes, w_ends: `he.ckks.encoding.embedding`.
Arrays are contiguous; x and spectrum (2, length of the FFT) are scratch memory.
"""

from __future__ import annotations

import math

import numpy as np

from he.ckks.encoding.fft_kernels import collect, spread
from he.ckks.encoding.lanes import (
    add,
    load_complex,
    multiply,
    multiply_conjugate,
    reverse,
    store_complex,
    subtract,
)
from ntt.jit import inline, kernel
from ntt.simd.floats import LANES, load, splat, store

_ROOT = np.float64(math.sqrt(0.5))


@inline
def _gather(out, values, index):
    """out[i] = values[index[i]]."""
    for i in range(out.size):
        out[i] = values[index[i]]


@inline
def _gather_conjugated(out, values, index):
    """The same, where an index ~k stands for the negative of values[k]."""
    for i in range(out.size):
        k = index[i]
        out[i] = values[k] if k >= 0 else -values[~k]


@inline
def _load_reversed(x, i):
    """x[i], x[i - 1], .. of x (n,)."""
    lanes = load(x, i - LANES + 1)
    return reverse(lanes, lanes)


@inline
def _store_reversed(x, i, value):
    """value to x[i], x[i - 1], .. of x (n,)."""
    store(x, i - LANES + 1, reverse(value, value))


@kernel
def coefficients_of_real(out, values, scale, index, x, spectrum, w, w_lanes, w_ends):
    """out (N,) = the coefficients of the polynomial with real slots `values` (n,), times n / 2.

    For j and n/2 - j together: E and O, the transforms of the even and odd y, come out of
    W_j +- conj(W_(n/2 - j)); c_j = zeta^-j (E + exp(-2 pi i j / n) O) and
    c_(n/2 - j) = conj(exp(pi i / 4) zeta^-j (E - exp(-2 pi i j / n) O)).
    w_ends (2, 2, n / 4 + 1): zeta^-j and zeta^(-5 j).
    """
    _gather(x.reshape(-1), values, index)
    collect(spectrum, x, w, w_lanes)
    n = values.size
    N, m = 2 * n, n >> 1
    half, half_root = 0.5 * scale, 0.5 * scale * _ROOT
    plus, minus = splat(half), splat(-half)
    plus_root, minus_root = splat(half_root), splat(-half_root)
    for j in range(1, m // 2 + 1, LANES):
        a = load_complex(spectrum, j)
        b = _load_reversed(spectrum[0], m - j), _load_reversed(spectrum[1], m - j)
        even = a[0] + b[0], a[1] - b[1]
        odd = a[1] + b[1], b[0] - a[0]
        even = multiply(even, load_complex(w_ends[0], j))
        odd = multiply(odd, load_complex(w_ends[1], j))
        a, b = add(even, odd), subtract(even, odd)
        store(out, j, a[0] * plus)
        store(out, n + j, a[1] * plus)
        _store_reversed(out, n - j, a[1] * minus)
        _store_reversed(out, N - j, a[0] * minus)
        real, imaginary = b[0] - b[1], b[0] + b[1]
        store(out, m + j, imaginary * plus_root)
        store(out, n + m + j, real * minus_root)
        _store_reversed(out, m - j, real * plus_root)
        _store_reversed(out, n + m - j, imaginary * minus_root)
    real, imaginary = spectrum[0, 0] * scale, spectrum[1, 0] * scale
    out[0], out[n] = real + imaginary, 0.0
    out[m] = (real - imaginary) * _ROOT
    out[n + m] = -out[m]


@kernel
def coefficients_of_complex(out, values, scale, index, x, spectrum, w, w_lanes, w_ends):
    """out (N,) = the coefficients of the polynomial with complex slots, times n.

    values (2 n,): real and imaginary parts in turn. w_ends (2, n): zeta^-j.
    """
    _gather_conjugated(x.reshape(-1), values, index)
    collect(spectrum, x, w, w_lanes)
    n = spectrum.shape[1]
    factor = splat(scale)
    for j in range(0, n, LANES):
        a = multiply(load_complex(spectrum, j), load_complex(w_ends, j))
        store(out, j, a[0] * factor)
        store(out, n + j, a[1] * factor)


@kernel
def real_of_coefficients(out, a, scale, index, x, spectrum, w, w_lanes, w_ends):
    """out (n,) = the real parts of the slots of real coefficients a (N,).

    `coefficients_of_real` transposed, with rows swapped for the other sign of the exponent.
    """
    n = out.size
    N, m = 2 * n, n >> 1
    factor, factor_root, zero = splat(0.5 * scale), splat(0.5 * scale * _ROOT), splat(0.0)
    for j in range(1, m // 2 + 1, LANES):
        first = (
            (load(a, j) - _load_reversed(a, N - j)) * factor,
            (load(a, n + j) - _load_reversed(a, n - j)) * factor,
        )
        real = _load_reversed(a, m - j) - load(a, n + m + j)
        imaginary = _load_reversed(a, n + m - j) - load(a, m + j)
        second = (real - imaginary) * factor_root, zero - (real + imaginary) * factor_root
        even = multiply_conjugate(add(first, second), load_complex(w_ends[0], j))
        odd = multiply_conjugate(subtract(first, second), load_complex(w_ends[1], j))
        store(spectrum[1], j, even[0] - odd[1])
        store(spectrum[0], j, even[1] + odd[0])
        _store_reversed(spectrum[1], m - j, even[0] + odd[1])
        _store_reversed(spectrum[0], m - j, odd[0] - even[1])
    first_value, middle = a[0] * scale, (a[m] - a[n + m]) * scale * _ROOT
    spectrum[1, 0], spectrum[0, 0] = first_value + middle, first_value - middle
    spread(x, spectrum, w, w_lanes)
    _gather(out, x.reshape(-1), index)


@kernel
def complex_of_coefficients(out, a, scale, index, x, spectrum, w, w_lanes, w_ends):
    """out (2 n,) = the slots, real and imaginary parts in turn, of real coefficients a (N,)."""
    n = spectrum.shape[1]
    factor = splat(scale)
    for j in range(0, n, LANES):
        c = load(a, j) * factor, load(a, n + j) * factor
        c = multiply_conjugate(c, load_complex(w_ends, j))
        store_complex(spectrum, j, (c[1], c[0]))
    spread(x, spectrum, w, w_lanes)
    _gather_conjugated(out, x.reshape(-1), index)
