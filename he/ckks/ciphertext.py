"""Plaintext and Ciphertext: residues in the transformed domain, with their level and scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from he.ckks.params import CKKSParameters
from he.rlwe.encrypted_value import EncryptedValue
from he.rlwe.serializable import Serializable

if TYPE_CHECKING:
    from he.ckks.evaluator import Evaluator


@dataclass(eq=False)
class Plaintext(Serializable):
    """An encoded vector: residues (level + 1, N) uint64, transformed, at `scale`."""

    params: CKKSParameters
    data: np.ndarray
    scale: float

    @property
    def level(self) -> int:
        """Index of the last limb of Q."""
        return int(self.data.shape[-2]) - 1

    def __repr__(self) -> str:
        return f"Plaintext(N={self.params.N}, level={self.level}, scale={self.scale:.6g})"


@dataclass(eq=False)
class Ciphertext(EncryptedValue["Evaluator"]):
    """An encryption: data (parts, level + 1, N) uint64, transformed, at `scale`.

    Ciphertexts are values: their data is never changed in place. seed: the 32 bytes that c_1 is the
    expansion of, for fresh symmetric encryptions, and None otherwise.

    It decrypts to c_0 + c_1 s (+ c_2 s^2 for the three parts of an unrelinearized product), which
    is scale times the encoded slots plus noise.

    With an evaluator attached (`Evaluator.attach`, or any result of an evaluator) the operators
    read like NumPy: ``a + b``, ``a - 1``, ``2 * a``, ``a * b`` (relinearized and rescaled),
    ``-a``, ``a**2``; operands are ciphertexts, plaintexts, scalars, or arrays of slots.
    """

    params: CKKSParameters
    data: np.ndarray
    scale: float
    seed: bytes | None = None
    _evaluator: Evaluator | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return (
            f"Ciphertext(N={self.params.N}, parts={self.parts}, level={self.level}, "
            f"scale={self.scale:.6g})"
        )

    def copy(self) -> Ciphertext:
        """An independent copy, with the same evaluator."""
        return Ciphertext(self.params, self.data.copy(), self.scale, self.seed, self._evaluator)

    def rotate(self, steps: int) -> Ciphertext:
        """Slots rotated left by `steps` (see `Evaluator.rotate`)."""
        return self.evaluator.rotate(self, steps)

    def conjugate(self) -> Ciphertext:
        """Every slot conjugated (see `Evaluator.conjugate`)."""
        return self.evaluator.conjugate(self)
