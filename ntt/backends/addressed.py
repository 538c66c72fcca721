"""The arrays behind addresses (`ntt.addresses`), inside kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from ntt.jit import inline


@intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.uint64)(types.uint64), generate


@inline
def array_at(address: Any, shape: Any) -> Any:
    """The contiguous uint64 array of `shape` whose first word is at `address`; inside kernels."""
    return carray(_pointer(address), shape, np.uint64)
