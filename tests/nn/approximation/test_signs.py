"""Compositions for the sign: their bounds hold, and their depth is the least."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from he.ckks.circuits.polynomial import depth
from nn.approximation.signs import composite_of, nearest_composite, shortest_composite
from nn.errors import ApproximationError


@pytest.mark.parametrize("bits", [2, 4, 6, 8, 9.5, 11, 13])
def test_shortest_composite__bounds_hold(bits):
    sign = shortest_composite(bits)
    x = np.geomspace(sign.reach, 1, 100001)
    assert np.abs(sign(x) - 1).max() <= sign.error
    assert np.abs(sign(-x) + 1).max() <= sign.error
    y = np.concatenate([np.linspace(-1, 1, 100001), np.geomspace(1e-9, 1, 100001)])
    assert np.abs(np.abs(y) - y * sign(y)).max() <= sign.absolute_error <= 2.0**-bits
    near = np.linspace(0, sign.reach, 1001)
    assert (np.diff(sign(near)) >= -1e-12).all()
    assert sign.depth == sum(depth(degree) for degree in sign.degrees)


def test_composite_of__degrees_15_15_27_give_a_relu_of_13_bits():
    sign = composite_of((15, 15, 27), 9)
    assert sign.depth == 13
    assert sign.absolute_error / 2 <= 2.0**-13


@pytest.mark.parametrize("bits", [3, 5, 6])
def test_shortest_composite__no_composition_of_less_depth_is_as_good(bits):
    """The slow twin: all compositions of full degrees, over many reaches."""
    found = shortest_composite(bits)
    full = {2: 3, 3: 7, 4: 15, 5: 31}
    for count in (1, 2, 3):
        for levels in itertools.product(full, repeat=count):
            if sum(levels) >= found.depth:
                continue
            degrees = tuple(full[level] for level in levels)
            for reach in np.arange(max(0.5, bits - 4), bits, 0.25):
                assert composite_of(degrees, reach).absolute_error > 2.0**-bits


@pytest.mark.parametrize("degrees", [(7,), (3, 5), (15, 25)])
def test_nearest_composite__no_reach_is_better(degrees):
    """The slow twin: all reaches of a fine grid."""
    found = nearest_composite(degrees)
    best = min(composite_of(degrees, bits).absolute_error for bits in np.arange(0.5, 14, 0.0625))
    assert found.degrees == degrees
    assert found.absolute_error <= best * 2**0.03


def test_composite_of__refuses_even_degrees_and_too_many_bits():
    with pytest.raises(ApproximationError, match="odd degrees"):
        composite_of((15, 14), 5)
    with pytest.raises(ApproximationError, match="bits"):
        shortest_composite(40)
