"""Where the last step of a division stores a row: `contract.Kernels.divide` for any backend."""

from __future__ import annotations

import numpy as np

from ntt.backends.hoisting import move_lanes, move_target
from ntt.backends.layout import VECTOR
from ntt.jit import inline


@inline
def place(target, source, moves, lanes):
    """target = source, permuted by `VectorMoves` where there are any."""
    if moves.size:
        for v in range(moves.size):
            at, order = move_target(moves[v]) * VECTOR, lanes[move_lanes(moves[v]) :]
            for t in range(VECTOR):
                target[at + t] = source[v * VECTOR + np.int64(order[t])]
    else:
        for i in range(source.size):
            target[i] = source[i]
