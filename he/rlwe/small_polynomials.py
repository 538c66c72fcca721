"""Polynomials with small coefficients, secrets and errors, and what secrets must be."""

from __future__ import annotations

import math

import numpy as np

from he.errors import ParameterError
from he.rlwe import sampling
from he.rlwe.params import RLWEParameters
from he.rlwe.sampling import RandomStream
from ntt.kernels import KernelModule
from ntt.limbs import LimbOps
from ntt.memory import secret_array
from ntt.threads import settle
from ntt.workspace import secret_workspace

_kernels = KernelModule("he.rlwe.rns_kernels")

# Each of -1, 0 and 1 stands in a uniform secret N / 3 times, with a standard deviation of
# sqrt(2 N / 9); beyond ten of them a fresh secret is with a probability below 2^-70.
_SPREAD = 10


def take_secret(params: RLWEParameters, coefficients: np.ndarray, out: np.ndarray) -> None:
    """out int64 (N,) = the coefficients of a secret, without another copy of them.

    Raises `ParameterError` unless they are N whole numbers in {-1, 0, 1}, not all of them zero,
    and, for a parameter set that claims security, as many of each as a uniform secret has: the
    security table holds for no sparse or one-sided one.
    """
    given = np.asarray(coefficients)
    counts = np.zeros(4, dtype=np.int64)
    plain = given.dtype.kind in "iuf" and given.shape == (params.N,)
    if plain:
        with np.errstate(invalid="ignore"):
            np.copyto(out, given, casting="unsafe")
        _kernels.ternary_counts(counts, out)
    if not plain or counts[3] or not np.array_equal(out, given):
        raise ParameterError(
            f"a secret key is {params.N} coefficients in {{-1, 0, 1}}, not an array of "
            f"{given.dtype} of shape {given.shape}, or others are among them"
        )
    if counts[1] == params.N:
        raise ParameterError("a secret key of zeros hides nothing: make one with `secret_key`")
    spread = _SPREAD * math.sqrt(2 * params.N / 9)
    if params.insecure_reason is None and np.abs(counts[:3] - params.N / 3).max() > spread:
        raise ParameterError(
            "the secret key is not uniform ternary: -1, 0 and 1 stand in it too unequally often "
            "for the security table; make one with `secret_key`, or state an insecure_reason in "
            "the parameters"
        )


def small_polynomial(values: np.ndarray, ops: LimbOps, out: np.ndarray) -> np.ndarray:
    """out (limbs, N) = the transform of int64 coefficients smaller than every modulus."""
    _kernels.residues_of_small(out, values, np.array(ops.moduli, dtype=np.uint64))
    return ops.forward(out)


def rows_of(secret: np.ndarray, rows: tuple[int, ...]) -> np.ndarray:
    """The rows (limbs, N) of a transformed secret: a view where they are its first ones."""
    if rows == tuple(range(len(rows))):
        return secret[: len(rows)]
    taken = secret_array((len(rows), secret.shape[-1]))
    return np.take(secret, list(rows), axis=0, out=taken, mode="clip")


def mask(
    pair: np.ndarray, secret: np.ndarray, stream: RandomStream, params: RLWEParameters, ops: LimbOps
) -> None:
    """pair[0] = e - pair[1] secret, with a fresh Gaussian error e; all (limbs, N), transformed.

    An error on the way leaves zeros in pair[0].
    """
    try:
        with secret_workspace("error", (2, params.N)) as memory:
            error = sampling.gaussian(stream, params.N, params.sigma, memory)
            small_polynomial(np.negative(error, out=error), ops, pair[0])
        ops.multiply_add(pair[0], pair[1], secret)
        ops.negate(pair[0], pair[0])
    except BaseException:
        settle()
        pair[0].fill(0)
        raise
