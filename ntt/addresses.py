"""Arrays by their address, for kernels that read many arrays of different shapes in one call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def addresses_of(arrays: Sequence[np.ndarray | None]) -> np.ndarray:
    """The address of the first word of each array, 0 for None; uint64 (arrays,).

    Raises `ValueError` for an array that is not C-contiguous uint64. The caller keeps the arrays
    alive as long as it uses the addresses.
    """
    words = [0 if a is None else _check_words(a).ctypes.data for a in arrays]
    return np.array(words, dtype=np.uint64)


def _check_words(array: np.ndarray) -> np.ndarray:
    """The array itself; raises `ValueError` unless it is C-contiguous uint64."""
    if array.dtype != np.uint64 or not array.flags.c_contiguous:
        raise ValueError(
            f"an array of {array.dtype} with strides {array.strides}: C-contiguous uint64 is needed"
        )
    return array
