"""The CKKS encoder: complex or real slots to and from plaintext polynomials."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from he.ciphertext import Plaintext
from he.ckks import encoder_kernels
from he.errors import EncodingError, ParametersMismatchError
from he.galois import GENERATOR
from he.params import CKKSParameters
from he.rns import context
from he.workspace import workspace
from ntt.limbs import LimbOps

# Larger coefficients do not fit the int64 of the fast path.
_FAST_LIMIT = 2.0**62


class Encoder:
    """Slots (up to N/2 complex numbers) to polynomials and back.

    ``p(zeta^(3^i)) = scale * slots[i]`` with zeta = exp(pi i / N): the canonical embedding of CKKS
    (Cheon, Kim, Kim, Song, ASIACRYPT 2017, section 3.2), in the slot order of SEAL. Computed by one
    complex FFT of size N/2 in float64, whose relative error is below 2^-53 (3 + 5 log2(N/2)) in
    the root mean square; the rounding of coefficients adds a slot error of at most
    sqrt(N / 24) / scale (standard deviation, real part).
    """

    def __init__(self, params: CKKSParameters) -> None:
        self.params = params
        self.slots = params.slots
        self._context = context(params)
        self._index, self._conjugated, self._twist = _slot_order(params.N)
        self._twists: dict[float, np.ndarray] = {}

    def encode(
        self, values: Any, level: int | None = None, scale: float | None = None
    ) -> Plaintext:
        """Encode a scalar or up to N/2 values; missing slots are zero, a scalar fills them all.

        values: real or complex; level: default the top; scale: default the level's canonical one.
        Raises `EncodingError` for NaN, infinities, too many values, or values beyond what the
        scale and the modulus hold.
        """
        level = self.params.max_level if level is None else level
        if not 0 <= level <= self.params.max_level:
            raise EncodingError(f"level {level}: it must be from 0 to {self.params.max_level}")
        scale = self.params.scales[level] if scale is None else float(scale)
        coefficients = self.coefficients(values, scale)
        ops = self._context.q(level)
        self._check_size(coefficients, math.prod(ops.moduli), level, scale)
        return Plaintext(self.params, self.residues(coefficients, ops), scale)

    def coefficients(self, values: Any, scale: float) -> np.ndarray:
        """The real coefficients (N,) float64 of ``scale * values`` before rounding."""
        if not (math.isfinite(scale) and scale > 0):
            raise EncodingError(f"scale {scale}: it must be positive and finite")
        slots = self._slot_vector(values)
        arranged = np.empty(self.slots, dtype=slots.dtype)
        real = slots.dtype == np.float64
        arranged[self._index] = slots if real else np.where(self._conjugated, slots.conj(), slots)
        # Values beyond float64 come out infinite, and no modulus is large enough for them.
        with np.errstate(over="ignore", invalid="ignore"):
            spectrum = _real_fft(arranged) if real else np.fft.fft(arranged)
            spectrum *= self._scaled_twist(scale)
        return np.concatenate((spectrum.real, spectrum.imag))

    def residues(self, coefficients: np.ndarray, ops: LimbOps) -> np.ndarray:
        """Rounded coefficients as residues (limbs, N) of `ops`, transformed."""
        out = np.empty((len(ops.moduli), self.params.N), dtype=np.uint64)
        if np.abs(coefficients).max(initial=0) < _FAST_LIMIT:
            moduli = np.array(ops.moduli, dtype=np.uint64)
            encoder_kernels.residues_of_float(out, coefficients, moduli, _one_shoup(ops.moduli))
        else:
            exact = [int(c) for c in np.rint(coefficients)]
            for row, q in zip(out, ops.moduli, strict=True):
                row[:] = [c % q for c in exact]
        return ops.forward(out)

    def decode(self, plaintext: Plaintext) -> np.ndarray:
        """The slots (N/2,) complex128: the inverse of `encode` up to rounding."""
        if plaintext.params != self.params:
            raise ParametersMismatchError(
                f"the plaintext belongs to {plaintext.params}, the encoder to {self.params}"
            )
        ops = self._context.q(plaintext.level)
        coefficients = self._centred(plaintext.data, ops)
        coefficients /= plaintext.scale
        half = self.slots
        spectrum = (coefficients[:half] + 1j * coefficients[half:]) * self._twist.conj()
        values = np.fft.ifft(spectrum)[self._index] * half
        slots: np.ndarray = np.where(self._conjugated, values.conj(), values)
        return slots

    def decode_real(self, plaintext: Plaintext) -> np.ndarray:
        """The real parts of the slots (N/2,) float64."""
        values: np.ndarray = self.decode(plaintext).real
        return values

    def _centred(self, data: np.ndarray, ops: LimbOps) -> np.ndarray:
        """The coefficients (N,) float64 in (-Q/2, Q/2) of a transformed polynomial."""
        residues = workspace("decode", data.shape)
        np.copyto(residues, data)
        ops.inverse(residues)
        out = np.empty(self.params.N)
        moduli = np.array(ops.moduli, dtype=np.uint64)
        # Two limbs hold what is left of almost every decryption.
        if len(moduli) < 3 or not encoder_kernels.centred_values_two_limbs(
            out, residues, moduli, *_two_limb_constants(ops.moduli)
        ):
            encoder_kernels.centred_values(out, residues, moduli, *_garner_constants(ops.moduli))
        return out

    def _scaled_twist(self, scale: float) -> np.ndarray:
        """The twist times scale / (N/2); kept, since a run uses few scales."""
        if scale not in self._twists:
            self._twists[scale] = self._twist * (scale / self.slots)
        return self._twists[scale]

    def _slot_vector(self, values: Any) -> np.ndarray:
        array = np.asarray(values)
        if array.dtype.kind not in "biufc":
            raise EncodingError(f"values of type {array.dtype}: real or complex numbers are needed")
        if array.ndim > 1 or array.size > self.slots:
            raise EncodingError(
                f"values of shape {array.shape}: at most {self.slots} in one dimension fit N = "
                f"{self.params.N}"
            )
        if not np.isfinite(array).all():
            bad = int(np.flatnonzero(~np.isfinite(np.atleast_1d(array)))[0])
            raise EncodingError(f"slot {bad} is {np.atleast_1d(array)[bad]}: it must be finite")
        dtype = np.complex128 if array.dtype.kind == "c" else np.float64
        if array.ndim == 0:
            return np.full(self.slots, array, dtype=dtype)
        slots = np.zeros(self.slots, dtype=dtype)
        slots[: array.size] = array
        return slots

    def _check_size(self, coefficients: np.ndarray, Q: int, level: int, scale: float) -> None:
        largest = float(np.abs(coefficients).max(initial=0))
        if not 2 * largest < Q:
            raise EncodingError(
                f"the largest coefficient is 2^{np.log2(largest):.1f}, but level {level} holds "
                f"values below 2^{math.log2(Q) - 1:.1f} at scale 2^{math.log2(scale):.1f}: use "
                f"smaller values, a smaller scale or a higher level"
            )


def _real_fft(values: np.ndarray) -> np.ndarray:
    """The whole FFT of real values: half of it, and its mirror image."""
    half = np.fft.rfft(values)
    out = np.empty(values.size, dtype=np.complex128)
    out[: half.size] = half
    np.conjugate(half[1 : values.size - half.size + 1][::-1], out=out[half.size :])
    return out


@functools.lru_cache(maxsize=8)
def _slot_order(N: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where slot i stands among the roots zeta^(4k + 1), whether conjugated, and zeta^-j."""
    exponents = np.empty(N // 2, dtype=np.int64)
    power = 1
    for i in range(N // 2):
        exponents[i] = power
        power = power * GENERATOR % (2 * N)
    conjugated = exponents % 4 == 3
    index = np.where(conjugated, 2 * N - exponents, exponents) // 4
    twist = np.exp(-1j * np.pi * np.arange(N // 2) / N)
    return index, conjugated, twist


@functools.lru_cache(maxsize=256)
def _one_shoup(moduli: tuple[int, ...]) -> np.ndarray:
    return np.array([(1 << 64) // q for q in moduli], dtype=np.uint64)


@functools.lru_cache(maxsize=256)
def _two_limb_constants(moduli: tuple[int, ...]) -> tuple[Any, ...]:
    q0, q1 = moduli[:2]
    inverse = pow(q0, -1, q1)
    q0_mod = [[q0 % q for q in moduli], [(q0 % q << 64) // q for q in moduli]]
    return (
        np.uint64(inverse),
        np.uint64((inverse << 64) // q1),
        _one_shoup(moduli),
        np.array(q0_mod, dtype=np.uint64),
    )


@functools.lru_cache(maxsize=256)
def _garner_constants(moduli: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    count = len(moduli)
    rest = math.prod(moduli) // 2
    half = np.empty(count, dtype=np.uint64)
    for k, q in enumerate(moduli):
        rest, half[k] = divmod(rest, q)
    inverses = np.zeros((count, count), dtype=np.uint64)
    shoup = np.zeros((count, count), dtype=np.uint64)
    for k, q in enumerate(moduli):
        for j in range(k):
            inverse = pow(moduli[j], -1, q)
            inverses[k, j], shoup[k, j] = inverse, (inverse << 64) // q
    products = [math.prod(moduli[:k]) for k in range(count)]
    weights = np.array([float(p) if p.bit_length() < 1023 else math.inf for p in products])
    return half, inverses, shoup, weights
