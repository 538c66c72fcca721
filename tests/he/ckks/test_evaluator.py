"""Every CKKS operation is what NumPy does on the slots, to within the predicted error."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import ntt
from he.ckks.ciphertext import Ciphertext

seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(
    [
        "tiny", "small", "one-limb digits", "two digits", "wide primes", "words",
        "words of 26 bits", "scales of levels", "two words a level",
    ]
)  # fmt: skip
real_scalars = st.floats(-30, 30) | st.integers(-30, 30) | st.floats(-30, 30).map(np.float32)


@given(names, seeds, seeds, st.data())
def test_add_subtract_negate__are_those_of_the_slots(schemes, name, one, two, data) -> None:
    s = schemes(name)
    levels = st.integers(0, s.params.max_level)
    a, b = s.encrypt(s.random(one), data.draw(levels)), s.encrypt(s.random(two), data.draw(levels))
    total = s.evaluator.add(a.ct, b.ct)
    level = min(a.ct.level, b.ct.level)
    assert (total.level, total.scale) == (level, s.params.scales[level])
    a, b = s.dropped(a, level), s.dropped(b, level)
    variance, absolute = a.variance + b.variance, a.absolute + b.absolute
    tracked = type(a)
    s.check(tracked(total, a.slots + b.slots, variance, absolute))
    s.check(tracked(s.evaluator.subtract(a.ct, b.ct), a.slots - b.slots, variance, absolute))
    s.check(tracked(s.evaluator.negate(a.ct), -a.slots, a.variance, a.absolute))


@given(names, seeds, seeds, st.booleans())
def test_multiply__is_the_product_of_the_slots(schemes, name, one, two, same) -> None:
    s = schemes(name)
    a = s.encrypt(s.random(one))
    b = a if same else s.encrypt(s.random(two))
    level = s.params.max_level
    product = s.evaluator.multiply(a.ct, b.ct)
    assert (product.level, product.parts) == (level - 1, 2)
    assert product.scale == pytest.approx(s.params.scales[level - 1], rel=2.0**-50)
    s.check(s.multiplied(a, b, product))
    s.check(s.multiplied(a, a, s.evaluator.square(a.ct)))


@given(names, seeds, seeds)
def test_multiply__of_different_levels_drops_the_higher(schemes, name, one, two) -> None:
    s = schemes(name)
    assume(s.params.max_level > 1)
    a, b = s.encrypt(s.random(one)), s.encrypt(s.random(two), 1)
    s.check(s.multiplied(s.dropped(a, 1), b, s.evaluator.multiply(a.ct, b.ct)))
    s.check(s.multiplied(b, s.dropped(a, 1), s.evaluator.multiply(b.ct, a.ct)))


@given(names, seeds)
def test_relinearize_rescale__agrees_with_the_two_steps(schemes, name, seed) -> None:
    s = schemes(name)
    a, b = s.encrypt(s.random(seed)), s.encrypt(s.random(seed + 1))
    three = s.evaluator.tensor(a.ct, b.ct)
    assert three.parts == 3
    fused = s.evaluator.relinearize_rescale(three)
    stepwise = s.evaluator.rescale(s.evaluator.relinearize(three))
    level = s.params.max_level
    assert (fused.level, fused.parts, fused.scale) == (level - 1, 2, stepwise.scale)
    # One rounding of x / (P q) against one of x / P and one of that over q: each coefficient is
    # off by at most 1/2 + (1/2 + 1/(2q)) < 2 between them, and it is a whole number.
    ops = s.evaluator.context.q(level - 1)
    difference = ops.subtract(np.empty_like(fused.data), fused.data, stepwise.data)
    coefficients = ops.inverse(difference)
    moduli = np.array(ops.moduli, dtype=np.uint64)[:, None]
    assert int(np.minimum(coefficients, moduli - coefficients).max()) <= 1
    unrescaled = s.product_variance(a, b) + s.noise.key_switch(level)
    tracked = type(a)
    s.check(tracked(s.evaluator.relinearize(three), a.slots * b.slots, unrescaled))
    s.check(tracked(three, a.slots * b.slots, s.product_variance(a, b)))


@given(names, seeds, seeds, st.integers(0, 40))
def test_plaintext_operands__act_on_the_slots(schemes, name, one, two, count) -> None:
    s = schemes(name)
    a = s.encrypt(s.random(one))
    vector = s.random(two)[:count]
    full = np.zeros(s.params.slots, dtype=complex)
    full[: vector.size] = vector
    encoded = s.encoder.encode(vector)
    operand = s.plaintext(full, encoded)
    tracked = type(a)
    variance = a.variance + operand.variance
    for given_as in (vector, encoded):
        s.check(tracked(s.evaluator.add(a.ct, given_as), a.slots + full, variance))
        s.check(tracked(s.evaluator.subtract(a.ct, given_as), a.slots - full, variance))
        s.check(s.multiplied(a, operand, s.evaluator.multiply(a.ct, given_as)))
    unrescaled = s.evaluator.multiply_plain(a.ct, encoded, rescale=False)
    s.check(tracked(unrescaled, a.slots * full, s.product_variance(a, operand)))


@given(names, seeds, real_scalars)
def test_scalars__act_on_every_slot(schemes, name, seed, scalar) -> None:
    s = schemes(name)
    a = s.encrypt(s.random(seed))
    tracked = type(a)
    value = float(scalar)
    level, q = s.params.max_level, s.params.divisors[s.params.max_level]
    s.check(tracked(s.evaluator.add(a.ct, scalar), a.slots + value, a.variance, 0.5))
    s.check(tracked(s.evaluator.subtract(a.ct, scalar), a.slots - value, a.variance, 0.5))
    factor = s.params.scales[level - 1] * q / a.ct.scale
    variance = a.variance * ((abs(value) * factor + 0.5) / q) ** 2 + s.noise.rounding
    rounded = 0.5 * np.abs(a.slots).max() * a.ct.scale / q
    product = s.evaluator.multiply(a.ct, scalar)
    assert product.level == level - 1
    s.check(tracked(product, a.slots * value, variance, rounded))


@given(names, seeds, st.complex_numbers(max_magnitude=8, allow_nan=False))
def test_complex_scalars__act_on_every_slot(schemes, name, seed, scalar) -> None:
    s = schemes(name)
    a = s.encrypt(s.random(seed))
    full = np.full(s.params.slots, scalar)
    operand = s.plaintext(full, s.encoder.encode(scalar))
    s.check(s.multiplied(a, operand, s.evaluator.multiply(a.ct, scalar)))
    variance = a.variance + operand.variance
    s.check(type(a)(s.evaluator.add(a.ct, scalar), a.slots + scalar, variance))


@given(names, seeds, st.integers(-1000, 1000) | st.integers(-1000, 1000).map(np.int64))
@example("small", 0, 0)
def test_multiply_integer__is_exact_and_free(schemes, name, seed, factor) -> None:
    s = schemes(name)
    a = s.encrypt(s.random(seed))
    product = s.evaluator.multiply_integer(a.ct, factor)
    assert (product.level, product.scale) == (a.ct.level, a.ct.scale)
    k = int(factor)
    s.check(type(a)(product, a.slots * k, a.variance * k**2))


@given(names, seeds, st.data())
def test_drop_to__keeps_the_slots_at_the_canonical_scale(schemes, name, seed, data) -> None:
    s = schemes(name)
    level = data.draw(st.integers(0, s.params.max_level))
    a = s.encrypt(s.random(seed))
    dropped = s.dropped(a, level)
    assert dropped.ct.level == level
    assert dropped.ct.scale == pytest.approx(s.params.scales[level], rel=2.0**-50)
    s.check(dropped)
    top, lower = s.params.levels[-1], s.params.levels[level]
    if a.ct.scale >= s.params.level_moduli[level] / 4:
        return  # a scale that the lower level holds no values at
    limbs = s.evaluator.drop_limbs(a.ct, level)
    assert limbs.level == level
    assert limbs.scale == pytest.approx(a.ct.scale, rel=2.0**-20)
    if top.holds(lower):
        assert (limbs.data == a.ct.data[:, : lower.limbs]).all()
        s.check(type(a)(limbs, a.slots, a.variance))
    else:
        integer, ratio = s.params.dropped(s.params.max_level, level)
        assert limbs.scale == a.ct.scale * ratio
        quotient = Fraction(s.params.modulus(s.params.max_level), s.params.modulus(level))
        assert integer == round(quotient)
        s.check(type(a)(limbs, a.slots, a.variance * ratio**2 + s.noise.rounding))


@given(st.sampled_from(["small", "two digits"]), seeds, st.integers(1, 9))
def test_power__takes_the_fewest_levels(schemes, name, seed, exponent) -> None:
    s = schemes(name)
    a = s.encrypt(s.random(seed, 0.7))
    result = a.ct**exponent
    assert s.params.max_level - result.level == (exponent - 1).bit_length()
    powers = {1: a}
    for e in range(2, exponent + 1):
        half = 1 << (e - 1).bit_length() - 1
        x, y = powers[half], powers[e - half]
        level = min(x.ct.level, y.ct.level)
        x, y = s.dropped(x, level), s.dropped(y, level)
        powers[e] = s.multiplied(x, y, s.evaluator.multiply(x.ct, y.ct))
    last = powers[exponent]
    s.check(type(a)(result, a.slots**exponent, last.variance, last.absolute))


@given(st.sampled_from(["small", "two digits"]), seeds)
def test_operators__read_like_numpy(schemes, name, seed) -> None:
    s = schemes(name)
    x, y = s.random(seed, real=True), s.random(seed + 1, real=True)
    a, b, array = s.encrypt(x).ct, s.encrypt(y).ct, s.random(seed + 2, real=True)
    plain = s.encoder.encode(array)
    # Every expression is at most two products of values up to 3: a crude bound on all of them.
    last = s.noise.product_rescale(s.params.max_level) ** 0.5
    bound = 64 * 24.5 * last / s.params.scales[-1]
    for encrypted, clear in [
        (a + b, x + y),
        (a - b, x - y),
        (a * b, x * y),
        (-a, -x),
        (a**2, x**2),
        (2 * a + 1, 2 * x + 1),
        (1 - a, 1 - x),
        (a - 1, x - 1),
        (array + a, array + x),
        (array - a, array - x),
        (array * a, array * x),
        (a * array, x * array),
        (a + list(array), x + array),
        (list(array) * a, x * array),
        (np.float64(0.5) * a, 0.5 * x),
        (np.int32(3) * a, 3 * x),
        (True * a, x),
        (plain + a, array + x),
        (plain * a, array * x),
        (a * b + array * a - 0.25, x * y + array * x - 0.25),
        (a.rotate(1) + a.conjugate(), np.roll(x, -1) + x),
    ]:
        assert isinstance(encrypted, Ciphertext)
        assert s.error(encrypted, clear) <= bound


@given(st.sampled_from(["small", "two digits"]), st.lists(seeds, min_size=2, max_size=10))
def test_any_program__stays_within_the_predicted_error(schemes, name, choices) -> None:
    """Random circuits of every operation, each value checked."""
    s = schemes(name)
    ev = s.evaluator
    values = [s.encrypt(s.random(choices[0])), s.encrypt(s.random(choices[1]))]
    tracked = type(values[0])
    for choice in choices:
        rng = np.random.default_rng(choice)
        x, y = (values[i] for i in rng.integers(0, len(values), 2))
        level = min(x.ct.level, y.ct.level)
        x, y = s.dropped(x, level), s.dropped(y, level)
        match rng.integers(0, 6):
            case 0:
                total = x.variance + y.variance
                z = x.slots + y.slots
                new = tracked(ev.add(x.ct, y.ct), z, total, x.absolute + y.absolute)
            case 1 if level > 0:
                new = s.multiplied(x, y, ev.multiply(x.ct, y.ct))
            case 2:
                variance = x.variance + s.noise.key_switch(level)
                new = tracked(ev.rotate(x.ct, 3), np.roll(x.slots, -3), variance, x.absolute)
            case 3:
                variance = x.variance + s.noise.key_switch(level)
                new = tracked(ev.conjugate(x.ct), x.slots.conj(), variance, x.absolute)
            case 4 if level > 0:
                vector = s.random(choice)
                factor = s.plaintext(vector, s.encoder.encode(vector, level))
                new = s.multiplied(x, factor, ev.multiply(x.ct, vector))
            case _:
                z = x.slots - y.slots
                total = x.variance + y.variance
                new = tracked(ev.subtract(x.ct, y.ct), z, total, x.absolute + y.absolute)
        s.check(new)
        values.append(new)


def test_operations__leave_their_operands_alone(small) -> None:
    ev = small.evaluator
    a, b = small.encrypt(small.random(1)).ct, small.encrypt(small.random(2), 2).ct
    plain = small.encoder.encode(small.random(3))
    before = [a.data.copy(), b.data.copy(), plain.data.copy()]
    results = [
        a + b, a - b, a * b, a * a, -a, a**3, 2.5 * a, a - 1, a + plain, a * plain,
        ev.rescale(a), ev.drop_to(a, 1), a.rotate(2), a.conjugate(),
        *ev.rotations(a, [0, 1, 2]), ev.inner_sum(a, 4), ev.relinearize(ev.tensor(a, a)),
    ]  # fmt: skip
    for array, old in zip((a.data, b.data, plain.data), before, strict=True):
        assert (array == old).all()
    assert all(result.evaluator is ev for result in results)


def test_results__are_the_same_bits_on_every_backend(small) -> None:
    rng = np.random.default_rng(5)
    moduli = np.array(small.params.q, dtype=np.uint64)[:, None]
    shape = (2, small.params.max_level + 1, small.params.N)
    data = rng.integers(0, 2**63, shape, dtype=np.uint64) % moduli
    a = Ciphertext(small.params, data, small.params.scales[-1])
    results = []
    for backend in ntt.available_backends():
        ntt.set_backend(backend)
        try:
            product = small.evaluator.square(a)
            results.append((product.data, small.evaluator.rotate(product, 3).data))
        finally:
            ntt.set_backend(None)
    for square, rotated in results[1:]:
        assert (square == results[0][0]).all()
        assert (rotated == results[0][1]).all()


def test_two_threads__compute_what_one_does(small) -> None:
    a, b = small.encrypt(small.random(1)).ct, small.encrypt(small.random(2)).ct

    def work(steps: int) -> list[np.ndarray]:
        ct = small.evaluator.multiply(a, b)
        return [small.evaluator.rotate(ct, steps).data, (ct * ct).data]

    steps = [1, 2, 3, 4, 5, 8] * 4
    expected = [work(k) for k in steps]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(work, steps))
    for one, other in zip(expected, together, strict=True):
        assert all((x == y).all() for x, y in zip(one, other, strict=True))
