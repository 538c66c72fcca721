"""Encryptor and Decryptor."""

from __future__ import annotations

import os

import numpy as np

from he import sampling
from he.ciphertext import Ciphertext, Plaintext
from he.errors import MissingKeyError, ParametersMismatchError
from he.keygen import error_polynomial, small_polynomial
from he.keys import PublicKey, SecretKey
from he.params import CKKSParameters
from he.rns import context
from he.sampling import RandomStream
from he.seeded import CIPHERTEXT, uniform_from_seed
from he.workspace import workspace


class Encryptor:
    """Encrypts plaintexts, with a public key or (smaller, less noise) with the secret key.

    With a secret key the result is seeded: c_1 is a seed's expansion, and bytes hold the seed
    alone. Raises `MissingKeyError` without any key, `ParametersMismatchError` for a foreign one.
    seed: 32 bytes in place of the operating system's randomness, for tests only.
    """

    def __init__(
        self,
        params: CKKSParameters,
        key: PublicKey | SecretKey,
        *,
        seed: bytes | None = None,
    ) -> None:
        if not isinstance(key, PublicKey | SecretKey):
            raise MissingKeyError(
                f"an Encryptor needs a PublicKey or a SecretKey, not {type(key).__name__}"
            )
        if key.params != params:
            raise ParametersMismatchError(f"the key belongs to {key.params}, not to {params}")
        self.params = params
        self._key = key
        self._context = context(params)
        self._reproducible = seed is not None
        self._stream = (
            RandomStream.from_os()
            if seed is None
            else RandomStream.from_seed(seed, "encryptor for tests")
        )

    def encrypt(self, plaintext: Plaintext) -> Ciphertext:
        """A fresh ciphertext of `plaintext`, at its level and scale."""
        if plaintext.params != self.params:
            raise ParametersMismatchError(
                f"the plaintext belongs to {plaintext.params}, the encryptor to {self.params}"
            )
        if isinstance(self._key, SecretKey):
            return self._encrypt_symmetric(plaintext, self._key)
        return self._encrypt_public(plaintext, self._key)

    def _encrypt_symmetric(self, plaintext: Plaintext, secret: SecretKey) -> Ciphertext:
        level = plaintext.level
        ops = self._context.q(level)
        seed = self._stream.bytes(32) if self._reproducible else os.urandom(32)
        data = np.empty((2, level + 1, self.params.N), dtype=np.uint64)
        data[1] = uniform_from_seed(seed, CIPHERTEXT, ops)
        ops.multiply(data[0], data[1], secret.transformed[: level + 1])
        ops.subtract(data[0], error_polynomial(self._stream, self.params, ops), data[0])
        ops.add(data[0], data[0], plaintext.data)
        return Ciphertext(self.params, data, plaintext.scale, seed)

    def _encrypt_public(self, plaintext: Plaintext, public: PublicKey) -> Ciphertext:
        """(b, a) v + (e_0, e_1) in QP, divided by P: the encryption noise is that of a rounding."""
        level = plaintext.level
        ops = self._context.qp(level)
        shape = (len(ops.moduli), self.params.N)
        ternary = sampling.ternary(self._stream, self.params.N)
        v = small_polynomial(ternary, ops, workspace("ephemeral secret", shape))
        masked = workspace("masked", shape)
        data = np.empty((2, level + 1, self.params.N), dtype=np.uint64)
        mod_down = self._context.mod_down(level)
        for part in range(2):
            ops.multiply(masked, v, self._rows(public.data[part], level))
            ops.add(masked, masked, error_polynomial(self._stream, self.params, ops))
            mod_down(masked, data[part])
        self._context.q(level).add(data[0], data[0], plaintext.data)
        return Ciphertext(self.params, data, plaintext.scale)

    def _rows(self, half: np.ndarray, level: int) -> np.ndarray:
        """The limbs of QP at `level` out of those at the top."""
        if level == self.params.max_level:
            return half
        chosen = workspace("public key", (level + 1 + len(self.params.p), self.params.N))
        np.copyto(chosen[: level + 1], half[: level + 1])
        np.copyto(chosen[level + 1 :], half[self.params.max_level + 1 :])
        return chosen


class Decryptor:
    """Decrypts with the secret key. It belongs to the client."""

    def __init__(self, params: CKKSParameters, secret: SecretKey) -> None:
        if not isinstance(secret, SecretKey):
            raise MissingKeyError(f"a Decryptor needs a SecretKey, not {type(secret).__name__}")
        if secret.params != params:
            raise ParametersMismatchError(f"the key belongs to {secret.params}, not to {params}")
        self.params = params
        self._secret = secret
        self._context = context(params)

    def decrypt(self, ciphertext: Ciphertext) -> Plaintext:
        """c_0 + c_1 s + c_2 s^2, at the ciphertext's level and scale."""
        if ciphertext.params != self.params:
            raise ParametersMismatchError(
                f"the ciphertext belongs to {ciphertext.params}, the decryptor to {self.params}"
            )
        ops = self._context.q(ciphertext.level)
        s = self._secret.transformed[: ciphertext.level + 1]
        out = ciphertext.data[-1].copy()
        for part in ciphertext.data[-2::-1]:
            ops.multiply(out, out, s)
            ops.add(out, out, part)
        return Plaintext(self.params, out, ciphertext.scale)
