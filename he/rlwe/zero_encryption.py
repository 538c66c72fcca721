"""Encryptions of zero, and the product with the secret that undoes them, in every scheme."""

from __future__ import annotations

import numpy as np

from he.errors import MissingKeyError, ParametersMismatchError
from he.rlwe import sampling
from he.rlwe.keys import PublicKey, SecretKey
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from he.rlwe.sampling import SEED_BYTES, RandomStream
from he.rlwe.seeded import CIPHERTEXT, uniform_from_seed
from he.rlwe.small_polynomials import mask, rows_of, small_polynomial
from ntt.memory import large_array, secret_array
from ntt.threads import settle
from ntt.workspace import secret_workspace, wipe


class ZeroEncryptor:
    """Fresh encryptions of zero, with a public key or with the secret key.

    Raises `MissingKeyError` without any key, `ParametersMismatchError` for a foreign one.
    seed: 32 bytes in place of the operating system's randomness, for tests only.
    """

    def __init__(
        self,
        params: RLWEParameters,
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
        self.context = context(params)
        self.symmetric = isinstance(key, SecretKey)
        self._key = key
        self._stream = (
            RandomStream.from_os()
            if seed is None
            else RandomStream.from_seed(seed, "encryptor for tests")
        )

    def encrypt(self, level: int) -> tuple[np.ndarray, bytes | None]:
        """A new pair (2, limbs, N), transformed, and the seed that its second half expands.

        Every encryption takes randomness of its own from the operating system, so that no state of
        this process decides whether an error repeats. Afterwards nothing here gives an error back.
        """
        try:
            if isinstance(self._key, SecretKey):
                return self._encrypt_symmetric(level, self._key)
            self._stream.renew()
            return self._encrypt_public(level, self._key), None
        finally:
            self._stream.forget()

    def _encrypt_symmetric(self, level: int, secret: SecretKey) -> tuple[np.ndarray, bytes]:
        """(-a s + e, a) with a uniform, the expansion of a public seed."""
        ops = self.context.q(level)
        seed = self._stream.renew(SEED_BYTES)
        data = large_array((2, len(ops.moduli), self.params.N))
        uniform_from_seed(seed, CIPHERTEXT, ops, data[1])
        s = rows_of(secret.transformed, self.context.q_rows(level))
        mask(data, s, self._stream, self.params, ops)
        return data, seed

    def _encrypt_public(self, level: int, public: PublicKey) -> np.ndarray:
        """Where the primes of the level are not among those of the key: at the key's level, and
        divided by what the modulus of the level is smaller.
        """
        levels, top = self.params.levels, self.params.max_level
        if levels[top].holds(levels[level]):
            return self._encrypt_with_primes_of_key(level, public)
        higher = self._encrypt_with_primes_of_key(top, public)
        change = self.context.change(top, level)
        data = large_array((2, change.limbs, self.params.N))
        try:
            change.parts(higher, data, secret=True)
        except BaseException:
            settle()
            data.fill(0)
            raise
        finally:  # a ciphertext less its encryption of zero is the message
            higher.fill(0)
            wipe("division")
        return data

    def _encrypt_with_primes_of_key(self, level: int, public: PublicKey) -> np.ndarray:
        """(b, a) v + (e_0, e_1) in Q p, divided by p: the encryption noise is that of a rounding.

        p is one special prime: even the smallest, above 2 N, is far larger than v e + e_0 + e_1 s,
        of variance sigma^2 (1 + 4 N / 3).
        """
        top = self.params.max_level
        first_special = self.context.special_rows(top)[0]
        of_key = self.params.levels[top].limbs
        rows = (*self.context.q_rows(level), first_special)
        ops, divide = self.context.limbs(rows), self.context.division(rows, 1)
        kept_ops, special_ops = self.context.q(level), self.context.limbs((first_special,))
        N, keep = self.params.N, len(kept_ops.moduli)
        data = large_array((2, keep, N))
        try:
            with secret_workspace("encryption", (keep + 3, N)) as secrets:
                v, last = secrets[: keep + 1], secrets[keep + 1 :]
                small_polynomial(sampling.ternary(self._stream, N, last), ops, v)
                # b v in Q stands where the other half will, and a v where v did: no more memory
                # holds a secret.
                for part, masked in enumerate((data[1], v[:keep])):
                    key = public.data[part]
                    sampling.gaussian(self._stream, N, self.params.sigma, last)
                    special_ops.multiply(last[:1], v[keep:], key[of_key : of_key + 1])
                    kept_ops.multiply(masked, v[:keep], key[:keep])
                    divide.of_sum(data[part], masked, last)
        except BaseException:
            settle()
            data.fill(0)
            raise
        return data


class SecretProduct:
    """c_0 + c_1 s + c_2 s^2: what a ciphertext's parts hide. It belongs to the client."""

    def __init__(self, params: RLWEParameters, secret: SecretKey) -> None:
        if not isinstance(secret, SecretKey):
            raise MissingKeyError(f"a Decryptor needs a SecretKey, not {type(secret).__name__}")
        if secret.params != params:
            raise ParametersMismatchError(f"the key belongs to {secret.params}, not to {params}")
        self.context = context(params)
        self._secret = secret

    def __call__(self, data: np.ndarray, level: int) -> np.ndarray:
        """data (parts, limbs, N) at `level`, transformed -> a new (limbs, N), transformed.

        The result, as whatever leads to it, gives the secret away: it is a `secret_array`.
        """
        ops = self.context.q(level)
        s = rows_of(self._secret.transformed, self.context.q_rows(level))
        out = secret_array(data.shape[1:])
        if len(data) == 1:
            np.copyto(out, data[0])
        total = data[-1]
        for part in data[-2::-1]:
            total = ops.multiply_add(out, total, s, part)
        return out
