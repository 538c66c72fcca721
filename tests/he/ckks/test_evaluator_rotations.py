"""Rotations, conjugation, hoisting and inner sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.evaluator import Evaluator
from he.errors import ParameterError
from he.rlwe import galois
from he.rlwe.key_needs import KeyNeeds

seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(
    [
        "tiny", "small", "one-limb digits", "two digits", "wide primes", "words",
        "words of 26 bits", "scales of levels", "two words a level",
    ]
)  # fmt: skip


def rotated(s, x, steps: int):
    """x rotated, with its prediction."""
    variance = x.variance + s.noise.key_switch(x.ct.level)
    ct = s.evaluator.rotate(x.ct, steps)
    return type(x)(ct, np.roll(x.slots, -steps), variance, x.absolute)


@given(names, seeds, st.sampled_from([0, 1, 2, 3, 4, 5, 8, -1]), st.data())
def test_rotate__is_roll(schemes, name, seed, steps, data) -> None:
    s = schemes(name)
    x = s.encrypt(s.random(seed), data.draw(st.integers(0, s.params.max_level)))
    y = rotated(s, x, steps)
    assert (y.ct.level, y.ct.scale) == (x.ct.level, x.ct.scale)
    s.check(y)
    # Any number of full turns changes nothing, not a bit.
    turned = s.evaluator.rotate(x.ct, np.int64(steps + 3 * s.params.slots))
    assert (turned.data == y.ct.data).all()


@given(names, seeds, st.sampled_from([1, 2, 3]), st.sampled_from([1, 4, 5]))
def test_rotations__compose(schemes, name, seed, one, two) -> None:
    s = schemes(name)
    x = s.encrypt(s.random(seed))
    twice = rotated(s, rotated(s, x, one), two)
    s.check(twice)
    back = rotated(s, rotated(s, x, 1), -1)
    s.check(back)


@given(names, seeds)
def test_conjugate__conjugates_every_slot(schemes, name, seed) -> None:
    s = schemes(name)
    x = s.encrypt(s.random(seed))
    variance = x.variance + s.noise.key_switch(x.ct.level)
    once = s.evaluator.conjugate(x.ct)
    s.check(type(x)(once, x.slots.conj(), variance))
    twice = s.evaluator.conjugate(once)
    s.check(type(x)(twice, x.slots, variance + s.noise.key_switch(x.ct.level)))


@given(names, seeds, st.lists(st.sampled_from([0, 1, 2, 3, 5, -1]), max_size=6))
def test_hoisted_rotations__are_the_single_ones_bit_for_bit(schemes, name, seed, steps) -> None:
    s = schemes(name)
    x = s.encrypt(s.random(seed)).ct
    hoisted = s.evaluator.rotations(x, steps)
    assert len(hoisted) == len(steps)
    for k, ct in zip(steps, hoisted, strict=True):
        assert (ct.data == s.evaluator.rotate(x, k).data).all()


def test_automorphism__of_any_element_permutes_as_the_slots_do(small) -> None:
    """Elements 3^i and -3^i are all the odd ones: a rotation, or one and a conjugation."""
    s = small
    N = s.params.N
    element = 2 * N - galois.element_of_rotation(7, N)
    keys = s.generator.evaluation_keys(s.secret, KeyNeeds(galois={element: 4}))
    x = s.encrypt(s.random(3))
    ct = Evaluator(s.params, keys).automorphism(x.ct, element)
    variance = x.variance + s.noise.key_switch(4)
    s.check(type(x)(ct, np.roll(x.slots, -7).conj(), variance))


@given(names, seeds, st.sampled_from([(1, 1), (2, 1), (4, 1), (8, 1), (2, 4), (4, -1), (2, 0)]))
def test_inner_sum__adds_strided_slots(schemes, name, seed, shape) -> None:
    s = schemes(name)
    count, stride = shape
    N, top = s.params.N, s.params.max_level
    steps = galois.inner_sum_steps(count, stride)
    elements = {galois.element_of_rotation(k, N): top for k in steps}
    keys = s.generator.evaluation_keys(s.secret, KeyNeeds(galois=elements))
    x = s.encrypt(s.random(seed))
    total = Evaluator(s.params, keys).inner_sum(x.ct, count, stride)
    expected = sum(np.roll(x.slots, -j * stride) for j in range(count))
    # Step k adds 2^k terms to as many: the errors of a sum and of its rotation are those of the
    # same ciphertext, so they add in size, not in square.
    deviation = np.sqrt(x.variance)
    for _ in steps:
        deviation = 2 * deviation + np.sqrt(s.noise.key_switch(top))
    s.check(type(x)(total, expected, deviation**2))


@pytest.mark.parametrize("count", [0, -2, 3, 12])
def test_inner_sum__of_no_power_of_two(small, count: int) -> None:
    with pytest.raises(ParameterError, match="power of two"):
        small.evaluator.inner_sum(small.encrypt(small.random(1)).ct, count)
