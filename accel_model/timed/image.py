"""External memory of a timed program: limbs packed at the width of their prime.

Residue i of a limb has bits i w to (i + 1) w - 1, the lowest first, w being the bits of its prime.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from accel_model.errors import ExecutionError
from accel_model.execution.arithmetic import LimbArithmetic
from accel_model.isa.program_data import Data
from accel_model.timed.program import TimedProgram


def pack(limb: np.ndarray, bits: int) -> np.ndarray:
    """Residues below 2^bits, uint64 (N,), as bytes, uint8 (ceil(N bits / 8),)."""
    raw = np.unpackbits(limb.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    return np.packbits(raw[:, :bits].reshape(-1), bitorder="little")


def unpack(packed: np.ndarray, bits: int, N: int) -> np.ndarray:
    """The inverse of `pack`: uint64 (N,)."""
    raw = np.unpackbits(packed, bitorder="little")[: N * bits].reshape(N, bits)
    whole = np.zeros((N, 64), np.uint8)
    whole[:, :bits] = raw
    return np.packbits(whole, axis=1, bitorder="little").view("<u8").reshape(N).astype(np.uint64)


def new_image(program: TimedProgram) -> np.ndarray:
    """External memory, uint8 (data_bytes,), all zeros."""
    return np.zeros(program.data_bytes, np.uint8)


def write_limbs(
    image: np.ndarray,
    program: TimedProgram,
    data: Data,
    kinds: Collection[str] = ("input", "key", "plaintext"),
) -> None:
    """Write the limbs of all objects of some kinds into an image.

    data: the arrays by (kind, name), uint64 with the object's shape + (N,). Raises
    `ExecutionError` where an array is missing or misshapen, or a residue is out of range.
    """
    shape = program.shape
    arithmetic = LimbArithmetic(shape.N)
    arrays = {}
    for index, o in enumerate(program.objects):
        if o.kind not in kinds:
            continue
        array = data.get((o.kind, o.name))
        if array is None or array.shape != (*o.shape, shape.N) or array.dtype != np.uint64:
            given = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise ExecutionError(
                f"the program reads {o.kind} {o.name!r}, uint64 {(*o.shape, shape.N)}: the data "
                f"hold {given}"
            )
        arrays[index] = array.reshape(-1, shape.N)
    for owner, row, place, factored, address in program.placed.tolist():
        if owner not in arrays:
            continue
        limb, q = arrays[owner][row], shape.moduli[place]
        if int(limb.max()) >= q:
            o = program.objects[owner]
            raise ExecutionError(f"{o.kind} {o.name!r}: residue {limb.max()} is not below {q}")
        if factored:
            limb = arithmetic.multiply(limb, program.radix % q, q)
        packed = pack(limb, q.bit_length())
        image[address : address + len(packed)] = packed


def read_outputs(image: np.ndarray, program: TimedProgram) -> dict[str, np.ndarray]:
    """The outputs by name, uint64 with the object's shape + (N,), from an image after a run."""
    N = program.shape.N
    outputs = {
        index: np.zeros((*o.shape, N), np.uint64)
        for index, o in enumerate(program.objects)
        if o.kind == "output"
    }
    for owner, row, place, _, address in program.placed.tolist():
        if owner in outputs:
            bits = program.shape.moduli[place].bit_length()
            packed = image[address : address + -(-N * bits // 8)]
            outputs[owner].reshape(-1, N)[row] = unpack(packed, bits, N)
    return {program.objects[index].name: array for index, array in outputs.items()}
