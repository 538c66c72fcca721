"""The only place where keys are made."""

from __future__ import annotations

import os

import numpy as np

from he import galois, rns_kernels, sampling
from he.errors import ParameterError, ParametersMismatchError
from he.keys import EvaluationKeys, KeyNeeds, KeySwitchingKey, PublicKey, SecretKey
from he.params import CKKSParameters
from he.rns import context
from he.sampling import RandomStream
from he.seeded import PUBLIC_KEY, digit_label, uniform_from_seed
from ntt.limbs import LimbOps, Scalars


def error_polynomial(stream: RandomStream, params: CKKSParameters, ops: LimbOps) -> np.ndarray:
    """A fresh Gaussian error (limbs, N), transformed."""
    values = sampling.gaussian(stream, params.N, params.sigma)
    out = np.empty((len(ops.moduli), params.N), dtype=np.uint64)
    rns_kernels.residues_of_small(out, values, np.array(ops.moduli, dtype=np.uint64))
    return ops.forward(out)


class KeyGenerator:
    """Makes keys for one parameter set.

    seed: 32 bytes that replace the operating system's randomness, for tests only; keys made from a
    known seed protect nothing.
    """

    def __init__(self, params: CKKSParameters, *, seed: bytes | None = None) -> None:
        self.params = params
        self._context = context(params)
        self._stream = (
            RandomStream.from_os()
            if seed is None
            else RandomStream.from_seed(seed, "key generator for tests")
        )
        self._reproducible = seed is not None

    def secret_key(self) -> SecretKey:
        """A fresh uniform ternary secret."""
        return SecretKey(self.params, sampling.ternary(self._stream, self.params.N))

    def public_key(self, secret: SecretKey) -> PublicKey:
        """(-a s + e, a) in QP at the top level, a uniform from a public seed."""
        self._check(secret)
        ops = self._context.qp(self.params.max_level)
        seed = self._public_seed()
        data = np.empty((2, len(ops.moduli), self.params.N), dtype=np.uint64)
        data[1] = uniform_from_seed(seed, PUBLIC_KEY, ops)
        self._mask(data, secret.transformed, ops)
        return PublicKey(self.params, data, seed)

    def relinearization_key(self, secret: SecretKey, level: int | None = None) -> KeySwitchingKey:
        """The key that carries s^2 to s at `level` (default: the top) and below."""
        self._check(secret)
        level = self.params.max_level if level is None else level
        ops = self._ops(level)
        s = self._restrict(secret.transformed, level)
        return self._switching_key(ops.multiply(np.empty_like(s), s, s), s, level, 0)

    def galois_key(
        self, secret: SecretKey, element: int, level: int | None = None
    ) -> KeySwitchingKey:
        """The key of a Galois element at `level` (default: the top) and below."""
        self._check(secret)
        level = self.params.max_level if level is None else level
        self._ops(level)
        N = self.params.N
        preimage = galois.permutation(pow(element, -1, 2 * N), N)
        s = self._restrict(secret.transformed, level)
        target = np.empty_like(s)
        rns_kernels.permute(target, s, preimage, 0, len(s))
        return self._switching_key(s, target, level, element)

    def evaluation_keys(self, secret: SecretKey, needs: KeyNeeds) -> EvaluationKeys:
        """Every key that `needs` names, each at the level named and no higher."""
        relinearization = None
        if needs.relinearization is not None:
            relinearization = self.relinearization_key(secret, needs.relinearization)
        rotations = {e: self.galois_key(secret, e, lv) for e, lv in needs.galois.items()}
        return EvaluationKeys(self.params, relinearization, rotations)

    # ------------------------------------------------------------ parts

    def _switching_key(
        self, source: np.ndarray, target: np.ndarray, level: int, element: int
    ) -> KeySwitchingKey:
        """Encryptions of P (Q/D_j) [(Q/D_j)^-1]_{D_j} source under target, one a digit."""
        ops = self._ops(level)
        seed = self._public_seed()
        digits = self.params.digit_rows(level)
        shape = (len(digits), 2, len(ops.moduli), self.params.N)
        data = np.empty(shape, dtype=np.uint64)
        for j, rows in enumerate(digits):
            data[j, 1] = uniform_from_seed(seed, digit_label(j), ops)
            self._mask(data[j], target, ops)
            # The gadget factor is P modulo the digit's own primes, and 0 modulo all others.
            own = slice(rows.start, rows.stop)
            digit_ops = self._context.limbs(tuple(rows))
            scaled = digit_ops.multiply_scalar(
                np.empty_like(source[own]), source[own], self._special(rows)
            )
            digit_ops.add(data[j, 0, own], data[j, 0, own], scaled)
        return KeySwitchingKey(self.params, level, element, data, seed)

    def _special(self, rows: range) -> Scalars:
        moduli = self._context.limbs(tuple(rows)).moduli
        return Scalars([self._context.P] * len(moduli), moduli)

    def _mask(self, pair: np.ndarray, secret: np.ndarray, ops: LimbOps) -> None:
        """pair[0] = e - pair[1] secret."""
        ops.multiply(pair[0], pair[1], secret)
        ops.subtract(pair[0], error_polynomial(self._stream, self.params, ops), pair[0])

    def _restrict(self, transformed: np.ndarray, level: int) -> np.ndarray:
        return np.ascontiguousarray(transformed[list(self._context.qp_rows(level))])

    def _ops(self, level: int) -> LimbOps:
        if not 0 <= level <= self.params.max_level:
            raise ParameterError(
                f"key level {level}: it must be from 0 to {self.params.max_level}"
            )
        return self._context.qp(level)

    def _public_seed(self) -> bytes:
        return self._stream.bytes(32) if self._reproducible else os.urandom(32)

    def _check(self, secret: SecretKey) -> None:
        if secret.params != self.params:
            raise ParametersMismatchError(
                f"the secret key belongs to {secret.params}, the key generator to {self.params}"
            )
