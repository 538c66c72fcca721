"""The CKKS encoder: complex or real slots to and from plaintext polynomials."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from he.ckks.ciphertext import Plaintext
from he.ckks.encoding.embedding import SCRATCH as EMBEDDING_SCRATCH
from he.ckks.encoding.embedding import Embedding, embedding
from he.ckks.encoding.lifting import SCRATCH as LIFTING_SCRATCH
from he.ckks.encoding.lifting import CentredCoefficients
from he.ckks.encoding.rounding import largest_magnitude, rounded_residues
from he.ckks.params import CKKSParameters
from he.ckks.scales import check_scale
from he.errors import EncodingError, ParameterError
from he.rlwe.array_checks import array_of, check_array
from he.rlwe.operand_checks import check_owner
from he.rlwe.rns import context
from he.validation import instance, real_number, shown, whole_number
from ntt.limbs import LimbOps
from ntt.workspace import wipe

_FLOAT64 = np.dtype(np.float64)


class Encoder:
    """Slots (up to N/2 complex numbers) to polynomials and back.

    ``p(zeta^(3^i)) = scale * slots[i]`` with zeta = exp(pi i / N): the canonical embedding of CKKS
    (Cheon, Kim, Kim, Song, ASIACRYPT 2017, section 3.2), in the slot order of SEAL. Computed by one
    FFT in float64, whose relative error is below 2^-53 (3 + 5 log2(N/2)) in the root mean square;
    the rounding of coefficients adds a slot error of at most sqrt(N / 24) / scale (standard
    deviation, real part).
    """

    def __init__(self, params: CKKSParameters) -> None:
        self.params = instance(params, CKKSParameters, "the parameter set of an encoder")
        self.slots = params.slots
        self._context = context(params)
        self._embedding = embedding(params.N)
        self._lift = CentredCoefficients(self._context)
        self._Q = [params.modulus(level) for level in range(params.max_level + 1)]

    def encode(
        self, values: Any, level: int | None = None, scale: float | None = None
    ) -> Plaintext:
        """Encode a scalar or up to N/2 values; missing slots are zero, a scalar fills them all.

        values: real or complex; level: default the top; scale: default the level's canonical one.
        Raises `EncodingError` for NaN, infinities, too many values, or values beyond what the
        scale and the modulus hold.
        """
        level = self.params.max_level if level is None else whole_number(level, "level")
        if not 0 <= level <= self.params.max_level:
            raise EncodingError(f"level {level}: it must be from 0 to {self.params.max_level}")
        scale = self.params.scales[level] if scale is None else _checked_scale(scale)
        check_scale(self.params, level, scale, "the plaintext")
        residues = self.residues(self.coefficients(values, scale), level, self._context.q(level))
        return Plaintext.unchecked(params=self.params, data=residues, scale=scale, level=level)

    def coefficients(self, values: Any, scale: float) -> np.ndarray:
        """The real coefficients (N,) float64 of ``scale * values`` before rounding."""
        return finite_coefficients(
            self._embedding, self._slot_vector(values), _checked_scale(scale)
        )

    def residues(
        self, coefficients: np.ndarray, level: int, ops: LimbOps, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Rounded coefficients (N,) as residues (limbs, N) of `ops`, transformed, N that of `ops`.

        out: where they go, by default new memory.

        Raises `EncodingError` for coefficients beyond float64, or that Q at `level` does not hold.
        """
        instance(ops, LimbOps, "the kernels")
        check_array(coefficients, (ops.tables.N,), "coefficients", _FLOAT64)
        if out is not None:
            check_array(out, (len(ops.moduli), ops.tables.N), "out")
        return rounded_residues(coefficients, self.checked_largest(coefficients, level), ops, out)

    def checked_largest(self, coefficients: np.ndarray, level: int) -> float:
        """The largest magnitude of coefficients, contiguous float64.

        Raises `EncodingError` for coefficients beyond float64, or that Q at `level` does not hold.
        """
        shape = instance(coefficients, np.ndarray, "the coefficients").shape
        check_array(coefficients, shape, "coefficients", _FLOAT64)
        level = whole_number(level, "level", 0, self.params.max_level)
        largest = largest_magnitude(coefficients.reshape(-1))
        if not 2 * largest < self._Q[level]:
            raise EncodingError(
                f"the largest coefficient is 2^{np.log2(largest):.1f}, but level {level} holds "
                f"values below 2^{math.log2(self._Q[level]) - 1:.1f}: "
                f"use smaller values, a smaller scale or a higher level"
            )
        return largest

    def decode(self, plaintext: Plaintext) -> np.ndarray:
        """The slots (N/2,) complex128: the inverse of `encode` up to rounding."""
        return self._decoded(plaintext, self._embedding.slots)

    def decode_real(self, plaintext: Plaintext) -> np.ndarray:
        """The real parts of the slots (N/2,) float64."""
        return self._decoded(plaintext, self._embedding.real_slots)

    def _decoded(
        self, plaintext: Plaintext, slots: Callable[[np.ndarray, float], np.ndarray]
    ) -> np.ndarray:
        """The slots, and nothing in scratch memory: a decryption gives the secret away."""
        try:
            return slots(self._values(plaintext), 1 / plaintext.scale)
        finally:
            wipe(LIFTING_SCRATCH, EMBEDDING_SCRATCH)

    def _values(self, plaintext: Plaintext) -> np.ndarray:
        check_owner(self.params, plaintext, Plaintext, "encoder")
        return self._lift(plaintext.data, plaintext.level)

    def _slot_vector(self, values: Any) -> np.ndarray:
        """The values (N/2,), float64 or complex128, as the kernels take them; maybe no copy."""
        array = array_of(values)
        if array.dtype.kind not in "biufc":
            raise EncodingError(
                f"values {shown(values)} have the type {array.dtype}: real or complex numbers are "
                f"needed"
            )
        if array.ndim > 1 or array.size > self.slots:
            raise EncodingError(
                f"values of shape {array.shape}: at most {self.slots} in one dimension fit N = "
                f"{self.params.N}"
            )
        dtype = np.complex128 if array.dtype.kind == "c" else np.float64
        if array.size == self.slots and array.dtype == dtype and array.flags.carray:
            return array
        if array.ndim == 0:
            return np.full(self.slots, array, dtype=dtype)
        slots = np.zeros(self.slots, dtype=dtype)
        slots[: array.size] = array
        return slots


def finite_coefficients(embed: Embedding, slots: np.ndarray, scale: float) -> np.ndarray:
    """The coefficients of an embedding; raises `EncodingError` for slots that are not finite."""
    coefficients = embed.coefficients(slots, scale)
    # The mean of all slots: where one of them is not finite, neither is this.
    if not math.isfinite(coefficients[0]) and not np.isfinite(slots).all():
        bad = int(np.flatnonzero(~np.isfinite(slots))[0])
        raise EncodingError(f"slot {bad} is {slots[bad]}: it must be finite")
    return coefficients


def _checked_scale(scale: object) -> float:
    try:
        number = real_number(scale, "scale")
    except ParameterError as error:
        raise EncodingError(str(error)) from error
    if number <= 0:
        raise EncodingError(f"scale {number}: it must be positive and finite")
    return number
