"""What the opcodes of the overflow count compute, written once for every executor.

All other opcodes are arithmetic modulo a prime, which each executor has in its own way: NumPy, or
simulated hardware. The overflow count is float64 arithmetic, whose bits depend on the order of the
roundings, so there is one definition of it. A float64 is kept as the uint64 that has its bits.
"""

from __future__ import annotations

import numpy as np


def fraction(a: np.ndarray, reciprocal: int, total: np.ndarray | None = None) -> np.ndarray:
    """`Opcode.FRACTION`: the bits of a / q + total, uint64 with the shape of a.

    a: residues below q, uint64. reciprocal: the bits of the float64 nearest to 1 / q. total: the
    bits of a sum so far, uint64 with the shape of a; None stands for zeros. A residue is rounded to
    float64, then the product is, then the sum.
    """
    quotients = a.astype(np.float64) * np.uint64(reciprocal).view(np.float64)
    sums = quotients if total is None else total.view(np.float64) + quotients
    return np.asarray(sums).view(np.uint64)


def floor(total: np.ndarray) -> np.ndarray:
    """`Opcode.FLOOR`: the whole part, uint64, of float64 sums that are given by their bits.

    The sums must lie in [0, 2^53).
    """
    return total.view(np.float64).astype(np.uint64)
