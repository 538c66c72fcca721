"""Polynomials against powers written out, and against PyTorch's layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nn.errors import LayerParameterError, ShapeError
from nn.frontend.torch_layers import PolynomialActivation
from nn.network.activation import Polynomial
from nn.network.evaluation_error import rounding_bound
from nn.network.graph import Network, Node


@st.composite
def polynomials(draw: st.DrawFn) -> tuple[Polynomial, np.ndarray]:
    channels, degree = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    coefficients = rng.normal(size=(channels, degree + 1))
    layer = Polynomial(coefficients if draw(st.booleans()) else coefficients[0])
    extent = draw(st.sampled_from([(), (2, 3)]))
    return layer, rng.normal(size=(2, channels, *extent))


def naive(layer: Polynomial, values: np.ndarray) -> np.ndarray:
    out = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        row = layer.coefficients[index[1]] if layer.per_channel else layer.coefficients
        out[index] = sum(float(row[k]) * float(values[index]) ** k for k in range(len(row)))
    return out


@given(polynomials())
def test_polynomial__equals_powers_written_out(case: tuple[Polynomial, np.ndarray]) -> None:
    layer, values = case
    network = Network("p", values.shape[1:], (Node("p", layer, ("input",)),))
    difference = np.abs(layer.forward(values) - naive(layer, values))
    assert (difference <= 2 * rounding_bound(network, values)).all()


@given(polynomials())
def test_polynomial__equals_torch_layer(case: tuple[Polynomial, np.ndarray]) -> None:
    layer, values = case
    channels = layer.coefficients.shape[0] if layer.per_channel else None
    module = PolynomialActivation(layer.degree, channels).double()
    module.coefficients.data = torch.tensor(layer.coefficients)
    expected = module(torch.tensor(values)).detach().numpy()
    # Both are Horner's rule in the same order, but torch may fuse a multiplication and addition.
    network = Network("p", values.shape[1:], (Node("p", layer, ("input",)),))
    assert (np.abs(layer.forward(values) - expected) <= 2 * rounding_bound(network, values)).all()


def test_square__is_the_square() -> None:
    values = np.linspace(-3, 3, 7).reshape(1, 7)
    assert np.array_equal(Polynomial.square().forward(values), values * values)
    assert Polynomial.square().degree == 2
    assert not Polynomial.square().per_channel


def test_coefficients_for__broadcasts_shared_ones() -> None:
    assert np.array_equal(Polynomial([1, 2, 3]).coefficients_for(2), [[1, 2, 3], [1, 2, 3]])
    rows = [[1, 2, 3], [4, 5, 0]]
    assert np.array_equal(Polynomial(rows).coefficients_for(2), rows)
    with pytest.raises(ShapeError, match="for 2 channels, asked for 3"):
        Polynomial(rows).coefficients_for(3)


def test_polynomial__refuses_wrong_channels() -> None:
    with pytest.raises(ShapeError, match="for 2 channels"):
        Polynomial([[1, 2], [3, 4]]).output_shape((3, 4, 4))


@pytest.mark.parametrize(
    ("coefficients", "message"),
    [
        ([0.0, 1.0, 0.0], "leading coefficient 0"),
        ([[0.0, 0.0], [1.0, 0.0]], "leading coefficient 0"),
        ([np.nan, 1.0], "NaN or infinite"),
        ([], "no dimension may be 0"),
        (1.0, "1 or 2 dimensions"),
    ],
)
def test_polynomial__refuses(coefficients: object, message: str) -> None:
    with pytest.raises(LayerParameterError, match=message):
        Polynomial(coefficients)  # type: ignore[arg-type]


def test_torch_layer__starts_near_silu_and_refuses_nonsense() -> None:
    module = PolynomialActivation(3, channels=2)
    assert torch.equal(module.coefficients, torch.tensor([[0.0, 0.5, 0.25, 0.0]] * 2))
    assert "(2, 4)" in repr(module)
    with pytest.raises(LayerParameterError, match="degree is 0"):
        PolynomialActivation(0)
    with pytest.raises(LayerParameterError, match="2 coefficients; degree 2 needs 3"):
        PolynomialActivation(2, initial=[1.0, 2.0])
