"""Vectors of complex numbers inside kernels: pairs (re, im) of `f64`, for any LANES.

In memory they are rows 0 and 1 of a float64 array (2, n).
"""

from __future__ import annotations

from ntt.jit import inline
from ntt.simd.floats import (
    LANES,
    load,
    multiply_add,
    multiply_subtract,
    shuffle,
    splat,
    store,
)

reverse = shuffle(range(LANES - 1, -1, -1))


@inline
def load_complex(x, i):
    """LANES numbers of x (2, n) from column i on."""
    return load(x[0], i), load(x[1], i)


@inline
def store_complex(x, i, value):
    """LANES numbers to x (2, n) from column i on."""
    store(x[0], i, value[0])
    store(x[1], i, value[1])


@inline
def splat_complex(x, i):
    """Column i of x (2, n) in every lane."""
    return splat(x[0, i]), splat(x[1, i])


@inline
def add(x, y):
    """x + y."""
    return x[0] + y[0], x[1] + y[1]


@inline
def subtract(x, y):
    """x - y."""
    return x[0] - y[0], x[1] - y[1]


@inline
def add_turned(x, y):
    """x + i y."""
    return x[0] - y[1], x[1] + y[0]


@inline
def subtract_turned(x, y):
    """x - i y."""
    return x[0] + y[1], x[1] - y[0]


@inline
def multiply(x, y):
    """x y, off by at most 2^-52 |x y| (Jeannerod, Kornerup, Louvet, Muller, Math. Comp. 2017)."""
    return (
        multiply_subtract(x[0], y[0], x[1] * y[1]),
        multiply_add(x[0], y[1], x[1] * y[0]),
    )


@inline
def multiply_conjugate(x, y):
    """x conj(y), as `multiply`."""
    return (
        multiply_add(x[0], y[0], x[1] * y[1]),
        multiply_subtract(x[1], y[0], x[0] * y[1]),
    )


@inline
def dft4(a, b, c, d):
    """The DFT of four numbers, in order."""
    p, q, r, s = add(a, c), subtract(a, c), add(b, d), subtract(b, d)
    return add(p, r), subtract_turned(q, s), subtract(p, r), add_turned(q, s)


@inline
def dft8(a, b, c, d, e, f, g, h, root, negative_root):
    """The DFT of eight numbers, in order; root = 1 / sqrt 2 in every lane."""
    a, c, e, g = dft4(a, c, e, g)
    b, d, f, h = dft4(b, d, f, h)
    # Times w = (1 - i) / sqrt 2 and w^3 = -(1 + i) / sqrt 2.
    d = (d[0] + d[1]) * root, (d[1] - d[0]) * root
    h = (h[1] - h[0]) * root, (h[0] + h[1]) * negative_root
    return (
        add(a, b),
        add(c, d),
        subtract_turned(e, f),
        add(g, h),
        subtract(a, b),
        subtract(c, d),
        add_turned(e, f),
        subtract(g, h),
    )


def _exchange(t):
    """Swap the blocks of t lanes that lie off the diagonal of a pair of vectors."""
    first = shuffle([LANES + lane - t if lane & t else lane for lane in range(LANES)])
    second = shuffle([LANES + lane if lane & t else lane + t for lane in range(LANES)])

    @inline
    def exchange(x, y):
        return (first(x[0], y[0]), first(x[1], y[1])), (second(x[0], y[0]), second(x[1], y[1]))

    return exchange


_exchange1, _exchange2 = _exchange(1), _exchange(2)


@inline
def transpose4(a, b, c, d):
    """Lane i of vector k to lane k of vector i, in every block of four lanes."""
    a, b = _exchange1(a, b)
    c, d = _exchange1(c, d)
    a, c = _exchange2(a, c)
    b, d = _exchange2(b, d)
    return a, b, c, d


if LANES == 8:
    _exchange4 = _exchange(4)

    @inline
    def transpose8(a, b, c, d, e, f, g, h):
        """Lane i of vector k to lane k of vector i."""
        a, b, c, d = transpose4(a, b, c, d)
        e, f, g, h = transpose4(e, f, g, h)
        a, e = _exchange4(a, e)
        b, f = _exchange4(b, f)
        c, g = _exchange4(c, g)
        d, h = _exchange4(d, h)
        return a, b, c, d, e, f, g, h
