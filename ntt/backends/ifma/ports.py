"""A kernel that keeps the 52-bit multipliers busy, from which a speed limit is derived."""

from __future__ import annotations

from ntt.jit import kernel
from ntt.simd.integers import LANES, load, multiply_add_low, store

CHAINS = 8  # independent chains of products, which hide the latency of each
PER_STEP = CHAINS * LANES


@kernel
def multiply(state, steps):
    """PER_STEP multiply-adds a step; state (PER_STEP,)."""
    a, b, c, d = load(state, 0), load(state, 8), load(state, 16), load(state, 24)
    e, f, g, h = load(state, 32), load(state, 40), load(state, 48), load(state, 56)
    x = a
    for _ in range(steps):
        a, b = multiply_add_low(a, x, x), multiply_add_low(b, x, x)
        c, d = multiply_add_low(c, x, x), multiply_add_low(d, x, x)
        e, f = multiply_add_low(e, x, x), multiply_add_low(f, x, x)
        g, h = multiply_add_low(g, x, x), multiply_add_low(h, x, x)
    store(state, 0, a + b + c + d + e + f + g + h)
