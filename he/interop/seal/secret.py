"""SEAL's secret key, which is stored transformed, back to its ternary coefficients."""

from __future__ import annotations

import numpy as np

from he.errors import CorruptBytesError
from he.interop.seal.parameters import EncryptionParameters
from he.interop.seal.records import PlaintextRecord
from ntt.limbs import LimbOps
from ntt.tables import NTTTables


def secret_coefficients(
    record: PlaintextRecord, parameters: EncryptionParameters
) -> np.ndarray:
    """int64 (N,) in {-1, 0, 1}.

    Raises `CorruptBytesError` unless every limb is the transform of the same ternary polynomial.
    """
    if record.data.ndim != 2 or len(record.data) != parameters.key_limbs:
        raise CorruptBytesError("a secret key has a limb of every prime, the special one too")
    tables = NTTTables(parameters.N, parameters.coeff_modulus)
    ops = LimbOps(tables, np.arange(parameters.key_limbs))
    residues = ops.inverse(record.data.copy())
    moduli = np.array(parameters.coeff_modulus, dtype=np.uint64)[:, None]
    coefficients = np.where(
        residues == 0, 0, np.where(residues == 1, 1, np.where(residues == moduli - 1, -1, 2))
    )
    if (coefficients != coefficients[0]).any() or (coefficients == 2).any():
        raise CorruptBytesError("the limbs of the secret key are not one ternary polynomial")
    ternary: np.ndarray = coefficients[0].astype(np.int64)
    return ternary
