"""SEAL's secret key, which is stored transformed, back to its ternary coefficients."""

from __future__ import annotations

import numpy as np

from he.errors import CorruptBytesError
from ntt.kernels import KernelModule
from ntt.limbs import LimbOps
from ntt.memory import secret_array

_kernels = KernelModule("he.rlwe.rns_kernels")


def secret_coefficients(data: np.ndarray, ops: LimbOps) -> np.ndarray:
    """int64 (N,) in {-1, 0, 1} from its transform modulo every prime of a key; data is wiped.

    Raises `CorruptBytesError` unless every limb is the transform of the same ternary polynomial.
    """
    if data.ndim != 2 or len(data) != len(ops.moduli):
        raise CorruptBytesError("a secret key has a limb of every prime, the special one too")
    moduli = np.array(ops.moduli, dtype=np.uint64)
    coefficients = secret_array(data.shape[1:]).view(np.int64)
    good = _kernels.ternary_of_residues(coefficients, ops.inverse(data), moduli)
    data.fill(0)
    if not good:
        raise CorruptBytesError("the limbs of the secret key are not one ternary polynomial")
    return coefficients
