"""Residues as bytes, with as many bits each as their modulus has.

A row of N residues modulo q is the string of their N * bit_length(q) bits, least significant bit
first, filled up with zero bits to whole 64-bit words, which are stored little-endian. Rows follow
one another without gaps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from he.errors import CorruptBytesError, ForeignBytesError, ParameterError
from ntt.kernels import KernelModule
from ntt.memory import contiguous, large_array, read_only
from ntt.workspace import workspace

_kernels = KernelModule("he.format.residue_packing_kernels")

Allocate = Callable[[tuple[int, ...]], np.ndarray]
"""`large_array`, or `secret_array` for residues of secrets."""


def packed_bytes(moduli: Sequence[int], N: int) -> int:
    """Bytes that one (len(moduli), N) residue array takes once packed."""
    return sum(8 * _words_per_row(q, N) for q in moduli)


def pack_residues(residues: NDArray[np.uint64], moduli: Sequence[int]) -> bytes:
    """Store residues with bit_length(q_i) bits each.

    residues: (..., limbs, N) uint64, not empty, row i in [0, moduli[i]). moduli: the limbs' moduli,
    1 <= q < 2^64. Raises `ParameterError` where shape, dtype or a value does not fit the moduli.
    """
    packed: bytes = packed_words(residues, moduli).tobytes()
    return packed


def packed_words(
    residues: NDArray[np.uint64], moduli: Sequence[int], allocate: Allocate = large_array
) -> NDArray[np.uint64]:
    """`pack_residues` as little-endian words, in memory of `allocate`."""
    moduli = _check_moduli(moduli)
    if residues.dtype != np.uint64:
        raise ParameterError(f"residues are of dtype {residues.dtype}, needed is uint64")
    N = _check_shape(residues.shape, moduli)
    blocks = read_only(contiguous(residues)).reshape(-1, len(moduli), N)
    packed = allocate((len(blocks) * packed_bytes(moduli, N) // 8,))
    start = 0
    for block in blocks:
        for row, q in zip(block, moduli, strict=True):
            if int(row.max()) >= q:
                raise ParameterError(f"residue {int(row.max())} is not below its modulus {q}")
            stop = start + _words_per_row(q, N)
            _kernels.pack_row(row, q.bit_length(), packed[start:stop])
            start = stop
    return packed.astype("<u8", copy=False)


def unpack_residues(
    data: bytes | memoryview,
    moduli: Sequence[int],
    shape: Sequence[int],
    allocate: Allocate = large_array,
    out: NDArray[np.uint64] | None = None,
) -> NDArray[np.uint64]:
    """The inverse of `pack_residues`, with every value checked, in memory of `allocate` or `out`.

    shape: (..., len(moduli), N), as the reader expects the residues. The result is uint64,
    C-contiguous, row i in [0, moduli[i]). out: an array of three axes of this shape, of which only
    the rows need be contiguous. Raises `CorruptBytesError` where the length does not fit, a value
    is not below its modulus, or a padding bit is set, and `ParameterError` where shape and moduli
    contradict each other.
    """
    view = check_length(data, moduli, shape)
    moduli, shape = _check_moduli(moduli), tuple(int(size) for size in shape)
    N = shape[-1]
    # Words of secrets are wiped, which shared scratch memory is not.
    is_secret = allocate is not large_array
    words = (len(view) // 8,)
    packed = allocate(words) if is_secret else workspace("packed residues", words)
    np.copyto(packed, np.frombuffer(view, dtype="<u8"))
    residues = allocate(shape) if out is None else out
    start = 0
    for block in residues.reshape(-1, len(moduli), N):
        for row, q in zip(block, moduli, strict=True):
            stop = start + _words_per_row(q, N)
            largest, padding = _kernels.unpack_row(packed[start:stop], q.bit_length(), row)
            if largest >= q:
                raise CorruptBytesError(f"residue {int(largest)} is not below its modulus {q}")
            if padding:
                raise CorruptBytesError(f"a padding bit behind the residues modulo {q} is set")
            start = stop
    return residues


def check_length(
    data: bytes | memoryview, moduli: Sequence[int], shape: Sequence[int]
) -> memoryview:
    """A view of packed residues, if they are as long as `shape` needs; errors of `unpack_residues`.

    So a reader allocates memory only for bytes that are really there.
    """
    moduli, shape = _check_moduli(moduli), tuple(int(size) for size in shape)
    needed = math.prod(shape[:-2]) * packed_bytes(moduli, _check_shape(shape, moduli))
    view = readonly_view(data)
    if len(view) != needed:
        raise CorruptBytesError(f"residues of shape {shape} take {needed} bytes, got {len(view)}")
    return view


def readonly_view(data: object) -> memoryview:
    """A read-only view of bytes; raises `ForeignBytesError` for anything else."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ForeignBytesError(f"bytes are needed, got {type(data).__name__}")
    view = memoryview(data)
    if not view.c_contiguous:
        view = memoryview(bytes(view))
    return view.cast("B").toreadonly()


def _words_per_row(q: int, N: int) -> int:
    return -(-N * q.bit_length() // 64)


def _check_shape(shape: tuple[int, ...], moduli: tuple[int, ...]) -> int:
    if len(shape) < 2 or shape[-2] != len(moduli) or min(shape) < 1:
        raise ParameterError(
            f"shape {shape} does not fit {len(moduli)} moduli; needed is (..., {len(moduli)}, N), "
            "none of them zero"
        )
    return shape[-1]


def _check_moduli(moduli: Sequence[int]) -> tuple[int, ...]:
    checked = tuple(int(q) for q in moduli)
    for q in checked:
        if not 1 <= q < 1 << 64:
            raise ParameterError(f"modulus {q} must be in [1, 2^64)")
    return checked
