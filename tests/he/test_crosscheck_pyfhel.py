"""The same computation here and in Microsoft SEAL, through Pyfhel: the same slots come out."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from he.ckks.evaluator import Evaluator
from he.ckks.noise import tail_factor
from he.ckks.params import CKKSParameters
from he.rlwe import galois
from he.rlwe.key_needs import KeyNeeds

pytestmark = pytest.mark.crosscheck
SPECIAL_RATIO = 2.0**5  # of the special primes here and in SEAL, rounded up
TAIL = tail_factor(2.0**-50)


@pytest.fixture(scope="module")
def ours(schemes):
    params = CKKSParameters.build(2, N=8192, scale_bits=40, dnum=3)
    return type(schemes("small"))(params)


@pytest.fixture(scope="module")
def theirs(pyfhel: ModuleType):
    seal = pyfhel.Pyfhel()
    seal.contextGen(scheme="ckks", n=8192, scale=2**40, qi_sizes=[46, 40, 40, 46])
    seal.keyGen()
    seal.relinKeyGen()
    seal.rotateKeyGen()
    return seal


def bound(s, variance: float | np.ndarray, level: int) -> float | np.ndarray:
    """Both libraries' errors: SEAL encrypts, switches keys and rescales as is done here."""
    return 2 * TAIL * np.sqrt(variance) / s.params.scales[level]


def test_product__agrees_with_seal(ours, theirs) -> None:
    x, y = ours.random(1, real=True), ours.random(2, real=True)
    a, b = ours.encrypt(x), ours.encrypt(y)
    mine = ours.decrypt(ours.evaluator.multiply(a.ct, b.ct)).real
    product = theirs.encryptFrac(x) * theirs.encryptFrac(y)
    theirs.relinearize(product)
    theirs.rescale_to_next(product)
    other = theirs.decryptFrac(product)
    fresh = ours.noise.encoding + ours.noise.fresh_public
    scale, q = ours.params.scales[2], ours.params.q[2]
    variance = 2 * fresh * (scale / q) ** 2 + ours.noise.product_rescale(2)
    assert np.abs(mine - other).max() <= bound(ours, variance, 1)


def digit_means(s, level: int) -> np.ndarray:
    """What SEAL's digits add to the variance of each slot: they lie in [0, q_j), so each has the
    mean (q_j / 2) sum_i x^i, of size q_j / (2 sin(theta / 2)) in the slot at angle theta."""
    N, sigma = s.params.N, s.params.sigma
    angles = np.pi * np.array([pow(3, i, 2 * N) for i in range(N // 2)]) / N
    ratios = sum((q / (2 * s.params.p[0])) ** 2 for q in s.params.q[: level + 1])
    return ratios / np.sin(angles / 2) ** 2 * N * sigma**2 / 2


@pytest.mark.parametrize("steps", [1, -1, 64, 2048])
def test_rotation__agrees_with_seal(ours, theirs, steps: int) -> None:
    """By powers of two, for which SEAL has keys."""
    x = ours.random(3, real=True)
    element = galois.element_of_rotation(steps, ours.params.N)
    keys = ours.generator.evaluation_keys(ours.secret, KeyNeeds(None, {element: 2}))
    mine = ours.decrypt(Evaluator(ours.params, keys).rotate(ours.encrypt(x).ct, steps)).real
    rotated = theirs.rotate(theirs.encryptFrac(x), steps, in_new_ctxt=True)
    other = theirs.decryptFrac(rotated)
    variance = ours.noise.encoding + ours.noise.fresh_public + ours.noise.key_switch(2)
    # The special prime there is 46 bits long, four fewer than here.
    there = variance + (digit_means(ours, 2) + ours.noise.switching(2)) * SPECIAL_RATIO**2
    assert (np.abs(mine - other) <= bound(ours, there, 2)).all()
