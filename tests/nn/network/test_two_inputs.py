"""Products and maxima of two values, and Chebyshev polynomials as layers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import chebyshev

import nn
from nn.errors import LayerParameterError, ShapeError, UnsupportedLayerError
from nn.network.error_growth import powers_before, variance_after
from nn.network.evaluation_error import rounding_after
from nn.stages.rewriting import rewrite


def test_forward__is_the_product_and_the_larger_one():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3, 4, 5, 5))
    assert (nn.Multiply().forward(x, y) == x * y).all()
    assert (nn.Maximum().forward(x, y) == np.maximum(x, y)).all()
    for layer in (nn.Multiply(), nn.Maximum()):
        with pytest.raises(ShapeError, match="two inputs of one shape"):
            layer.output_shape((3, 4, 4), (3, 4, 5))


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("degree", [2, 7, 27])
def test_chebyshev__is_chebval_with_its_slope(degree, rows):
    rng = np.random.default_rng(degree)
    coefficients = rng.normal(size=(rows, degree + 1))
    layer = nn.Chebyshev(coefficients if rows > 1 else coefficients[0])
    x = rng.uniform(-1, 1, (2, 3, 4, 4))
    found, slope = layer.forward(x), layer.slope(x)
    bound = rounding_after(layer, [x], [np.zeros_like(x)])
    for channel in range(3):
        row, values = coefficients[channel % rows], x[:, channel]
        difference = np.abs(found[:, channel] - chebyshev.chebval(values, row))
        assert (difference <= 2 * bound[:, channel]).all()
        exact = chebyshev.chebval(values, chebyshev.chebder(row))
        assert np.allclose(slope[:, channel], exact, rtol=1e-9, atol=1e-9 * degree**2)


@pytest.mark.parametrize("given", [[1.0], [1.0, 2.0], [0.0, 1.0, 0.0], np.zeros((2, 4))])
def test_chebyshev__low_degrees_are_refused(given):
    with pytest.raises(LayerParameterError, match="degree of 2 or more"):
        nn.Chebyshev(given)


def test_growth__of_products_is_that_of_differences():
    rng = np.random.default_rng(1)
    x, y, by = rng.normal(size=(3, 2, 5))
    step = 1e-6
    layer = nn.Multiply()
    before = powers_before(layer, [x, y], by, 1)
    for index, (moved, other) in enumerate(((x, y), (y, x))):
        difference = (layer.forward(moved + step, other) - layer.forward(moved, other)) / step
        assert np.allclose(before[index], by * difference, atol=1e-6)
        assert np.allclose(
            powers_before(layer, [x, y], by, 2)[index], by * difference**2, atol=1e-4
        )
    variance = variance_after(layer, [x, y], [np.full_like(x, 2.0), np.full_like(x, 3.0)])
    assert np.allclose(variance, 2 * y**2 + 3 * x**2)


def test_file__keeps_all_layers(tmp_path):
    nodes = (
        nn.Node("bend", nn.Chebyshev([0.0, 0.5, 0.0, 0.25]), ("input",)),
        nn.Node("product", nn.Multiply(), ("input", "bend")),
        nn.Node("larger", nn.Maximum(), ("product", "bend")),
        nn.Node("leaky", nn.ScalarFunction("leaky_relu", {"slope": 0.2}), ("larger",)),
    )
    network = nn.Network("two", (6,), nodes, (-1.0, 1.0))
    nn.save(network, tmp_path / "two.npz")
    images = np.random.default_rng(2).uniform(-1, 1, (4, 6))
    assert (nn.load(tmp_path / "two.npz")(images) == network(images)).all()
    with pytest.raises(UnsupportedLayerError, match="no polynomials"):
        rewrite(network)
