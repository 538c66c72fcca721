"""Arrays by their address, for kernels that read many arrays of different shapes in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from ntt.jit import inline


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


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.uint64)(types.uint64), generate


@inline
def array_at(address: Any, shape: Any) -> Any:
    """The contiguous uint64 array of `shape` whose first word is at `address`; inside kernels."""
    return carray(_pointer(address), shape, np.uint64)
