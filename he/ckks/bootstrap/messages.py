"""What a bootstrap keeps: a client's look at its messages before it encrypts them."""

from __future__ import annotations

from typing import Any

import numpy as np

from he.errors import EncodingError
from he.rlwe.array_checks import array_of
from he.validation import shown


def check_bounded(values: Any, largest: float) -> None:
    """Raise `EncodingError` unless all real and imaginary parts are within `largest`."""
    array = array_of(values)
    if array.dtype.kind not in "biufc":
        raise EncodingError(f"values {shown(values)}: real or complex numbers are needed")
    # As floats: the least integer of a type has no absolute value in it.
    parts = np.abs(np.array([array.real, array.imag], dtype=np.float64)).max(axis=0).ravel()
    beyond = np.flatnonzero(~(parts <= largest))
    if beyond.size:
        place = int(beyond[0])
        raise EncodingError(
            f"value {place} is {array.ravel()[place]}, and a bootstrap keeps parts within "
            f"{largest:g}: scale the values, or build the parameters with a larger `largest`"
        )
