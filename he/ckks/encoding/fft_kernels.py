"""The complex FFT of n = 2^k numbers, eight (or four) interleaved transforms side by side.

n = LANES M: lane l carries the transform of length M of the elements l + LANES u, whose butterflies
need no shuffle, and one radix-LANES pass joins them. That keeps one side in natural order; on the
other, element l + LANES u stands in lane l of vector brv(u), the bit reversal of log2(M) bits.
`collect` (decimation in time) goes from there to natural order, `spread` (decimation in frequency)
back; both compute ``X[k] = sum_t x[t] exp(-2 pi i t k / n)``, and the other sign of the exponent
with the rows of x and of out, real and imaginary parts, swapped.

Arrays are float64 (2, n), C-contiguous. Twiddles: `he.ckks.encoding.fft`.
"""

from __future__ import annotations

from he.ckks.encoding.fft_lane_passes import join_lanes, split_lanes
from he.ckks.encoding.lanes import (
    add,
    add_turned,
    load_complex,
    multiply,
    splat_complex,
    store_complex,
    subtract,
    subtract_turned,
)
from ntt.jit import inline, kernel
from ntt.simd.floats import LANES

_CACHED = 2048  # complex numbers, 32 KiB


@inline
def _radix2(x):
    """Neighbouring vectors to their sum and difference."""
    for i in range(0, x.shape[1], 2 * LANES):
        a, b = load_complex(x, i), load_complex(x, i + LANES)
        store_complex(x, i, add(a, b))
        store_complex(x, i + LANES, subtract(a, b))


@inline
def _collect4(x, s, w, at, start, stop):
    """Blocks of 4 s vectors: their four parts, transformed, to the transform of the whole."""
    stride = s * LANES
    for j in range(s):
        k = at + 3 * j
        w1, w2, w3 = splat_complex(w, k), splat_complex(w, k + 1), splat_complex(w, k + 2)
        for i in range(start + j * LANES, stop, 4 * stride):
            a = load_complex(x, i)
            b = multiply(load_complex(x, i + stride), w2)
            c = multiply(load_complex(x, i + 2 * stride), w1)
            d = multiply(load_complex(x, i + 3 * stride), w3)
            p, q, r, t = add(a, b), subtract(a, b), add(c, d), subtract(c, d)
            store_complex(x, i, add(p, r))
            store_complex(x, i + stride, subtract_turned(q, t))
            store_complex(x, i + 2 * stride, subtract(p, r))
            store_complex(x, i + 3 * stride, add_turned(q, t))


@inline
def _spread4(x, s, w, at, start, stop):
    """The transposed step: one transform of 4 s vectors to four of s."""
    stride = s * LANES
    for j in range(s):
        k = at + 3 * j
        w1, w2, w3 = splat_complex(w, k), splat_complex(w, k + 1), splat_complex(w, k + 2)
        for i in range(start + j * LANES, stop, 4 * stride):
            a, b = load_complex(x, i), load_complex(x, i + stride)
            c, d = load_complex(x, i + 2 * stride), load_complex(x, i + 3 * stride)
            p, q, r, t = add(a, c), subtract(a, c), add(b, d), subtract(b, d)
            store_complex(x, i, add(p, r))
            store_complex(x, i + stride, multiply(subtract(p, r), w2))
            store_complex(x, i + 2 * stride, multiply(subtract_turned(q, t), w1))
            store_complex(x, i + 3 * stride, multiply(add_turned(q, t), w3))


@inline
def _first_step(n):
    """How many vectors the first radix-4 step of `collect` takes for one: 1 or 2."""
    s = n // LANES
    while s > 2:
        s >>= 2
    return s


@inline
def _block(n, first):
    """The longest block of whole radix-4 steps that the first-level cache holds."""
    block = first * LANES
    while 4 * block <= min(n, _CACHED):
        block <<= 2
    return block


@kernel
def collect(out, x, w, w_lanes):
    """The FFT from bit-reversed vectors of interleaved lanes to natural order; x is overwritten."""
    n = x.shape[1]
    first = _first_step(n)
    block = _block(n, first)
    if first == 2:
        _radix2(x)
    for start in range(0, n, block):
        s = first
        while 4 * s * LANES <= block:
            _collect4(x, s, w, s - first, start, start + block)
            s <<= 2
    s = block // LANES
    while s * LANES < n:
        for start in range(0, n, 4 * s * LANES):
            _collect4(x, s, w, s - first, start, start + 4 * s * LANES)
        s <<= 2
    join_lanes(out, x, w_lanes)


@kernel
def spread(out, x, w, w_lanes):
    """The FFT from natural order to bit-reversed vectors of interleaved lanes; out is not x."""
    split_lanes(out, x, w_lanes)
    n = x.shape[1]
    first = _first_step(n)
    block = _block(n, first)
    s = n // (4 * LANES)
    while s * LANES >= block:
        for start in range(0, n, 4 * s * LANES):
            _spread4(out, s, w, s - first, start, start + 4 * s * LANES)
        s >>= 2
    for start in range(0, n, block):
        s = block // (4 * LANES)
        while s >= first:
            _spread4(out, s, w, s - first, start, start + block)
            s >>= 2
    if first == 2:
        _radix2(out)
