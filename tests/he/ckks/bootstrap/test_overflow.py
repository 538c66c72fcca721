"""The distribution of the overflow count: against a simulation where it is large enough to see."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from he.ckks.bootstrap import overflow


@pytest.mark.parametrize(("weight", "bound"), [(4, 1), (32, 2), (32, 3), (32, 4)])
def test_tail__is_that_of_sums_of_uniform_numbers(weight: int, bound: int) -> None:
    trials = 1 << 18
    random = np.random.default_rng(weight + bound)
    sums = random.uniform(-0.5, 0.5, (trials, weight + 1)).sum(axis=1)
    expected = overflow.tail(Fraction(bound), weight)
    seen = np.count_nonzero(np.abs(sums) > bound) / trials
    # Six standard deviations of a count.
    assert abs(seen - expected) <= 6 * math.sqrt(expected * (1 - expected) / trials)


def test_tail__ends_where_no_sum_reaches() -> None:
    assert overflow.tail(Fraction(33, 2)) == 0
    assert overflow.tail(Fraction(0)) == 1
    # One number of the highest probability: (1 / 2)^1 for a single one beyond 1 / 4.
    assert overflow.tail(Fraction(1, 4), 0) == 0.5


def test_interval__is_the_least_that_keeps_the_failure_probability() -> None:
    for coefficients in (8, 1 << 16):
        for bits in (10, 40, 64, 128):
            interval = overflow.interval_for(coefficients, bits)
            assert overflow.failure_probability(coefficients, interval) <= 2.0**-bits
            assert overflow.failure_probability(coefficients, interval - 1) > 2.0**-bits
    assert overflow.interval_for(1 << 17, 64) == 14
    assert overflow.failure_probability(1 << 17, overflow.interval_for(1 << 17, 1 << 20)) == 0
    assert sum(map(overflow.probability, range(-17, 18))) == pytest.approx(1, abs=1e-12)


def test_standard_deviation__is_that_of_the_sums() -> None:
    random = np.random.default_rng(3)
    sums = random.uniform(-0.5, 0.5, (1 << 16, 33)).sum(axis=1)
    assert overflow.standard_deviation() == pytest.approx(sums.std(), rel=0.02)
