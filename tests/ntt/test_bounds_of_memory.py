"""No kernel writes outside its arrays: each runs between guard words that must not change."""

from __future__ import annotations

import numpy as np
import pytest

import ntt
from ntt.backends import select
from ntt.limbs import LimbOps
from tests.ntt.operations import calls

GUARD = 64
PATTERN = np.uint64(0xDEADBEEFCAFEF00D)
LIMBS = 3
CASES = [
    (name, log_N)
    for name in ntt.available_backends()
    for log_N in range(3, 14)
    if 1 << log_N >= select.source_module(name).MIN_RING_DEGREE
]


class Guarded:
    """Arrays between guard words."""

    def __init__(self) -> None:
        self._buffers: list[np.ndarray] = []

    def array(self, *shape: int) -> np.ndarray:
        buffer = np.full(int(np.prod(shape)) + 2 * GUARD, PATTERN)
        self._buffers.append(buffer)
        inside = buffer[GUARD:-GUARD].reshape(shape)
        inside[...] = 1
        return inside

    def intact(self) -> bool:
        return all(
            (buffer[:GUARD] == PATTERN).all() and (buffer[-GUARD:] == PATTERN).all()
            for buffer in self._buffers
        )


@pytest.mark.parametrize("sources", [1, 2, 5])
@pytest.mark.parametrize(("name", "log_N"), CASES)
def test_kernels__stay_inside_their_arrays(name: str, log_N: int, sources: int) -> None:
    tables = ntt.NTTTables(1 << log_N, ntt.find_primes(30, 1 << log_N, LIMBS))
    ops = LimbOps(tables, tables.all_rows, select.backend_module(name))
    guarded = Guarded()
    for kernel, call in calls(ops, guarded.array, guarded.array, sources).items():
        call()
        assert guarded.intact(), kernel
