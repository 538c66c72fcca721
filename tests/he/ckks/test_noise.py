"""Predicted error against measured error: not only a bound, but the right size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from he.ckks.circuits.linear_transform import LinearTransform
from he.ckks.encryption import Encryptor
from he.ckks.noise import measured_error, precision_bits, tail_factor
from he.ckks.params import CKKSParameters
from he.rlwe.key_needs import KeyNeeds

ROUNDS = 8


def variance(s, pairs) -> float:
    """Mean square of the unscaled slot errors, real and imaginary parts apart."""
    total, count = 0.0, 0
    for ct, slots in pairs:
        difference = (s.decrypt(ct) - slots) * ct.scale
        total += float((difference.real**2).sum() + (difference.imag**2).sum())
        count += 2 * difference.size
    return total / count


def assert_right_size(measured: float, predicted: float) -> None:
    """ROUNDS times N independent errors average to within a few percent; keys that are met by the
    same secret in every round vary together by about 1 / sqrt(N / 2) per secret, so N = 1024
    leaves 5 percent. A factor of 1.25 in the deviation is five of those."""
    assert predicted / 1.25**2 <= measured <= predicted * 1.25**2


@pytest.fixture(scope="module")
def s(schemes):
    params = CKKSParameters.build(3, N=1024, scale_bits=30, dnum=2, insecure_reason="unit test")
    return type(schemes("small"))(params)


def inputs(s, count: int = ROUNDS):
    return [s.encrypt(s.random(i)) for i in range(count)]


def test_fresh__symmetric_and_public(s) -> None:
    pairs = [(x.ct, x.slots) for x in inputs(s)]
    assert_right_size(variance(s, pairs), s.noise.encoding + s.noise.fresh_symmetric)
    public = Encryptor(s.params, s.generator.public_key(s.secret))
    slots = [s.random(i) for i in range(ROUNDS)]
    pairs = [(public.encrypt(s.encoder.encode(z)), z) for z in slots]
    assert_right_size(variance(s, pairs), s.noise.encoding + s.noise.fresh_public)


def test_encoding__rounds_every_coefficient(s) -> None:
    errors = []
    for i in range(ROUNDS):
        z = s.random(i)
        difference = (s.encoder.decode(s.encoder.encode(z)) - z) * s.params.scales[-1]
        errors.append((difference.real**2).mean() + (difference.imag**2).mean())
    assert_right_size(float(np.mean(errors)) / 2, s.noise.encoding)


@pytest.mark.parametrize("level", [0, 1, 3])
def test_rotation__at_several_levels(s, level: int) -> None:
    pairs, fresh = [], 0.0
    for i in range(ROUNDS):
        x = s.encrypt(s.random(i), level)
        pairs.append((s.evaluator.rotate(x.ct, 1), np.roll(x.slots, -1)))
        fresh = x.variance
    assert_right_size(variance(s, pairs), fresh + s.noise.key_switch(level))


def test_product__of_fresh_ciphertexts(s) -> None:
    pairs, predicted = [], 0.0
    for i in range(ROUNDS):
        x, y = s.encrypt(s.random(i)), s.encrypt(s.random(i + 100))
        pairs.append((s.evaluator.multiply(x.ct, y.ct), x.slots * y.slots))
        scale, level = x.ct.scale, x.ct.level
        sizes = np.mean(np.abs(x.slots) ** 2) + np.mean(np.abs(y.slots) ** 2)
        inherited = sizes * scale**2 * x.variance / s.params.divisors[level] ** 2
        predicted += float(inherited) + s.noise.product_rescale(level)
    assert_right_size(variance(s, pairs), predicted / ROUNDS)


def test_switching__alone(schemes) -> None:
    """With P no larger than a prime of Q, switching stands out above the rounding."""
    params = CKKSParameters.build(
        3, N=1024, scale_bits=30, dnum=4, special_bits=28, insecure_reason="unit test"
    )
    s = type(schemes("small"))(params)
    assert s.noise.switching(3) > 4 * s.noise.rounding
    pairs = []
    for i in range(ROUNDS):
        x = s.encrypt(s.random(i))
        pairs.append((s.evaluator.rotate(x.ct, 1), np.roll(x.slots, -1)))
    assert_right_size(variance(s, pairs), x.variance + s.noise.key_switch(3))


def test_transform__of_one_diagonal_is_a_product_with_a_plaintext(s) -> None:
    ones = np.ones(s.params.slots)
    transform = LinearTransform.encode(s.encoder, {0: ones}, 3)
    pairs = [(transform.apply(s.evaluator, x.ct), x.slots) for x in inputs(s)]
    fresh = s.noise.encoding + s.noise.fresh_symmetric
    scale, q = s.params.scales[3], s.params.divisors[3]
    # A constant 1 is encoded as the integer round(scale): all but exactly.
    assert_right_size(variance(s, pairs), fresh * (scale / q) ** 2 + s.noise.rounding)
    assert transform.needs == KeyNeeds()


def test_no_slot__stands_out(s) -> None:
    """Errors are spread over the slots: the first ones, next to zeta = 1, are as good as others."""
    errors = []
    for i in range(64):
        x = s.encrypt(s.random(i))
        ct = s.evaluator.multiply(s.evaluator.rotate(x.ct, 1), x.ct)
        errors.append(s.decrypt(ct) - np.roll(x.slots, -1) * x.slots)
    squares = (np.abs(np.array(errors)) ** 2).mean(axis=0)
    # |s(zeta)|^2 varies between slots as an exponential does: ten times the mean has e^-10 a slot,
    # and the average over 64 rounds adds at most half of it again.
    assert squares.max() <= 20 * squares.mean()


def test_tail_factor__is_that_of_a_laplace_tail() -> None:
    for t in (1.0, 5.0, 20.0):
        assert tail_factor(math.exp(-math.sqrt(2) * t)) == pytest.approx(t)


def test_precision__in_bits() -> None:
    assert precision_bits(2.0**-20) == 20
    assert precision_bits(2.0**-20, 4.0) == 22
    assert precision_bits(0.0) == math.inf
    assert precision_bits(0.5, 0.0) == precision_bits(math.inf) == -math.inf
    assert measured_error(np.array([1 + 2j, 3]), np.array([1 + 2.5j, 3.25])) == 0.5


def test_public_noise__is_that_of_one_rounding(s) -> None:
    """Encrypting in QP and dividing by P leaves little but the rounding."""
    model = s.params.noise_model
    assert model.rounding <= model.fresh_public < 1.01 * model.rounding
