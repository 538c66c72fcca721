"""Arrays by their address, for kernels that read many arrays of different shapes in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from ntt.jit import inline


def addresses_of(arrays: Sequence[np.ndarray | None]) -> np.ndarray:
    """uint64, the address of each contiguous uint64 array's first word; 0 for None.

    Whoever uses the result keeps the arrays alive.
    """
    words = [0 if a is None else _contiguous(a).ctypes.data for a in arrays]
    return np.array(words, dtype=np.uint64)


def _contiguous(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.uint64 or not array.flags.c_contiguous:
        raise ValueError(
            f"an array of {array.dtype} with strides {array.strides}: C-contiguous uint64 is needed"
        )
    return array


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.uint64)(types.uint64), generate


@inline
def array_at(address: Any, shape: Any) -> Any:
    """The contiguous uint64 array of `shape` at `address` (uint64)."""
    return carray(_pointer(address), shape, np.uint64)
