"""What the BFV evaluator asks of its operands before it computes."""

from __future__ import annotations

import numpy as np

from he.bfv.ciphertext import Ciphertext
from he.bfv.noise import Noise
from he.errors import LevelExhaustedError, NoiseBudgetExhaustedError


def check_level_left(a: Ciphertext) -> None:
    """Raise `LevelExhaustedError` at level 0."""
    if a.level == 0:
        raise LevelExhaustedError(
            "the ciphertext is at level 0, the last prime: there is no smaller modulus"
        )


def check_budget(noise: Noise, what: str) -> None:
    """Raise `NoiseBudgetExhaustedError` for a predicted budget below zero."""
    if noise.budget < 0:
        raise NoiseBudgetExhaustedError(
            f"{what} would have a predicted noise budget of {noise.budget:.1f} bits, at least 0 "
            f"is needed: compute less, or build parameters with a larger depth or more "
            f"spare_bits; Evaluator(.., refuse_exhausted=False) goes on all the same"
        )


def largest_embedding(m: np.ndarray, t: int) -> float:
    """max |m(zeta)| over the complex 2N-th roots zeta of -1, m (N,) in [0, t) taken centred.

    What a product with m multiplies the root mean square of any polynomial by, at most. One
    complex FFT of size N / 2, as in the CKKS encoder.
    """
    half = m.size // 2
    centred = m.astype(np.float64)
    centred -= np.where(m >= np.uint64(t - t // 2), float(t), 0.0)
    twist = np.exp(1j * np.pi * np.arange(half) / m.size)
    return float(np.abs(np.fft.ifft((centred[:half] + 1j * centred[half:]) * twist)).max() * half)
