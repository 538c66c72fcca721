"""Every operation against integers modulo t, in every parameter set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from he.bfv import BFVParameters, Evaluator
from he.errors import (
    LevelExhaustedError,
    LevelMismatchError,
    MissingGaloisKeyError,
    MissingRelinearizationKeyError,
    NoEvaluatorError,
    NoiseBudgetExhaustedError,
    ParameterError,
    ParametersMismatchError,
)


def matrix(slots):
    return np.asarray(slots).reshape(2, -1)


@pytest.mark.parametrize("public", [True, False])
def test_encrypt__decrypts_to_the_message(scheme, public):
    x = scheme.slots(1)
    ct = scheme.encrypt(x, public=public)
    scheme.check(ct, x)
    assert (ct.seed is None) == public


def test_sums__integers_modulo_t(scheme):
    x, y = scheme.slots(1), scheme.slots(2)
    a, b = scheme.encrypt(x), scheme.encrypt(y, public=False)
    plain = np.array(y, dtype=np.int64)
    for ct, expected in (
        (a + b, x + y), (a - b, x - y), (-a, -x), (a + plain, x + y), (plain - a, y - x),
        (a - scheme.encoder.encode(plain), x - y), (a + 3, x + 3), (5 - a, 5 - x),
    ):
        scheme.check(ct, expected)


def test_multiply__integers_modulo_t(scheme):
    x, y = scheme.slots(3), scheme.slots(4)
    a, b = scheme.encrypt(x), scheme.encrypt(y)
    scheme.check(a * b, x * y)
    scheme.check(a**2, x * x)
    scheme.check(scheme.evaluator.square(a), x * x)
    scheme.check(scheme.evaluator.tensor(a, b), x * y)


def test_multiply__extreme_slots(scheme):
    t, N = scheme.params.t, scheme.params.N
    for value in (0, 1, t - 1, t // 2, t // 2 + 1):
        x = np.full(N, value, dtype=object)
        scheme.check(scheme.encrypt(x) * scheme.encrypt(x), x * x)


def test_multiply__after_sums_of_tensors(small):
    x, y, z = small.slots(1), small.slots(2), small.slots(3)
    a, b, c = (small.encrypt(v) for v in (x, y, z))
    ev = small.evaluator
    small.check(ev.relinearize(ev.tensor(a, b) - ev.tensor(b, c)), x * y - y * z)
    small.check(ev.relinearize(a - ev.tensor(b, c)), x - y * z)
    small.check(ev.relinearize(ev.tensor(b, c) + a), x + y * z)


def test_multiply_plain__integers_modulo_t(scheme):
    x, y = scheme.slots(5), scheme.slots(6)
    a, plain = scheme.encrypt(x), scheme.encoder.encode(np.array(y, dtype=np.int64))
    scheme.check(scheme.evaluator.multiply(a, plain), x * y)
    factor = scheme.evaluator.factor(plain)
    scheme.check(a * factor, x * y)


def test_multiply_plain__a_factor_serves_lower_levels(small):
    x, y = small.slots(5), small.slots(6)
    factor = small.evaluator.factor(small.encoder.encode(np.array(y, dtype=np.int64)))
    small.check(small.evaluator.mod_switch(small.encrypt(x)) * factor, x * y)


@pytest.mark.parametrize("factor", [0, 1, -1, 2, 7, -16])
def test_multiply_scalar__integers_modulo_t(scheme, factor):
    x = scheme.slots(7)
    scheme.check(factor * scheme.encrypt(x), factor * x)


def test_power__depth_two(small):
    x = small.slots(8)
    a = small.encrypt(x)
    small.check(a**3, x**3)
    small.check(a**4, x**4)


@pytest.mark.parametrize("steps", [0, 1, 3, -2])
def test_rotate_rows__both_rows_to_the_left(scheme, steps):
    x = scheme.slots(9)
    expected = np.roll(matrix(x), -steps, axis=1).ravel()
    scheme.check(scheme.encrypt(x).rotate_rows(steps), expected)


def test_rotate_columns__swaps_the_rows(scheme):
    x = scheme.slots(10)
    scheme.check(scheme.encrypt(x).rotate_columns(), matrix(x)[::-1].ravel())


def test_rotations__hoisted_equal_single_ones(small):
    a = small.encrypt(small.slots(11))
    for steps, ct in zip((1, 0, 3), small.evaluator.rotations(a, [1, 0, 3]), strict=True):
        assert np.array_equal(ct.data, a.rotate_rows(steps).data)


def test_mod_switch__keeps_the_message_to_the_last_level_that_holds_it(scheme):
    x = scheme.slots(12)
    ct = scheme.encrypt(x)
    for level in range(scheme.params.max_level - 1, -1, -1):
        ct = scheme.evaluator.mod_switch(ct)
        assert ct.level == level
        if ct.predicted_budget < 0:
            break
        scheme.check(ct, x)


def test_levels__the_higher_operand_is_switched_down(small):
    x, y = small.slots(13), small.slots(14)
    a, b = small.encrypt(x), small.evaluator.mod_switch(small.encrypt(y))
    for ct, expected in ((a + b, x + y), (b - a, y - x), (a * b, x * y)):
        assert ct.level == b.level
        small.check(ct, expected)
    switched = small.evaluator.mod_switch(a * a)
    small.check(switched.rotate_rows(1), np.roll(matrix(x * x), -1, axis=1).ravel())


def test_mod_switch__three_parts(small):
    x = small.slots(15)
    a = small.encrypt(x)
    product = small.evaluator.mod_switch(small.evaluator.tensor(a, a))
    small.check(product, x * x)
    small.check(small.evaluator.relinearize(product), x * x)


# Programs over two registers: a and b hold x and y, and p is a plaintext, k an integer.
_OPERATIONS = {
    "add": lambda a, b, x, y, p, k: (a + b, x + y),
    "subtract": lambda a, b, x, y, p, k: (a - b, x - y),
    "negate": lambda a, b, x, y, p, k: (-a, -x),
    "multiply": lambda a, b, x, y, p, k: (a * b, x * y),
    "square": lambda a, b, x, y, p, k: (a**2, x * x),
    "rotate": lambda a, b, x, y, p, k: (
        a.rotate_rows(1), np.roll(matrix(x), -1, axis=1).ravel()
    ),
    "swap": lambda a, b, x, y, p, k: (a.rotate_columns(), matrix(x)[::-1].ravel()),
    "plain": lambda a, b, x, y, p, k: (a * p, x * p),
    "scalar": lambda a, b, x, y, p, k: (a * k, x * k),
    "switch": lambda a, b, x, y, p, k: (a.evaluator.mod_switch(a) if a.level else a, x),
}
_STEPS = st.lists(st.sampled_from(sorted(_OPERATIONS)), min_size=1, max_size=7)


@settings(max_examples=30)
@given(steps=_STEPS, seed=st.integers(0, 2**32), scalar=st.integers(-50, 50))
def test_programs__are_exact_while_the_budget_lasts(small, steps, seed, scalar):
    rng = np.random.default_rng(seed)
    values = [small.slots(seed), small.slots(seed + 1)]
    cts = [small.encrypt(v) for v in values]
    for step in steps:
        i = int(rng.integers(0, 2))
        plain = np.array(small.slots(int(rng.integers(1 << 30))), dtype=np.int64)
        ct, expected = _OPERATIONS[step](
            cts[i], cts[1 - i], values[i], values[1 - i], plain, scalar
        )
        if ct.predicted_budget < 0:
            break
        cts[i], values[i] = ct, expected % small.params.t
    for ct, expected in zip(cts, values, strict=True):
        small.check(ct, expected)


# ---------------------------------------------------------------- refusals


def test_refusals__name_the_way_out(small):
    params, ev = small.params, Evaluator(small.params)
    a = ev.attach(small.encrypt(small.slots(1)))
    with pytest.raises(MissingRelinearizationKeyError):
        _ = a * a
    with pytest.raises(MissingGaloisKeyError):
        a.rotate_rows(1)
    with pytest.raises(LevelMismatchError):
        ev.mod_switch_to(a, a.level + 1)
    with pytest.raises(LevelExhaustedError):
        ev.mod_switch(Evaluator(params, refuse_exhausted=False).mod_switch_to(a, 0))
    with pytest.raises(ParameterError):
        ev.power(a, 0)
    with pytest.raises(ParameterError, match="relinearize"):
        ev.tensor(ev.tensor(a, a), a)
    with pytest.raises(ParameterError, match="products only"):
        ev.add(a, ev.factor(small.encoder.encode(1)))
    with pytest.raises(LevelMismatchError, match="prepared for level 0"):
        ev.multiply(a, ev.factor(small.encoder.encode(1), 0))
    with pytest.raises(NoEvaluatorError):
        _ = small.symmetric.encrypt(small.encoder.encode(1)) + 1
    other = BFVParameters.build(1, N=256, plain_bits=16, insecure_reason="unit test")
    with pytest.raises(ParametersMismatchError):
        Evaluator(other).add(a, 1)
    with pytest.raises(ParametersMismatchError):
        Evaluator(other, small.keys)


def test_noise__an_exhausted_product_is_refused_before_and_after(small):
    ev = Evaluator(small.params, small.keys)
    a = ev.attach(small.encrypt(small.slots(1)))
    with pytest.raises(NoiseBudgetExhaustedError, match="predicted noise budget"):
        ev.power(a, 1 << 10)
    b = small.encrypt(small.slots(1))
    for _ in range(10):
        b = small.evaluator.square(b)
    with pytest.raises(NoiseBudgetExhaustedError, match="is lost"):
        small.decryptor.decrypt(b)
    assert small.decryptor.noise_budget(b) < 0.2
