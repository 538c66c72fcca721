"""Every operation once under parameters that protect something, as a user would build them."""

from __future__ import annotations

import numpy as np
import pytest

from he.ckks.circuits.linear_transform import LinearTransform
from he.ckks.circuits.polynomial import Polynomial
from he.ckks.circuits.polynomial_evaluation import evaluate_polynomial
from he.ckks.params import CKKSParameters
from he.rlwe.evaluation_keys import EvaluationKeys


@pytest.mark.parametrize(("depth", "bits"), [(2, 16), (4, 14), (7, 18)])
def test_operations__under_secure_parameters(schemes, depth: int, bits: int) -> None:
    params = CKKSParameters.build(depth, precision_bits=bits)
    assert params.security_estimate >= 128
    s = type(schemes("small"))(params)
    ev, noise, top = s.evaluator, s.noise, depth
    x, y = s.encrypt(s.random(1)), s.encrypt(s.random(2))
    s.check(x)
    s.check(s.multiplied(x, y, ev.multiply(x.ct, y.ct)))
    switched = x.variance + noise.key_switch(top)
    for steps, ct in zip((1, 5, -1), ev.rotations(x.ct, (1, 5, -1)), strict=True):
        s.check(type(x)(ct, np.roll(x.slots, -steps), switched))
    s.check(type(x)(ev.conjugate(x.ct), x.slots.conj(), switched))
    s.check(s.dropped(x, 0))

    diagonals = {k: s.random(k + 3) for k in (0, 1, 2)}
    transform = LinearTransform.encode(s.encoder, diagonals, top)
    keys = s.generator.evaluation_keys(s.secret, transform.needs)
    received = EvaluationKeys.from_bytes(keys.to_bytes(), params)
    image = transform.apply(type(ev)(params, received), x.ct)
    expected = sum(v * np.roll(x.slots, -k) for k, v in diagonals.items())
    # The promise of precision_bits is one of each operation; three terms of size up to sqrt(2).
    assert s.error(image, expected) <= 8 * 2.0**-bits

    polynomial = Polynomial([0.25, 0.5, 0.25])
    z = s.random(9, real=True)
    y = evaluate_polynomial(ev, s.encrypt(z).ct, polynomial)
    assert s.error(y, polynomial(z)) <= 4 * 2.0**-bits


@pytest.mark.parametrize("bits", [12, 18, 24])
def test_precision_bits__are_what_one_rescaling_keeps(schemes, bits: int) -> None:
    """Eight standard deviations of the rounding, as `scale_for` says."""
    params = CKKSParameters.build(1, precision_bits=bits, N=4096, insecure_reason="unit test")
    s = type(schemes("small"))(params)
    deviation = s.noise.rounding**0.5 / params.scales[0]
    assert 7.5 * deviation <= 2.0**-bits <= 9 * deviation
