"""The arrays that a program reads and leaves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accel_model.errors import ExecutionError
from accel_model.isa.program import Program

Data = Mapping[tuple[str, str], np.ndarray]
"""The arrays of external objects by (kind, name): uint64, the object's shape + (N,)."""


def limbs_read(program: Program, data: Data) -> dict[int, np.ndarray]:
    """The limbs, (limbs, N), of every external object that the program reads, by its index.

    Raises `ExecutionError` where an array is missing or has another shape or dtype.
    """
    found = {}
    for index, o in enumerate(program.objects):
        if o.kind == "output":
            continue
        array = data.get((o.kind, o.name))
        shape = (*o.shape, program.N)
        if array is None or array.shape != shape or array.dtype != np.uint64:
            given = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise ExecutionError(
                f"the program reads {o.kind} {o.name!r}, uint64 {shape}: the data hold {given}"
            )
        found[index] = array.reshape(-1, program.N)
    return found


def empty_outputs(program: Program) -> dict[str, np.ndarray]:
    """Zeros, uint64 with shape + (N,), for every output of the program, by name."""
    return {
        o.name: np.zeros((*o.shape, program.N), dtype=np.uint64)
        for o in program.objects_of("output")
    }
