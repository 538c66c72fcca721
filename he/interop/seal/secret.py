"""SEAL's secret key, which is stored transformed, back to its ternary coefficients."""

from __future__ import annotations

import numpy as np

from he.errors import CorruptBytesError
from ntt.limbs import LimbOps


def secret_coefficients(data: np.ndarray, ops: LimbOps) -> np.ndarray:
    """int64 (N,) in {-1, 0, 1} from its transform modulo every prime of a key; data is spent.

    Raises `CorruptBytesError` unless every limb is the transform of the same ternary polynomial.
    """
    if data.ndim != 2 or len(data) != len(ops.moduli):
        raise CorruptBytesError("a secret key has a limb of every prime, the special one too")
    residues = ops.inverse(data)
    moduli = np.array(ops.moduli, dtype=np.uint64)[:, None]
    coefficients = np.where(
        residues == 0, 0, np.where(residues == 1, 1, np.where(residues == moduli - 1, -1, 2))
    )
    if (coefficients != coefficients[0]).any() or (coefficients == 2).any():
        raise CorruptBytesError("the limbs of the secret key are not one ternary polynomial")
    ternary: np.ndarray = coefficients[0].astype(np.int64)
    return ternary
