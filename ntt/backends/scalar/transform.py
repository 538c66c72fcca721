"""Forward and inverse negacyclic transforms on 64-bit words, one butterfly at a time."""

from __future__ import annotations

from ntt.backends.layout import (
    N_INVERSE,
    N_INVERSE_SHOUP,
    N_INVERSE_W,
    N_INVERSE_W_SHOUP,
    W_INVERSE,
    W_INVERSE_SHOUP,
    W_SHOUP,
    Q,
    W,
)
from ntt.backends.twiddles import twiddles
from ntt.jit import inline, kernel
from ntt.reduction import reduce_once, shoup, shoup_lazy

# ---------------------------------------------------------------- forward


@inline
def _cooley_tukey(a, c, w, w_shoup, q):
    """(a + w c, a - w c); in and out below 4q."""
    a = reduce_once(a, q + q)
    c = shoup_lazy(c, w, w_shoup, q)
    return a + c, a + (q + q) - c


@inline
def _below_q(u, q):
    """u mod q for u below 4q."""
    return reduce_once(reduce_once(u, q + q), q)


@kernel
def forward_row(x, row):
    """In-place transform of one row by the tables' row; input below 4q, output in [0, q)."""
    N = x.size
    w, w_shoup, q = twiddles(row, N, W), twiddles(row, N, W_SHOUP), row[Q]
    m, t = 1, N >> 1
    while t > 2:
        for i in range(m):
            w1, w1s = w[m + i], w_shoup[m + i]
            first, second = x[2 * i * t : 2 * i * t + t], x[2 * i * t + t : 2 * i * t + 2 * t]
            for j in range(t):
                first[j], second[j] = _cooley_tukey(first[j], second[j], w1, w1s, q)
        m, t = m << 1, t >> 1
    for i in range(m):  # the stages t = 2 and t = 1 of four neighbours
        a, b, c, d = x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]
        a, c = _cooley_tukey(a, c, w[m + i], w_shoup[m + i], q)
        b, d = _cooley_tukey(b, d, w[m + i], w_shoup[m + i], q)
        k = 2 * (m + i)
        a, b = _cooley_tukey(a, b, w[k], w_shoup[k], q)
        c, d = _cooley_tukey(c, d, w[k + 1], w_shoup[k + 1], q)
        x[4 * i], x[4 * i + 1] = _below_q(a, q), _below_q(b, q)
        x[4 * i + 2], x[4 * i + 3] = _below_q(c, q), _below_q(d, q)


@kernel
def forward(x, rows, tables, lo, hi):
    """Rows of x from coefficients to evaluations, in place."""
    for r in range(lo, hi):
        forward_row(x[r], tables[rows[r]])


# ---------------------------------------------------------------- inverse


@inline
def _gentleman_sande(a, c, w, w_shoup, q):
    """(a + c, (a - c) w); in and out below 2q."""
    return reduce_once(a + c, q + q), shoup_lazy(a + (q + q) - c, w, w_shoup, q)


@kernel
def inverse_row(x, row):
    """In-place inverse of one row by the tables' row; input below 2q, output in [0, q)."""
    N = x.size
    w, w_shoup, q = twiddles(row, N, W_INVERSE), twiddles(row, N, W_INVERSE_SHOUP), row[Q]
    m, t = N >> 2, 2
    for i in range(m):  # the stages t = 1 and t = 2 of four neighbours
        a, b, c, d = x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]
        k = 2 * (m + i)
        a, b = _gentleman_sande(a, b, w[k], w_shoup[k], q)
        c, d = _gentleman_sande(c, d, w[k + 1], w_shoup[k + 1], q)
        x[4 * i], x[4 * i + 2] = _gentleman_sande(a, c, w[m + i], w_shoup[m + i], q)
        x[4 * i + 1], x[4 * i + 3] = _gentleman_sande(b, d, w[m + i], w_shoup[m + i], q)
    m, t = m >> 1, t << 1
    while m > 1:
        for i in range(m):
            w1, w1s = w[m + i], w_shoup[m + i]
            first, second = x[2 * i * t : 2 * i * t + t], x[2 * i * t + t : 2 * i * t + 2 * t]
            for j in range(t):
                first[j], second[j] = _gentleman_sande(first[j], second[j], w1, w1s, q)
        m, t = m >> 1, t << 1
    s, ss = row[N_INVERSE], row[N_INVERSE_SHOUP]
    e, es = row[N_INVERSE_W], row[N_INVERSE_W_SHOUP]
    for j in range(t):
        a, c = x[j], x[j + t]
        x[j] = shoup(a + c, s, ss, q)
        x[j + t] = shoup(a + (q + q) - c, e, es, q)


@kernel
def inverse(x, rows, tables, lo, hi):
    """Rows of x from evaluations to coefficients, in place."""
    for r in range(lo, hi):
        inverse_row(x[r], tables[rows[r]])
