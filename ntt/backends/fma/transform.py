"""Forward and inverse negacyclic transforms in float64, LANES values at a time.

Radix-4 passes take two stages in one pass over memory. They go down to vectors, block by block once
a block fits the first-level cache. The last stages happen inside registers. Between the first and
the last stage a row holds floats by their bits. Bounds (docs/bounds.md): a forward stage takes
values below B q to values below (9/8 B + 1/2) q. Every third pass, and the last stage, reduces its
left inputs, which keeps every value below 8q < 2^53.
"""

from __future__ import annotations

from ntt.backends.fma.arithmetic import canonical, field, multiply_lazy, reduce
from ntt.backends.fma.registers import forward_stages, inverse_stages
from ntt.backends.layout import (
    N_INVERSE,
    N_INVERSE_SHOUP,
    N_INVERSE_W,
    N_INVERSE_W_SHOUP,
    W_INVERSE,
    W_INVERSE_SHOUP,
    W_SHOUP,
    W,
)
from ntt.backends.twiddles import twiddles
from ntt.jit import inline, kernel
from ntt.simd.floats import LANES, load, load_residues, splat_bits, store, store_residues

_BLOCK = 4096  # words: half of a 64 KiB or two thirds of a 48 KiB first-level cache
_PASSES_PER_REDUCTION = 3


@inline
def _radix4_twiddles(w, w_quotient, k):
    """The factors of group k of a stage and of the two groups below it, with their quotients."""
    return (
        splat_bits(w[k]),
        splat_bits(w_quotient[k]),
        splat_bits(w[2 * k]),
        splat_bits(w_quotient[2 * k]),
        splat_bits(w[2 * k + 1]),
        splat_bits(w_quotient[2 * k + 1]),
    )


# ---------------------------------------------------------------- forward


@inline
def _cooley_tukey(a, c, w, w_quotient, modulus):
    """(a + w c, a - w c)."""
    c = multiply_lazy(c, w, w_quotient, modulus)
    return a + c, a - c


@inline
def _forward_four(a, b, c, d, factors, modulus):
    """Two stages of four values."""
    w1, w1q, w2, w2q, w3, w3q = factors
    a, c = _cooley_tukey(a, c, w1, w1q, modulus)
    b, d = _cooley_tukey(b, d, w1, w1q, modulus)
    a, b = _cooley_tukey(a, b, w2, w2q, modulus)
    c, d = _cooley_tukey(c, d, w3, w3q, modulus)
    return a, b, c, d


@inline
def _forward_first_radix2(x, w, w_quotient, t, modulus):
    """The first stage; residues in, floats out."""
    w1, w1q = splat_bits(w[1]), splat_bits(w_quotient[1])
    for j in range(0, t, LANES):
        a, c = load_residues(x, j), load_residues(x, j + t)
        a, c = _cooley_tukey(a, c, w1, w1q, modulus)
        store(x, j, a)
        store(x, j + t, c)


@inline
def _forward_first_radix4(x, w, w_quotient, t, modulus):
    """The first two stages; residues in, floats out."""
    h = t >> 1
    factors = _radix4_twiddles(w, w_quotient, 1)
    for j in range(0, h, LANES):
        a, b = load_residues(x, j), load_residues(x, j + h)
        c, d = load_residues(x, j + t), load_residues(x, j + t + h)
        a, b, c, d = _forward_four(a, b, c, d, factors, modulus)
        store(x, j, a)
        store(x, j + h, b)
        store(x, j + t, c)
        store(x, j + t + h, d)


@inline
def _forward_radix4(x, w, w_quotient, m, t, first, last, reducing, modulus):
    """Stages (m, t) and (2m, t/2) of groups [first, last)."""
    h = t >> 1
    for i in range(first, last):
        factors = _radix4_twiddles(w, w_quotient, m + i)
        start = 2 * i * t
        for j in range(start, start + h, LANES):
            a, b, c, d = load(x, j), load(x, j + h), load(x, j + t), load(x, j + t + h)
            if reducing:
                a, b = reduce(a, modulus), reduce(b, modulus)
            a, b, c, d = _forward_four(a, b, c, d, factors, modulus)
            store(x, j, a)
            store(x, j + h, b)
            store(x, j + t, c)
            store(x, j + t + h, d)


@inline
def _forward_tail(x, w, w_quotient, start, stop, modulus):
    """The stages inside registers of x[start:stop]; floats in, residues in [0, q) out."""
    N = x.size
    for j in range(start, stop, 4 * LANES):
        a, b = load(x, j), load(x, j + LANES)
        c, d = load(x, j + 2 * LANES), load(x, j + 3 * LANES)
        a, b, c, d = forward_stages(a, b, c, d, w, w_quotient, N + j, modulus)
        store_residues(x, j, a)
        store_residues(x, j + LANES, b)
        store_residues(x, j + 2 * LANES, c)
        store_residues(x, j + 3 * LANES, d)


@kernel
def forward_row(x, row):
    """In-place transform of one row by the tables' row; input and output in [0, q)."""
    N = x.size
    w, w_quotient = twiddles(row, N, W), twiddles(row, N, W_SHOUP)
    modulus = field(row)
    m, t, stages = 2, N >> 2, 0
    while (LANES << stages) < N:
        stages += 1
    if stages & 1:
        _forward_first_radix2(x, w, w_quotient, N >> 1, modulus)
    else:
        _forward_first_radix4(x, w, w_quotient, N >> 1, modulus)
        m, t = 4, N >> 3
    passes = (stages - 1) // 2  # still to come
    while 2 * t > _BLOCK:
        reducing = passes % _PASSES_PER_REDUCTION == 2
        _forward_radix4(x, w, w_quotient, m, t, 0, m, reducing, modulus)
        m, t, passes = m << 2, t >> 2, passes - 1
    for block in range(m):
        block_m, block_t, first, last, block_passes = m, t, block, block + 1, passes
        while block_t >= 2 * LANES:
            reducing = block_passes % _PASSES_PER_REDUCTION == 2
            _forward_radix4(x, w, w_quotient, block_m, block_t, first, last, reducing, modulus)
            block_m, block_t, block_passes = block_m << 2, block_t >> 2, block_passes - 1
            first, last = first << 2, last << 2
        _forward_tail(x, w, w_quotient, 2 * t * block, 2 * t * (block + 1), modulus)


@kernel
def forward(x, rows, tables, lo, hi):
    """Rows of x from coefficients to evaluations, in place."""
    for r in range(lo, hi):
        forward_row(x[r], tables[rows[r]])


# ---------------------------------------------------------------- inverse


@inline
def _inverse_four(a, b, c, d, factors, modulus):
    """Two stages of four values, without the factor of the second stage for the last two."""
    _, _, w2, w2q, w3, w3q = factors
    a, b = a + b, multiply_lazy(a - b, w2, w2q, modulus)
    c, d = c + d, multiply_lazy(c - d, w3, w3q, modulus)
    return a + c, b + d, a - c, b - d


@inline
def _inverse_tail(x, w, w_quotient, start, stop, modulus):
    """The stages inside registers of x[start:stop]; residues in, floats out."""
    N = x.size
    for j in range(start, stop, 4 * LANES):
        a, b = load_residues(x, j), load_residues(x, j + LANES)
        c, d = load_residues(x, j + 2 * LANES), load_residues(x, j + 3 * LANES)
        a, b, c, d = inverse_stages(a, b, c, d, w, w_quotient, N + j, modulus)
        store(x, j, a)
        store(x, j + LANES, b)
        store(x, j + 2 * LANES, c)
        store(x, j + 3 * LANES, d)


@inline
def _inverse_radix4(x, w, w_quotient, m, t, first, last, modulus):
    """Stages (2m, t/2) and (m, t) of groups [first, last); in and out below 2q."""
    h = t >> 1
    for i in range(first, last):
        factors = _radix4_twiddles(w, w_quotient, m + i)
        w1, w1q = factors[0], factors[1]
        for j in range(2 * i * t, 2 * i * t + h, LANES):
            a, b, c, d = load(x, j), load(x, j + h), load(x, j + t), load(x, j + t + h)
            a, b, c, d = _inverse_four(a, b, c, d, factors, modulus)
            store(x, j, reduce(a, modulus))
            store(x, j + h, b)
            store(x, j + t, multiply_lazy(c, w1, w1q, modulus))
            store(x, j + t + h, multiply_lazy(d, w1, w1q, modulus))


@inline
def _scaled(u, w, w_quotient, modulus):
    """u w mod q in [0, q)."""
    return canonical(multiply_lazy(u, w, w_quotient, modulus), modulus)


@inline
def _inverse_last_radix2(x, row, modulus):
    """The last stage times 1/N; floats below 2q in, residues out."""
    s, sq = splat_bits(row[N_INVERSE]), splat_bits(row[N_INVERSE_SHOUP])
    e, eq = splat_bits(row[N_INVERSE_W]), splat_bits(row[N_INVERSE_W_SHOUP])
    t = x.size >> 1
    for j in range(0, t, LANES):
        a, c = load(x, j), load(x, j + t)
        store_residues(x, j, _scaled(a + c, s, sq, modulus))
        store_residues(x, j + t, _scaled(a - c, e, eq, modulus))


@inline
def _inverse_last_radix4(x, w, w_quotient, row, modulus):
    """The last two stages times 1/N; floats below 2q in, residues out."""
    s, sq = splat_bits(row[N_INVERSE]), splat_bits(row[N_INVERSE_SHOUP])
    e, eq = splat_bits(row[N_INVERSE_W]), splat_bits(row[N_INVERSE_W_SHOUP])
    factors = _radix4_twiddles(w, w_quotient, 1)
    t = x.size >> 1
    h = t >> 1
    for j in range(0, h, LANES):
        a, b, c, d = load(x, j), load(x, j + h), load(x, j + t), load(x, j + t + h)
        a, b, c, d = _inverse_four(a, b, c, d, factors, modulus)
        store_residues(x, j, _scaled(a, s, sq, modulus))
        store_residues(x, j + h, _scaled(b, s, sq, modulus))
        store_residues(x, j + t, _scaled(c, e, eq, modulus))
        store_residues(x, j + t + h, _scaled(d, e, eq, modulus))


@kernel
def inverse_row(x, row):
    """In-place inverse of one row by the tables' row; input and output in [0, q)."""
    N = x.size
    w, w_quotient = twiddles(row, N, W_INVERSE), twiddles(row, N, W_INVERSE_SHOUP)
    modulus = field(row)
    stages = 0
    while (LANES << stages) < N:
        stages += 1
    # The last pass takes one stage when their number is odd, two when it is even.
    last_t = N >> 2 if stages & 1 else N >> 3
    block_t = last_t
    while 2 * block_t > _BLOCK:
        block_t >>= 2
    for start in range(0, N, 2 * block_t):
        stop = start + 2 * block_t
        _inverse_tail(x, w, w_quotient, start, stop, modulus)
        t = 2 * LANES
        while t <= block_t:
            first, last = start // (2 * t), stop // (2 * t)
            _inverse_radix4(x, w, w_quotient, N // (2 * t), t, first, last, modulus)
            t <<= 2
    t = block_t << 2
    while t <= last_t:
        m = N // (2 * t)
        _inverse_radix4(x, w, w_quotient, m, t, 0, m, modulus)
        t <<= 2
    if stages & 1:
        _inverse_last_radix2(x, row, modulus)
    else:
        _inverse_last_radix4(x, w, w_quotient, row, modulus)


@kernel
def inverse(x, rows, tables, lo, hi):
    """Rows of x from evaluations to coefficients, in place."""
    for r in range(lo, hi):
        inverse_row(x[r], tables[rows[r]])
