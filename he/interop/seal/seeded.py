"""Symmetric encryption whose uniform half is the expansion of one of SEAL's seeds."""

from __future__ import annotations

import os

import numpy as np

from he.errors import MissingKeyError, ParametersMismatchError
from he.interop.seal.envelope import DEFAULT_VERSION
from he.interop.seal.generators import SEED_BYTES, Generator, uniform_polynomial
from he.keygen import error_polynomial
from he.keys import SecretKey
from he.rlwe import RLWEParameters
from he.rns import context
from he.sampling import RandomStream


def seeded_zero(
    params: RLWEParameters, secret: SecretKey, level: int, *, transformed: bool
) -> tuple[np.ndarray, bytes]:
    """A new encryption of zero (-a s + e, a), (2, level + 1, N) transformed, and the seed of a.

    transformed: whether the seed expands to a's transform (CKKS) or to its coefficients (BFV).
    Raises `MissingKeyError` or `ParametersMismatchError`.
    """
    if not isinstance(secret, SecretKey):
        raise MissingKeyError(
            f"a seeded ciphertext needs the SecretKey, not a {type(secret).__name__}"
        )
    if secret.params != params:
        raise ParametersMismatchError(f"the key belongs to {secret.params}, not to {params}")
    ops = context(params).q(level)
    seed = os.urandom(SEED_BYTES)
    data = np.empty((2, level + 1, params.N), dtype=np.uint64)
    data[1] = uniform_polynomial(Generator.SHAKE256, seed, ops.moduli, params.N, DEFAULT_VERSION)
    if not transformed:
        ops.forward(data[1])
    ops.multiply(data[0], data[1], secret.transformed[: level + 1])
    ops.subtract(data[0], error_polynomial(RandomStream.from_os(), params, ops), data[0])
    return data, seed
