"""The forms that a secret polynomial takes in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context

WINDOW = 256


def windows(name: str, array: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Parts of an array that no other data are equal to: its beginning and its end."""
    data = np.ascontiguousarray(array).tobytes()
    for start in (0, len(data) - WINDOW):
        yield f"{name} at {start}", data[start : start + WINDOW]


def of_polynomial(name: str, values: np.ndarray, params: RLWEParameters) -> dict[str, bytes]:
    """A small polynomial int64 (N,) in every form that computing with it gives it."""
    ops = context(params).qp(params.max_level)
    residues = np.array([values % q for q in ops.moduli], dtype=np.uint64)
    found = dict(windows(f"{name}, int64", values))
    found |= dict(windows(f"{name}, float64", values.astype(np.float64)))
    for form, rows in ("residues", residues), ("transform", ops.forward(residues.copy())):
        found |= of_limbs(f"{name}, {form}", rows)
    return found


def of_limbs(name: str, rows: np.ndarray) -> dict[str, bytes]:
    """The first limb and the last."""
    return {**dict(windows(f"{name}, limb 0", rows[0])), **dict(windows(f"{name}, last", rows[-1]))}
