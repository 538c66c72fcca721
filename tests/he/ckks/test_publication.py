"""Published values: the noise of the proof, fresh each time, and a refusal where it is too much."""

from __future__ import annotations

import math

import numpy as np
import pytest

from he import Flooding, ParameterError, PublicationError
from he.ckks.publication import discrete_gaussian


@pytest.mark.parametrize("variance", [1, 7, 10**6, 3 << 40])
def test_discrete_gaussian__has_its_mean_and_variance(variance):
    drawn = [discrete_gaussian(variance) for _ in range(4000)]
    # Seven standard deviations of either estimate.
    assert abs(sum(drawn)) < 7 * math.sqrt(4000 * variance)
    squares = sum(x * x for x in drawn) / 4000
    assert abs(squares / variance - 1) < 7 * math.sqrt(2 / 4000)


@pytest.mark.parametrize(("bound", "count", "bits"), [(1e-6, 10, 30), (0.75, 1, 40), (3.0, 999, 8)])
def test_sigma__is_that_of_the_paper(bound, count, bits):
    """sqrt(12 count) 2^(s/2) times the bound, and at most a 16th more for the grid."""
    flooding = Flooding(bound, count, bits)
    paper = math.sqrt(12 * count) * 2 ** (bits / 2) * bound
    assert paper < flooding.sigma <= paper * (1 + 1 / 16)
    steps = bound / flooding.grid + 1
    assert count * steps**2 / (2 * flooding.variance) <= 2.0**-bits / 24


def test_publish__adds_fresh_noise_of_that_size():
    flooding = Flooding(1e-8, 2000, 20)
    values = np.linspace(-1, 1, 2000).reshape(2, 1000)
    one, two = flooding.publish(values), flooding.publish(values)
    assert one.shape == values.shape
    assert (one != two).mean() > 0.99
    spread = np.sqrt(np.mean((one - values) ** 2))
    assert abs(spread / flooding.sigma - 1) < 7 / math.sqrt(2 * 2000)


def test_publish__refuses_what_leaves_too_little_precision():
    flooding = Flooding(1e-3, 10, 30)
    with pytest.raises(PublicationError, match="bits of values of size 1 would be left"):
        flooding.publish(np.zeros(10))
    with pytest.raises(PublicationError, match="no finite real number"):
        Flooding(1e-9, 10, 20).publish(np.array([np.nan]))
    for wrong in (np.inf, 1e308, 1j, True, "1", [None]):
        with pytest.raises(PublicationError, match="no finite real number"):
            Flooding(1e-9, 10, 20).publish(np.array([wrong]))


@pytest.mark.parametrize("wrong", [(0, 1, 30), (math.nan, 1, 30), (1e-3, 0, 30), (1e-3, 1, 129)])
def test_flooding__refuses_what_is_out_of_range(wrong):
    with pytest.raises(ParameterError):
        Flooding(*wrong)
