"""Kernels that keep one part of the processor busy, from whose speed limits are derived."""

from __future__ import annotations

import numpy as np

from ntt.jit import kernel
from ntt.reduction import multiply_high

PER_STEP = 8  # independent chains of products, which hide the latency of each


@kernel
def multiply(state, steps):
    """PER_STEP 64-bit products a step; state (PER_STEP,)."""
    a, b, c, d = state[0], state[1], state[2], state[3]
    e, f, g, h = state[4], state[5], state[6], state[7]
    y = np.uint64(0xD6E8FEB86659FD93)
    for _ in range(steps):
        a, b = multiply_high(a, y), multiply_high(b, y)
        c, d = multiply_high(c, y), multiply_high(d, y)
        e, f = multiply_high(e, y), multiply_high(f, y)
        g, h = multiply_high(g, y), multiply_high(h, y)
    state[0] = a + b + c + d + e + f + g + h


@kernel
def pass_over(x, times):
    """`times` passes over x: a load and a store of every word each."""
    for _ in range(times):
        for i in range(x.size):
            x[i] += np.uint64(1)
