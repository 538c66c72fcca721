"""Fits over the values of a layer: near them, and bounded over the whole range."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebval

import nn
from nn.approximation.fitting import fit
from nn.approximation.replacement import (
    COMPOSITE,
    SINGLE,
    Method,
    kinks_of,
    replaced_function,
)
from nn.approximation.samples import Samples
from nn.errors import ApproximationError
from nn.network.nonlinear import FUNCTIONS

SMOOTH = [name for name in FUNCTIONS if name not in ("exp",)]


def samples(seed: int, groups: int = 2, *, symmetric: bool = False) -> Samples:
    rng = np.random.default_rng(seed)
    values = rng.normal(0.3, 1.0, (50, groups, 6, 6)) * np.arange(1, groups + 1)[:, None, None]
    return Samples.of(values, 0.1, symmetric=symmetric)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("degree", [2, 7, 15, 63])
def test_fit__error_is_a_bound_over_the_range(name, degree):
    found = samples(degree)
    layer = nn.ScalarFunction(name)
    kinks = kinks_of(layer.function, layer.parameters)
    fitted = fit(layer, found, degree, kinks=kinks)
    t = np.union1d(np.linspace(-1, 1, 20001), np.cos(np.linspace(0, np.pi, 20001)))
    worst = 0.0
    for group in range(found.groups):
        x = found.centre[group] + found.radius[group] * t
        worst = max(worst, np.abs(layer(x) - chebval(t, fitted.coefficients[group])).max())
    rounding = 1e-15 * degree**2 * float(np.abs(fitted.coefficients).sum())
    assert worst <= fitted.error <= 1.1 * worst + rounding


def test_fit__is_nearer_than_the_minimax_polynomial_where_the_values_lie():
    from nn.approximation.minimax import minimax

    found = samples(3, groups=1)
    layer = nn.ScalarFunction("relu")
    centre, radius = found.centre[0], found.radius[0]
    best = minimax(lambda t: layer(centre + radius * t), 7, kinks=(-centre / radius,))
    fitted = fit(layer, found, 7, kinks=(0.0,))
    t, exact = found.scaled[0], layer(found.values[0])
    error = np.mean((chebval(t, fitted.coefficients[0]) - exact) ** 2)
    assert error < 0.8 * np.mean((chebval(t, best) - exact) ** 2)


@pytest.mark.parametrize("method", [*SINGLE, *COMPOSITE[::2]], ids=lambda m: m.label)
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "abs"])
def test_replaced_function__is_the_function_within_its_bound(name, method):
    found = samples(4, symmetric=method.bits is not None)
    layer = nn.ScalarFunction(name, {"slope": 0.2} if name == "leaky_relu" else {})
    replaced = replaced_function("act", "input", layer, method, found)
    network = nn.Network("one", (2, 40, 5), replaced.nodes, (-20.0, 20.0))
    t = np.linspace(-1, 1, 200)
    x = (found.centre + found.radius * t[:, None]).T.reshape(2, 40, 5)
    error = np.abs(network(x[None])[0] - layer(x)).max()
    assert error <= replaced.error + 1e-9
    assert network.output.name == "act"


def test_method__levels_are_those_of_the_stages():
    from nn.packed.planner import levels_above_answer
    from nn.stages.rewriting import rewrite

    rng = np.random.default_rng(0)
    found = samples(5, groups=1, symmetric=True)
    for method in (*SINGLE, *COMPOSITE):
        replaced = replaced_function("act", "fc1", nn.ScalarFunction("relu"), method, found)
        nodes = (
            nn.Node("fc1", nn.Linear(rng.normal(size=(4, 4)), np.zeros(4)), ("input",)),
            *replaced.nodes,
            nn.Node("fc2", nn.Linear(rng.normal(size=(2, 4)), np.zeros(2)), ("act",)),
        )
        network = nn.Network("levels", (4,), nodes)
        network = network.calibrated(rng.uniform(0, 1, (8, 4)))
        assert levels_above_answer(rewrite(network))["input"] == 2 + method.levels


def test_replaced_function__a_composition_of_another_function_is_refused():
    with pytest.raises(ApproximationError, match="silu is no sum"):
        replaced_function("a", "input", nn.ScalarFunction("silu"), Method(bits=9.0), samples(0))
