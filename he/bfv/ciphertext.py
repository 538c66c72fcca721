"""Plaintext and Ciphertext of the BFV scheme."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol, Self

import numpy as np

from he.bfv.noise import Noise
from he.bfv.params import BFVParameters
from he.errors import CorruptBytesError, UnsupportedOperationError
from he.format.container import Contents, checked_values
from he.format.residue_packing import pack_residues
from he.rlwe.array_checks import check_array, check_below, check_polynomials
from he.rlwe.encrypted_value import EncryptedValue, Operations, read_parts
from he.rlwe.owned_object import OwnedObject
from he.rlwe.seeded import checked_seed
from he.rlwe.serializable import Encoded
from he.rlwe.unchecked import Unchecked
from he.validation import instance, real_number

# No ciphertext of the largest parameters has noise outside, in bits.
_NOISE_BITS, _NOISE_DEGREE = 8192.0, 64


@dataclass(frozen=True, eq=False)
class Plaintext(OwnedObject):
    """A polynomial modulo t: its coefficients (N,) uint64 in [0, t), read-only.

    Raises `ParameterError` for another array or coefficients beyond t.
    """

    kind = "bfv plaintext"

    params: BFVParameters
    data: np.ndarray

    def __post_init__(self) -> None:
        params = instance(self.params, BFVParameters, "the parameter set of a plaintext")
        check_array(self.data, (params.N,), "a plaintext")
        check_below(self.data, (params.t,), "a plaintext")
        self.data.setflags(write=False)

    def __repr__(self) -> str:
        return f"Plaintext(N={self.params.N}, t={self.params.t})"

    def _encoded(self) -> Encoded:
        return {}, {"0": pack_residues(self.data[None, :], [self.params.t])}

    @classmethod
    def _decoded(cls, contents: Contents, params: BFVParameters) -> Self:
        contents.check_sections(["0"])
        residues = contents.residues("0", [params.t], (1, params.N))
        return cls.unchecked(params=params, data=residues[0])


@dataclass(frozen=True, eq=False)
class PlainFactor(Unchecked):
    """A plaintext made ready for products at one level and below.

    data (level + 1, N): the centred coefficients, transformed, read-only; norm_bits: log2 of the
    largest absolute value of its embeddings. `Evaluator.factor` makes
    it. Made by hand it raises as `Plaintext`.
    """

    params: BFVParameters
    data: np.ndarray = field(repr=False)
    norm_bits: float

    def __post_init__(self) -> None:
        params = instance(self.params, BFVParameters, "the parameter set of a factor")
        check_polynomials(params, self.data, (), "a factor")
        check_below(self.data, params.q[: self.level + 1], "a factor")
        object.__setattr__(self, "norm_bits", real_number(self.norm_bits, "norm_bits", 0))
        self.data.setflags(write=False)

    @property
    def level(self) -> int:
        """Index of the last limb of Q."""
        return int(self.data.shape[-2]) - 1


class RowOperations(Operations["Ciphertext"], Protocol):
    """What a ciphertext asks of the evaluator that is attached to it."""

    def rotate_rows(self, a: Ciphertext, steps: int) -> Ciphertext:
        """Both rows of slots rotated left by `steps`."""

    def rotate_columns(self, a: Ciphertext) -> Ciphertext:
        """The two rows of slots swapped."""


@dataclass(frozen=True, eq=False)
class Ciphertext(EncryptedValue[RowOperations]):
    """An encryption: data (parts, level + 1, N) uint64, transformed, read-only.

    ``c_0 + c_1 s (+ c_2 s^2) = (Q / t) m + e`` modulo Q, the product of q_0 .. q_level. `noise` is
    the predicted invariant noise; it is advice, and `Decryptor.noise_budget` measures the truth.

    With an evaluator attached (`Evaluator.attach`, or any result of an evaluator) the operators
    read like NumPy's, modulo t: ``a + b``, ``a - 1``, ``3 * a``, ``a * b`` (relinearized), ``-a``,
    ``a**2``; operands are ciphertexts, plaintexts, integers, or arrays of slots. A division has no
    meaning modulo t and is refused.

    Made by hand it raises `ParameterError` for another array, residues beyond their moduli or a
    seed that does not expand to c_1.
    """

    kind = "bfv ciphertext"

    params: BFVParameters
    data: np.ndarray
    noise: Noise
    seed: bytes | None = None
    _evaluator: RowOperations | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._check(BFVParameters)
        instance(self.noise, Noise, "the noise of a ciphertext")

    def __truediv__(self, other: Any) -> NoReturn:
        raise UnsupportedOperationError(
            "BFV computes modulo t, where no quotient is rounded: multiply by the inverse, "
            "pow(b, -1, t), or use CKKS"
        )

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
        return copy.deepcopy(self)

    def rotate_rows(self, steps: int) -> Ciphertext:
        """Both rows of slots rotated left by `steps` (see `Evaluator.rotate_rows`)."""
        return self.evaluator.rotate_rows(self, steps)

    def rotate_columns(self) -> Ciphertext:
        """The two rows of slots swapped (see `Evaluator.rotate_columns`)."""
        return self.evaluator.rotate_columns(self)

    def _encoded(self) -> Encoded:
        noise, seed = self.noise, self.seed or b""
        item = [self.level, self.parts, noise.bits, noise.degree, seed]
        return {"item": item}, {"0": self._packed()}

    @classmethod
    def _decoded(cls, contents: Contents, params: BFVParameters) -> Self:
        contents.check_sections(["0"])
        level, parts, bits, degree, stored_seed = checked_values(
            contents.header.get("item"), "a ciphertext", int, int, float, int, bytes
        )
        seed = checked_seed(stored_seed)
        if not (math.isfinite(bits) and abs(bits) <= _NOISE_BITS and 0 <= degree <= _NOISE_DEGREE):
            raise CorruptBytesError(f"noise of {bits} bits and degree {degree}: it is out of range")
        data = read_parts(contents, "0", params, level, parts, seed)
        noise = Noise(bits, degree)
        return cls.unchecked(params=params, data=data, noise=noise, seed=seed, _evaluator=None)
