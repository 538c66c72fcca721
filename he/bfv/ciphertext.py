"""Plaintext and Ciphertext of the BFV scheme."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from he.bfv.noise import Noise
from he.bfv.params import BFVParameters
from he.rlwe.encrypted_value import EncryptedValue
from he.rlwe.serializable import Serializable

if TYPE_CHECKING:
    from he.bfv.evaluator import Evaluator


@dataclass(eq=False)
class Plaintext(Serializable):
    """A polynomial modulo t: its coefficients (N,) uint64 in [0, t)."""

    params: BFVParameters
    data: np.ndarray

    def __repr__(self) -> str:
        return f"Plaintext(N={self.params.N}, t={self.params.t})"


@dataclass(eq=False)
class PlainFactor:
    """A plaintext made ready for products at one level and below.

    data (level + 1, N): the centred coefficients, transformed; norm_bits: log2 of the largest
    absolute value of its embeddings. `Evaluator.factor` makes it.
    """

    params: BFVParameters
    data: np.ndarray = field(repr=False)
    norm_bits: float

    @property
    def level(self) -> int:
        """Index of the last limb of Q."""
        return int(self.data.shape[-2]) - 1


@dataclass(eq=False)
class Ciphertext(EncryptedValue["Evaluator"]):
    """An encryption: data (parts, level + 1, N) uint64, transformed.

    ``c_0 + c_1 s (+ c_2 s^2) = (Q / t) m + e`` modulo Q, the product of q_0 .. q_level. `noise` is
    the predicted invariant noise; it is advice, and `Decryptor.noise_budget` measures the truth.

    With an evaluator attached (`Evaluator.attach`, or any result of an evaluator) the operators
    read like NumPy's, modulo t: ``a + b``, ``a - 1``, ``3 * a``, ``a * b`` (relinearized), ``-a``,
    ``a**2``; operands are ciphertexts, plaintexts, integers, or arrays of slots.
    """

    params: BFVParameters
    data: np.ndarray
    noise: Noise
    seed: bytes | None = None
    _evaluator: Evaluator | None = field(default=None, repr=False)

    @property
    def predicted_budget(self) -> float:
        """The noise budget in bits that the noise model predicts; negative when it is gone."""
        return self.noise.budget

    def __repr__(self) -> str:
        return (
            f"Ciphertext(N={self.params.N}, t={self.params.t}, parts={self.parts}, "
            f"level={self.level}, predicted budget {self.predicted_budget:.1f} bits)"
        )

    def copy(self) -> Ciphertext:
        """An independent copy, with the same evaluator."""
        return Ciphertext(self.params, self.data.copy(), self.noise, self.seed, self._evaluator)

    def rotate_rows(self, steps: int) -> Ciphertext:
        """Both rows of slots rotated left by `steps` (see `Evaluator.rotate_rows`)."""
        return self.evaluator.rotate_rows(self, steps)

    def rotate_columns(self) -> Ciphertext:
        """The two rows of slots swapped (see `Evaluator.rotate_columns`)."""
        return self.evaluator.rotate_columns(self)
