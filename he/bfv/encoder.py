"""The encoders of the BFV scheme: integers modulo t to plaintext polynomials and back."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from he.bfv.ciphertext import Plaintext
from he.bfv.params import BFVParameters
from he.errors import BatchingError, EncodingError
from he.rlwe.array_checks import array_of
from he.rlwe.galois import GENERATOR
from he.rlwe.operand_checks import check_owner
from he.validation import instance
from ntt.kernels import KernelModule
from ntt.limbs import LimbOps
from ntt.memory import large_array, large_copy
from ntt.tables import NTTTables, bit_reversal

_kernels = KernelModule("he.bfv.kernels")


class CoefficientEncoder:
    """Up to N integers as the coefficients of a polynomial, for any plain modulus.

    Sums act on coefficients; products are those of polynomials modulo x^N + 1.
    """

    def __init__(self, params: BFVParameters) -> None:
        self.params = instance(params, BFVParameters, "the parameter set of an encoder")

    def encode(self, values: Any) -> Plaintext:
        """values: an integer (the constant coefficient), or (k,) integers, k <= N.

        Integers from -(t - 1) to t - 1 stand for their residues. Raises `EncodingError` for
        others, for other types and for too many values.
        """
        order = np.arange(self.params.N)
        coefficients = residues(self.params, np.atleast_1d(array_of(values)), order)
        return Plaintext.unchecked(params=self.params, data=coefficients)

    def decode(self, plaintext: Plaintext) -> np.ndarray:
        """The N coefficients, int64 in [-t/2, t/2)."""
        return _centred(_owned(plaintext, self.params), self.params.t)


class BatchEncoder:
    """Up to N integers modulo t, one a slot: sums and products act on each.

    The slots are a matrix of two rows of N/2. Slot i of the first row is the evaluation at
    zeta^(3^i), of the second at zeta^(-3^i), zeta the smallest primitive 2N-th root modulo t: the
    order of SEAL. Raises `BatchingError` unless t is a prime = 1 mod 2N.
    """

    def __init__(self, params: BFVParameters) -> None:
        instance(params, BFVParameters, "the parameter set of an encoder")
        if not params.batches:
            raise BatchingError(
                f"plain modulus {params.t} has no slots: it must be a prime that is 1 modulo 2N = "
                f"{2 * params.N}; build parameters with plain_bits, or use CoefficientEncoder"
            )
        self.params = params
        self.slots = params.N
        self._ops = LimbOps(_plain_tables(params.N, params.t), np.zeros(1, dtype=np.int64))
        self._index = _slot_order(params.N)

    def encode(self, values: Any) -> Plaintext:
        """values: an integer for every slot; (k,) integers, k <= N, in order of slots; or a
        matrix (2, k), k <= N/2. Missing slots are zero.

        Integers from -(t - 1) to t - 1 stand for their residues. Raises `EncodingError` for
        others, for other types and for too many values.
        """
        array = array_of(values)
        position = self._index
        if array.ndim == 0:
            array = np.broadcast_to(array, (self.slots,))
        elif array.ndim == 2:
            array, position = self._matrix(array)
        coefficients = residues(self.params, array, position)
        self._ops.inverse(coefficients[None, :])
        return Plaintext.unchecked(params=self.params, data=coefficients)

    def decode(self, plaintext: Plaintext) -> np.ndarray:
        """The N slots, int64 in [-t/2, t/2); ``.reshape(2, -1)`` is the matrix."""
        return _centred(self.decode_residues(plaintext), self.params.t)

    def decode_residues(self, plaintext: Plaintext) -> np.ndarray:
        """The N slots, uint64 in [0, t)."""
        evaluations = large_copy(_owned(plaintext, self.params))
        self._ops.forward(evaluations[None, :])
        slots: np.ndarray = evaluations[self._index]
        return slots

    def _matrix(self, array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values in one row, and where they and the missing ones stand."""
        half, width = self.slots // 2, array.shape[1]
        if array.shape[0] != 2 or width > half:
            raise EncodingError(
                f"a matrix of shape {array.shape}: the slots are 2 rows of {half} at N = "
                f"{self.slots}"
            )
        rows = self._index.reshape(2, half)
        position = np.concatenate((rows[:, :width].ravel(), rows[:, width:].ravel()))
        return array.reshape(-1), position


def residues(params: BFVParameters, array: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Integers in (-t, t) as residues, array[i] at position[i] and 0 at the others: uint64 (N,)."""
    if array.dtype.kind not in "biu":
        raise EncodingError(f"values of type {array.dtype}: integers of 64 bits are needed")
    if array.ndim != 1 or array.size > params.N:
        raise EncodingError(
            f"values of shape {array.shape}: at most {params.N} fit N = {params.N}"
        )
    if array.dtype.kind == "u" and array.size and int(array.max()) >= params.t:
        raise _too_large(int(array.max()), params.t)
    out = large_array((params.N,))
    signed = np.ascontiguousarray(array, dtype=np.int64)
    bounds = _kernels.scatter_residues(out, signed, position, np.int64(params.t))
    smallest, largest = (int(bound) for bound in bounds)
    if smallest <= -params.t or largest >= params.t:
        raise _too_large(smallest if smallest <= -params.t else largest, params.t)
    return out


def _too_large(value: int, t: int) -> EncodingError:
    return EncodingError(
        f"the value {value} does not fit the plain modulus {t}: values must be from {1 - t} to "
        f"{t - 1}; reduce them, or build parameters with more plain_bits"
    )


def _owned(plaintext: Plaintext, params: BFVParameters) -> np.ndarray:
    check_owner(params, plaintext, Plaintext, "encoder")
    return plaintext.data


def _centred(values: np.ndarray, t: int) -> np.ndarray:
    signed = values.astype(np.int64)
    signed -= np.where(values >= np.uint64(t - t // 2), np.int64(t), np.int64(0))
    return signed


@functools.lru_cache(maxsize=16)
def _plain_tables(N: int, t: int) -> NTTTables:
    return NTTTables(N, (t,))


@functools.lru_cache(maxsize=8)
def _slot_order(N: int) -> np.ndarray:
    """Where slot i stands in the transform: int64 (N,)."""
    powers = np.empty(N // 2, dtype=np.int64)
    power = 1
    for i in range(N // 2):
        powers[i] = power
        power = power * GENERATOR % (2 * N)
    exponents = np.concatenate((powers, 2 * N - powers))
    index: np.ndarray = bit_reversal(N)[(exponents - 1) // 2]
    return index
