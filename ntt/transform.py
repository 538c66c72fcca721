"""The public operations on arrays of residues (..., limbs, N), with every argument checked."""

from __future__ import annotations

import numpy as np

from ntt.constants import Scalars
from ntt.errors import ResidueShapeError
from ntt.limbs import LimbOps
from ntt.tables import NTTTables


def forward(x: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None) -> np.ndarray:
    """``X[i] = sum_j x[j] psi^(j (2 brv(i) + 1)) mod q`` for every limb (the negacyclic NTT).

    x: uint64 (..., limbs, N), limb l in [0, q) for q = ``tables.moduli[rows[l]]``; rows: int64
    (limbs,), default all of them in order. Returns a new array of the same shape, in [0, q),
    bit-reversed order. Cooley-Tukey butterflies with psi merged into the twiddles (Longa and
    Naehrig, CANS 2016, Algorithm 1). Raises `ResidueShapeError`.
    """
    limbs = _limbs(tables, rows)
    return limbs.forward(_checked(x, limbs).copy())


def inverse(X: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None) -> np.ndarray:
    """The inverse of `forward`: evaluations in bit-reversed order to coefficients, 1/N included.

    Shapes, dtypes and errors as in `forward` (Longa and Naehrig, CANS 2016, Algorithm 2).
    """
    limbs = _limbs(tables, rows)
    return limbs.inverse(_checked(X, limbs).copy())


def add(
    a: np.ndarray, b: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None
) -> np.ndarray:
    """``a + b mod q``, element by element; shapes as in `forward`."""
    limbs = _limbs(tables, rows)
    a, b = _pair(a, b, limbs)
    return limbs.add(np.empty_like(a), a, b)


def subtract(
    a: np.ndarray, b: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None
) -> np.ndarray:
    """``a - b mod q``, element by element; shapes as in `forward`."""
    limbs = _limbs(tables, rows)
    a, b = _pair(a, b, limbs)
    return limbs.subtract(np.empty_like(a), a, b)


def negate(a: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None) -> np.ndarray:
    """``-a mod q``, element by element; shapes as in `forward`."""
    limbs = _limbs(tables, rows)
    a = _checked(a, limbs)
    return limbs.negate(np.empty_like(a), a)


def multiply(
    a: np.ndarray, b: np.ndarray, tables: NTTTables, rows: np.ndarray | None = None
) -> np.ndarray:
    """``a * b mod q``, element by element; shapes as in `forward`.

    Of two transformed polynomials it is the transform of their product in Z_q[x]/(x^N + 1).
    """
    limbs = _limbs(tables, rows)
    a, b = _pair(a, b, limbs)
    return limbs.multiply(np.empty_like(a), a, b)


def multiply_scalar(
    a: np.ndarray, scalars: list[int], tables: NTTTables, rows: np.ndarray | None = None
) -> np.ndarray:
    """``a[.., l, :] * scalars[l] mod q``; scalars: one integer a limb, any size or sign."""
    limbs = _limbs(tables, rows)
    if len(scalars) != len(limbs.moduli):
        raise ResidueShapeError(f"{len(scalars)} scalars for {len(limbs.moduli)} limbs")
    a = _checked(a, limbs)
    return limbs.multiply_scalar(np.empty_like(a), a, Scalars(scalars, limbs.moduli))


def _limbs(tables: NTTTables, rows: np.ndarray | None) -> LimbOps:
    chosen = tables.all_rows if rows is None else np.asarray(rows)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or not len(chosen):
        raise ResidueShapeError("rows must be a non-empty 1-D array of integers")
    if chosen.min() < 0 or chosen.max() >= len(tables.moduli):
        raise ResidueShapeError(
            f"rows name limb {chosen.max()}, but the tables hold {len(tables.moduli)} moduli"
        )
    return LimbOps(tables, chosen)


def _pair(a: np.ndarray, b: np.ndarray, limbs: LimbOps) -> tuple[np.ndarray, np.ndarray]:
    if np.shape(a) != np.shape(b):
        raise ResidueShapeError(f"operands differ in shape: {np.shape(a)} and {np.shape(b)}")
    return _checked(a, limbs), _checked(b, limbs)


def _checked(x: np.ndarray, limbs: LimbOps) -> np.ndarray:
    """x as a plain C-contiguous array; raises `ResidueShapeError` for what are no residues."""
    expected = (len(limbs.moduli), limbs.tables.N)
    if isinstance(x, np.ma.MaskedArray):
        raise ResidueShapeError("residues are a masked array: fill it, as in x.filled(0)")
    if not isinstance(x, np.ndarray) or x.dtype != np.uint64:
        kind = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
        raise ResidueShapeError(f"residues are {kind}: a uint64 array is needed")
    if x.shape[-2:] != expected:
        raise ResidueShapeError(
            f"residues have shape {x.shape}: the last two axes must be (limbs, N) = {expected}"
        )
    x = np.ascontiguousarray(np.asarray(x))
    largest = x.max(axis=-1).reshape(-1, expected[0]).max(axis=0) if x.size else np.zeros(0)
    for value, q in zip(largest, limbs.moduli, strict=True):
        if int(value) >= q:
            raise ResidueShapeError(
                f"residue {value} is not below its modulus {q}: reduce it first"
            )
    return x
