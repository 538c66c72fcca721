"""The uniform halves that a public seed stands for: what each expands to is part of the format."""

from __future__ import annotations

import numpy as np

from he.rlwe import sampling
from he.rlwe.sampling import RandomStream
from ntt.limbs import LimbOps

CIPHERTEXT = "ciphertext"
"""Label of c_1 of a symmetric encryption."""

PUBLIC_KEY = "public key"
"""Label of the uniform half of a public key."""


def digit_label(digit: int) -> str:
    """Label of the uniform half of one digit of a switching key."""
    return f"digit {digit}"


def uniform_from_seed(seed: bytes, label: str, ops: LimbOps) -> np.ndarray:
    """The uniform polynomial (limbs, N), transformed, that (seed, label) stands for.

    The row of a modulus depends on the seed, the label and that modulus alone.
    """
    return sampling.uniform_residues(
        RandomStream.from_seed(seed, label), ops.moduli, ops.tables.N
    )
