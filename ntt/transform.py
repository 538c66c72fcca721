"""The public operations on arrays of residues (.., limbs, N), with every argument checked.

All raise `ResidueShapeError` for residues or rows that they do not take, and `BackendError` if the
backends in force cannot hold the moduli or N.
"""

from __future__ import annotations

import numpy as np

from ntt.constants import Scalars
from ntt.errors import ResidueShapeError
from ntt.limbs import LimbOps
from ntt.tables import NTTTables


def forward(x: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None) -> np.ndarray:
    """``X[i] = sum_j x[j] psi^(j (2 brv(i) + 1)) mod q`` for every limb (the negacyclic NTT).

    x: uint64 (.., limbs, N), limb l in [0, q) for q = ``tables.moduli[rows[l]]``. rows: integers
    (limbs,), default every modulus in order. Returns a new array of the same shape, in [0, q), in
    bit-reversed order. Cooley-Tukey butterflies with psi merged into the twiddles (Longa and
    Naehrig, CANS 2016, Algorithm 1). Raises `ResidueShapeError`.
    """
    ops = _ops(tables, rows)
    return ops.forward(_copied(_check_residues(x, ops), ops))


def inverse(X: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None) -> np.ndarray:
    """The inverse of `forward`: evaluations in bit-reversed order to coefficients, 1/N included.

    Shapes, ranges and errors as in `forward` (Longa and Naehrig, CANS 2016, Algorithm 2).
    """
    ops = _ops(tables, rows)
    return ops.inverse(_copied(_check_residues(X, ops), ops))


def add(
    a: np.ndarray, b: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None
) -> np.ndarray:
    """``a + b mod q``, element by element; shapes, ranges and errors as in `forward`."""
    ops = _ops(tables, rows)
    a, b = _check_pair(a, b, ops)
    return ops.add(_like(a, ops), a, b)


def subtract(
    a: np.ndarray, b: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None
) -> np.ndarray:
    """``a - b mod q``, element by element; shapes, ranges and errors as in `forward`."""
    ops = _ops(tables, rows)
    a, b = _check_pair(a, b, ops)
    return ops.subtract(_like(a, ops), a, b)


def negate(a: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None) -> np.ndarray:
    """``-a mod q``, element by element; shapes, ranges and errors as in `forward`."""
    ops = _ops(tables, rows)
    a = _check_residues(a, ops)
    return ops.negate(_like(a, ops), a)


def multiply(
    a: np.ndarray, b: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None
) -> np.ndarray:
    """``a * b mod q``, element by element; shapes, ranges and errors as in `forward`.

    The product of two transformed polynomials is the transform of their product in
    Z_q[x]/(x^N + 1).
    """
    ops = _ops(tables, rows)
    a, b = _check_pair(a, b, ops)
    return ops.multiply(_like(a, ops), a, b)


def multiply_scalar(
    a: np.ndarray, scalars: list[int], tables: NTTTables, rows: np.ndarray | None = None
) -> np.ndarray:
    """``a[.., l, :] * scalars[l] mod q``; shapes, ranges and errors as in `forward`.

    scalars: one integer for each limb, of any size or sign.
    """
    ops = _ops(tables, rows)
    if len(scalars) != len(ops.moduli):
        raise ResidueShapeError(f"{len(scalars)} scalars for {len(ops.moduli)} limbs")
    a = _check_residues(a, ops)
    return ops.multiply_scalar(_like(a, ops), a, Scalars(scalars, ops.moduli))


def _like(a: np.ndarray, ops: LimbOps) -> np.ndarray:
    """A new array of the shape of a (.., limbs, N)."""
    return ops.empty(*a.shape[:-2])


def _copied(x: np.ndarray, ops: LimbOps) -> np.ndarray:
    copy = _like(x, ops)
    np.copyto(copy, x)
    return copy


def _ops(tables: NTTTables, rows: np.ndarray | None) -> LimbOps:
    """The operations on these rows; raises `ResidueShapeError` unless they are rows of `tables`."""
    chosen = tables.all_rows if rows is None else np.asarray(rows)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or not len(chosen):
        raise ResidueShapeError("`rows` must be a non-empty 1-D array of integers")
    if chosen.min() < 0 or chosen.max() >= len(tables.moduli):
        wrong = chosen.min() if chosen.min() < 0 else chosen.max()
        raise ResidueShapeError(
            f"`rows` name limb {wrong}, but the tables hold {len(tables.moduli)} moduli"
        )
    return LimbOps(tables, chosen)


def _check_pair(a: np.ndarray, b: np.ndarray, ops: LimbOps) -> tuple[np.ndarray, np.ndarray]:
    """`_check_residues` of two arrays, which must have the same shape."""
    if np.shape(a) != np.shape(b):
        raise ResidueShapeError(f"operands differ in shape: {np.shape(a)} and {np.shape(b)}")
    return _check_residues(a, ops), _check_residues(b, ops)


def _check_residues(x: np.ndarray, ops: LimbOps) -> np.ndarray:
    """x itself, or a contiguous copy; raises `ResidueShapeError` unless x holds residues."""
    expected = (len(ops.moduli), ops.tables.N)
    if isinstance(x, np.ma.MaskedArray):
        raise ResidueShapeError("residues are a masked array: fill it, as in `x.filled(0)`")
    if not isinstance(x, np.ndarray) or x.dtype != np.uint64:
        kind = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
        raise ResidueShapeError(f"residues are {kind}: a uint64 array is needed")
    if x.shape[-2:] != expected:
        raise ResidueShapeError(
            f"residues have shape {x.shape}: the last two axes must be (limbs, N) = {expected}"
        )
    x = np.ascontiguousarray(np.asarray(x))
    if x.size:
        largest = x.max(axis=-1).reshape(-1, expected[0]).max(axis=0)
        for value, q in zip(largest, ops.moduli, strict=True):
            if int(value) >= q:
                raise ResidueShapeError(
                    f"residue {value} is not below its modulus {q}: reduce it first"
                )
    return x
