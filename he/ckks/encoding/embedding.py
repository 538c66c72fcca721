"""The canonical embedding of the power-of-two cyclotomic ring, in float64.

``p(zeta^(3^i)) = slots[i]`` with zeta = exp(pi i / N) for real polynomials p of degree below N
(Cheon, Kim, Kim, Song, ASIACRYPT 2017, section 3.2), in the slot order of SEAL. The error of either
direction, in the root mean square and relative to that of the result, is below
2^-53 (3 + 5 log2(N/2)).
"""

from __future__ import annotations

import functools
from typing import Protocol

import numpy as np

from he.ckks.encoding import fft
from he.rlwe.galois import GENERATOR
from ntt.cpu import cpu_features
from ntt.kernels import KernelModule
from ntt.workspace import workspace

_kernels = KernelModule("he.ckks.encoding.embedding_kernels")

SCRATCH = "embedding"
"""Name of the scratch memory that holds slots and what they are computed from."""


class Embedding(Protocol):
    """Slots (N/2,), float64 or complex128, to coefficients (N,) float64 and back.

    Every result is multiplied by `scale`; inputs are contiguous and stay as they are. Real slots
    make a polynomial p(X) = p(1/X), to the bit: p_(N - j) = -p_j and p_(N/2) = 0.
    """

    def coefficients(self, slots: np.ndarray, scale: float) -> np.ndarray:
        """The coefficients of the polynomial with these slots, float64 (N,)."""

    def slots(self, coefficients: np.ndarray, scale: float) -> np.ndarray:
        """The slots of the polynomial with these coefficients, complex128 (N/2,)."""

    def real_slots(self, coefficients: np.ndarray, scale: float) -> np.ndarray:
        """The real parts of the slots, float64 (N/2,)."""


@functools.lru_cache(maxsize=16)
def embedding(N: int) -> Embedding:
    """The embedding of ring degree N: on vectors where N and the CPU allow it."""
    return VectorEmbedding(N) if _on_vectors(N) else PlainEmbedding(N)


def _on_vectors(N: int) -> bool:
    # Without a fused multiply-add the vectors would be taken apart.
    return 4 * fft.min_length() <= N and "fma" in cpu_features()


def embedded_period(N: int, period: int) -> int:
    """The least multiple of `period`, a power of two, that slots can be embedded at.

    Slots that repeat with a period p are a polynomial in X^g, g = N / (2 p). Its coefficients are
    those of ``embedding(2 p)`` bit for bit, so that they need not be computed in the large ring:
    `VectorEmbedding` begins with sums of g equal numbers and differences that are 0, both exact,
    and goes on as that of degree 2 p, with the same roots (docs/bounds.md).
    """
    return max(period, 2 * fft.min_length()) if _on_vectors(N) else N // 2


class PlainEmbedding(Embedding):
    """The embedding by NumPy's FFT."""

    def __init__(self, N: int) -> None:
        self._index, self._conjugated = _slot_order(N)
        self._twist = np.exp(-1j * np.pi * np.arange(N // 2) / N)

    def coefficients(self, slots: np.ndarray, scale: float) -> np.ndarray:
        arranged = np.empty(slots.size, dtype=np.complex128)
        arranged[self._index] = np.where(self._conjugated, slots.conj(), slots)
        # Slots beyond float64 come out infinite.
        with np.errstate(over="ignore", invalid="ignore"):
            spectrum = np.fft.fft(arranged) * (self._twist * (scale / slots.size))
        if slots.dtype == np.float64:
            spectrum.imag[0] = 0.0
            spectrum.imag[1:] = -spectrum.real[:0:-1]
        return np.concatenate((spectrum.real, spectrum.imag))

    def slots(self, coefficients: np.ndarray, scale: float) -> np.ndarray:
        half = coefficients.size // 2
        spectrum = coefficients[:half] + 1j * coefficients[half:]
        spectrum *= self._twist.conj() * (scale * half)
        values = np.fft.ifft(spectrum)[self._index]
        slots: np.ndarray = np.where(self._conjugated, values.conj(), values)
        return slots

    def real_slots(self, coefficients: np.ndarray, scale: float) -> np.ndarray:
        real: np.ndarray = self.slots(coefficients, scale).real.copy()
        return real


class VectorEmbedding(Embedding):
    """The embedding by this package's FFT kernels; needs N >= 4 `fft.min_length()`."""

    def __init__(self, N: int) -> None:
        n = self._half = N // 2
        index, conjugated = _slot_order(N)
        slot_at = np.empty(n, dtype=np.int64)
        slot_at[index] = np.arange(n)

        # Real slots: half as many complex numbers, element t is y_(2 t) + i y_(2 t + 1).
        order = fft.interleaved_order(n // 2)
        gather = slot_at[np.concatenate((2 * order, 2 * order + 1))]
        # The way back has its rows, real and imaginary parts, swapped.
        scatter = np.argsort(np.roll(gather, n // 2))
        ends = np.arange(n // 4 + 1)
        w_ends = fft.roots(np.stack((ends, 5 * ends)), 2 * N).swapaxes(0, 1)
        self._real = *fft.twiddles(n // 2), np.ascontiguousarray(w_ends)
        self._gather_real, self._scatter_real = _narrow(gather), _narrow(scatter)

        # Complex slots: parts in turn in memory, a conjugated one with its index inverted.
        order = fft.interleaved_order(n)
        slots = slot_at[order]
        imaginary = np.where(conjugated[slots], ~(2 * slots + 1), 2 * slots + 1)
        place = np.empty(n, dtype=np.int64)
        place[slots] = np.arange(n)
        back = np.stack((n + place, np.where(conjugated, ~place, place)), axis=1)
        self._complex = *fft.twiddles(n), fft.roots(np.arange(n), 2 * N)
        self._gather = _narrow(np.concatenate((2 * slots, imaginary)))
        self._scatter = _narrow(back.ravel())

    def coefficients(self, slots: np.ndarray, scale: float) -> np.ndarray:
        n = self._half
        out = np.empty(2 * n)
        if slots.dtype == np.float64:
            x, spectrum = _scratch(n // 2)
            _kernels.coefficients_of_real(
                out, slots, scale / n, self._gather_real, x, spectrum, *self._real
            )
        else:
            x, spectrum = _scratch(n)
            _kernels.coefficients_of_complex(
                out, slots.view(np.float64), scale / n, self._gather, x, spectrum, *self._complex
            )
        return out

    def slots(self, coefficients: np.ndarray, scale: float) -> np.ndarray:
        out = np.empty(self._half, dtype=np.complex128)
        x, spectrum = _scratch(self._half)
        _kernels.complex_of_coefficients(
            out.view(np.float64), coefficients, scale, self._scatter, x, spectrum, *self._complex
        )
        return out

    def real_slots(self, coefficients: np.ndarray, scale: float) -> np.ndarray:
        out = np.empty(self._half)
        x, spectrum = _scratch(self._half // 2)
        _kernels.real_of_coefficients(
            out, coefficients, scale, self._scatter_real, x, spectrum, *self._real
        )
        return out


def _scratch(length: int) -> np.ndarray:
    """Two complex arrays (2, length) of this thread."""
    return workspace(SCRATCH, (2, 2, length)).view(np.float64)


def _narrow(index: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(index, dtype=np.int32)


def _slot_order(N: int) -> tuple[np.ndarray, np.ndarray]:
    """Where slot i stands among the roots zeta^(4k + 1), and whether conjugated."""
    exponents = np.empty(N // 2, dtype=np.int64)
    power = 1
    for i in range(N // 2):
        exponents[i] = power
        power = power * GENERATOR % (2 * N)
    conjugated = exponents % 4 == 3
    return np.where(conjugated, 2 * N - exponents, exponents) // 4, conjugated
