"""Polynomials with small coefficients, secrets and errors, and what secrets must be."""

from __future__ import annotations

import math

import numpy as np

from he.errors import ParameterError
from he.rlwe import rns_kernels, sampling
from he.rlwe.params import RLWEParameters
from he.rlwe.sampling import RandomStream
from ntt.limbs import LimbOps
from ntt.workspace import workspace

# Each of -1, 0 and 1 stands in a uniform secret N / 3 times, with a standard deviation of
# sqrt(2 N / 9); beyond ten of them a fresh secret is with a probability below 2^-70.
_SPREAD = 10


def secret_coefficients(params: RLWEParameters, coefficients: np.ndarray) -> np.ndarray:
    """The coefficients of a secret as int64 (N,), C-contiguous.

    Raises `ParameterError` unless they are N whole numbers in {-1, 0, 1}, not all of them zero,
    and, for a parameter set that claims security, as many of each as a uniform secret has: the
    security table holds for no sparse or one-sided one.
    """
    given = np.asarray(coefficients)
    plain = given.dtype.kind in "iuf" and given.shape == (params.N,)
    if not plain or not np.isin(given, (-1, 0, 1)).all():
        raise ParameterError(
            f"a secret key is {params.N} coefficients in {{-1, 0, 1}}, not an array of "
            f"{given.dtype} of shape {given.shape}, or others are among them"
        )
    values = np.ascontiguousarray(given, dtype=np.int64)
    if not values.any():
        raise ParameterError("a secret key of zeros hides nothing: make one with `secret_key`")
    counts = np.bincount(values + 1, minlength=3)
    spread = _SPREAD * math.sqrt(2 * params.N / 9)
    if params.insecure_reason is None and np.abs(counts - params.N / 3).max() > spread:
        raise ParameterError(
            "the secret key is not uniform ternary: -1, 0 and 1 stand in it too unequally often "
            "for the security table; make one with `secret_key`, or state an insecure_reason in "
            "the parameters"
        )
    return values


def small_polynomial(values: np.ndarray, ops: LimbOps, out: np.ndarray) -> np.ndarray:
    """out (limbs, N) = the transform of int64 coefficients smaller than every modulus."""
    rns_kernels.residues_of_small(out, values, np.array(ops.moduli, dtype=np.uint64))
    return ops.forward(out)


def error_polynomial(stream: RandomStream, params: RLWEParameters, ops: LimbOps) -> np.ndarray:
    """A fresh Gaussian error (limbs, N), transformed, in scratch memory."""
    out = workspace("error polynomial", (len(ops.moduli), params.N))
    return small_polynomial(sampling.gaussian(stream, params.N, params.sigma), ops, out)
