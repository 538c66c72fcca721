"""Kernels that are compiled for given types alone."""

from __future__ import annotations

import numpy as np
import pytest
from numba import types

from ntt import jit

WORDS = types.Array(types.uint64, 1, "A", readonly=True)


def test_fix_types__converts_what_it_can_and_refuses_the_rest() -> None:
    @jit.kernel
    def double(x):  # type: ignore[no-untyped-def]
        return x + x

    for _ in range(2):
        jit.fix_types(double, (WORDS,))
    assert jit.is_cached(double, (WORDS,))
    assert not jit.is_cached(double, (types.int64,))
    array = np.arange(6, dtype=np.uint64)
    for good in (array, array[::2]):
        assert (double(good) == 2 * good).all()
    for wrong in (3, array.astype(np.int64), array.reshape(2, 3)):
        with pytest.raises(TypeError, match="No matching definition"):
            double(wrong)
    assert list(double.overloads) == [(WORDS,)]
