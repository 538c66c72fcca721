"""Encryptor and Decryptor of the CKKS scheme."""

from __future__ import annotations

from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.params import CKKSParameters
from he.rlwe.keys import PublicKey, SecretKey
from he.rlwe.operand_checks import check_owner
from he.rlwe.zero_encryption import SecretProduct, ZeroEncryptor
from he.validation import instance


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
        self.params = instance(params, CKKSParameters, "the parameter set of an encryptor")
        self._zeros = ZeroEncryptor(params, key, seed=seed)

    def encrypt(self, plaintext: Plaintext) -> Ciphertext:
        """A fresh ciphertext of `plaintext`, at its level and scale."""
        check_owner(self.params, plaintext, Plaintext, "encryptor")
        data, seed = self._zeros.encrypt(plaintext.level)
        self._zeros.context.q(plaintext.level).add(data[0], data[0], plaintext.data)
        return Ciphertext.unchecked(
            params=self.params,
            data=data,
            scale=plaintext.scale,
            seed=seed,
            level=plaintext.level,
            _evaluator=None,
        )


class Decryptor:
    """Decrypts with the secret key. It belongs to the client."""

    def __init__(self, params: CKKSParameters, secret: SecretKey) -> None:
        self.params = instance(params, CKKSParameters, "the parameter set of a decryptor")
        self._product = SecretProduct(params, secret)

    def decrypt(self, ciphertext: Ciphertext) -> Plaintext:
        """c_0 + c_1 s + c_2 s^2, at the ciphertext's level and scale."""
        check_owner(self.params, ciphertext, Ciphertext, "decryptor")
        level = ciphertext.level
        data = self._product(ciphertext.data, level)
        return Plaintext.unchecked(
            params=self.params, data=data, scale=ciphertext.scale, level=level
        )
