"""Polynomials with small coefficients, secrets and errors, as residues."""

from __future__ import annotations

import numpy as np

from he.rlwe import rns_kernels, sampling
from he.rlwe.params import RLWEParameters
from he.rlwe.sampling import RandomStream
from ntt.limbs import LimbOps
from ntt.workspace import workspace


def small_polynomial(values: np.ndarray, ops: LimbOps, out: np.ndarray) -> np.ndarray:
    """out (limbs, N) = the transform of int64 coefficients smaller than every modulus."""
    rns_kernels.residues_of_small(out, values, np.array(ops.moduli, dtype=np.uint64))
    return ops.forward(out)


def error_polynomial(stream: RandomStream, params: RLWEParameters, ops: LimbOps) -> np.ndarray:
    """A fresh Gaussian error (limbs, N), transformed, in scratch memory."""
    out = workspace("error polynomial", (len(ops.moduli), params.N))
    return small_polynomial(sampling.gaussian(stream, params.N, params.sigma), ops, out)
