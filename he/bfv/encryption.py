"""Encryptor and Decryptor of the BFV scheme."""

from __future__ import annotations

import math

import numpy as np

from he.bfv.ciphertext import Ciphertext, Plaintext
from he.bfv.lift import plain_lift
from he.bfv.params import BFVParameters
from he.rlwe.keys import PublicKey, SecretKey
from he.rlwe.operand_checks import check_owner
from he.rlwe.zero_encryption import SecretProduct, ZeroEncryptor
from he.validation import instance, whole_number


class Encryptor:
    """Encrypts plaintexts, with a public key or (smaller, less noise) with the secret key.

    With a secret key the result is seeded: c_1 is a seed's expansion, and bytes hold the seed
    alone. Raises `MissingKeyError` without any key, `ParametersMismatchError` for a foreign one.
    seed: 32 bytes in place of the operating system's randomness, for tests only.
    """

    def __init__(
        self,
        params: BFVParameters,
        key: PublicKey | SecretKey,
        *,
        seed: bytes | None = None,
    ) -> None:
        self.params = instance(params, BFVParameters, "the parameter set of an encryptor")
        self._zeros = ZeroEncryptor(params, key, seed=seed)
        model = params.noise_model
        self._fresh = model.fresh_symmetric if self._zeros.symmetric else model.fresh_public

    def encrypt(self, plaintext: Plaintext, level: int | None = None) -> Ciphertext:
        """A fresh ciphertext, ``(Q / t) m`` rounded and an encryption of zero.

        level: default the top. Raises `ParameterError` for a level that does not exist.
        """
        check_owner(self.params, plaintext, Plaintext, "encryptor")
        top = self.params.max_level
        level = top if level is None else whole_number(level, "level", 0, top)
        data, seed = self._zeros.encrypt(level)
        message = plain_lift(self.params, level).scaled(plaintext.data)
        self._zeros.context.q(level).add(data[0], data[0], message)
        noise = self._fresh(level)
        return Ciphertext.unchecked(
            params=self.params, data=data, noise=noise, seed=seed, _evaluator=None
        )


class Decryptor:
    """Decrypts with the secret key. It belongs to the client."""

    def __init__(self, params: BFVParameters, secret: SecretKey) -> None:
        self.params = instance(params, BFVParameters, "the parameter set of a decryptor")
        self._product = SecretProduct(params, secret)

    def decrypt(self, ciphertext: Ciphertext) -> Plaintext:
        """round(t ct(s) / Q) mod t, exactly.

        Raises `NoiseBudgetExhaustedError` where the noise has reached, or nearly reached, the
        message; a wrong message is returned with probability (7/8)^N at most.
        """
        phase = self._product(self._owned(ciphertext), ciphertext.level)
        data = plain_lift(self.params, ciphertext.level).rounded(phase)
        return Plaintext.unchecked(params=self.params, data=data)

    def noise_budget(self, ciphertext: Ciphertext) -> float:
        """``-log2(2 max |v|)`` of the invariant noise v, in bits, exactly; 0 when it is gone.

        v is [t ct(s)]_Q / Q; in Python integers, so slow (about a microsecond a residue). The
        budget is as secret as the key, which can be computed from the noise of chosen ciphertexts:
        neither log nor send it.
        """
        phase = self._product(self._owned(ciphertext), ciphertext.level)
        noise = plain_lift(self.params, ciphertext.level).scaled_residues(phase)
        largest = max(abs(value) for value in noise)
        Q = math.prod(self.params.q[: ciphertext.level + 1])
        return math.log2(Q) - math.log2(2 * largest) if largest else math.log2(Q)

    def _owned(self, ciphertext: Ciphertext) -> np.ndarray:
        check_owner(self.params, ciphertext, Ciphertext, "decryptor")
        return ciphertext.data
