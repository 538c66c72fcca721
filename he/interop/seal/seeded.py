"""Encryptions of zero whose uniform half is the expansion of one of SEAL's seeds."""

from __future__ import annotations

import os

import numpy as np

from he.errors import MissingKeyError, ParametersMismatchError
from he.interop.seal.envelope import Version
from he.interop.seal.generators import SEED_BYTES, generator_of, uniform_polynomial
from he.rlwe import galois
from he.rlwe.keys import SecretKey
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from he.rlwe.sampling import RandomStream
from he.rlwe.small_polynomials import mask
from ntt.constants import Scalars
from ntt.limbs import LimbOps
from ntt.memory import large_array, secret_array


def check_secret(params: RLWEParameters, secret: SecretKey, what: str) -> None:
    """Raise `MissingKeyError` or `ParametersMismatchError` unless it is the secret of `params`."""
    if not isinstance(secret, SecretKey):
        raise MissingKeyError(f"{what} needs the SecretKey, not a {type(secret).__name__}")
    if secret.params != params:
        raise ParametersMismatchError(f"the key belongs to {secret.params}, not to {params}")


def seeded_zero(
    secret: SecretKey, ops: LimbOps, version: Version, *, transformed: bool
) -> tuple[np.ndarray, bytes]:
    """A new encryption of zero (-a s + e, a), (2, limbs, N) transformed, and the seed of a.

    ops: of the first primes of QP; version: whose expansion of a seed is meant; transformed:
    whether the seed expands to a's transform (CKKS, keys) or to its coefficients (BFV).
    """
    params, limbs = secret.params, len(ops.moduli)
    seed = os.urandom(SEED_BYTES)
    data = large_array((2, limbs, params.N))
    data[1] = uniform_polynomial(generator_of(version), seed, ops.moduli, params.N, version)
    if not transformed:
        ops.forward(data[1])
    mask(data, secret.transformed[:limbs], RandomStream.from_os(), params, ops)
    return data, seed


def seeded_switching_key(
    secret: SecretKey, source: np.ndarray, version: Version
) -> tuple[np.ndarray, list[bytes]]:
    """A new key that carries `source` (limbs, N) to s as in SEAL, and its seeds, one a digit.

    (digits, 2, limbs, N): digit j is an encryption of zero, and P source in limb j.
    """
    params = secret.params
    ops = context(params).qp(params.max_level)
    digits, seeds = [], []
    for j in range(len(params.q)):
        data, seed = seeded_zero(secret, ops, version, transformed=True)
        own = context(params).limbs((j,))
        factor = Scalars([params.special_modulus(params.max_level)], own.moduli)
        row = slice(j, j + 1)
        own.add(
            data[0, row],
            data[0, row],
            own.multiply_scalar(secret_array((1, params.N)), source[row], factor),
        )
        digits.append(data)
        seeds.append(seed)
    return np.stack(digits, out=large_array((len(digits), *digits[0].shape))), seeds


def square_of(secret: SecretKey) -> np.ndarray:
    """s^2, what relinearization carries to s: (limbs, N)."""
    ops = context(secret.params).qp(secret.params.max_level)
    s = secret.transformed
    return ops.multiply(secret_array(s.shape), s, s)


def image_of(secret: SecretKey, element: int) -> np.ndarray:
    """s under x -> x^element, what a rotation carries to s: (limbs, N).

    Raises `ParameterError` for what is no Galois element.
    """
    N = secret.params.N
    galois.check_element(element, N)
    s, places = secret.transformed, galois.permutation(element, N)
    return np.take(s, places, axis=-1, out=secret_array(s.shape), mode="clip")
