"""A bound on the rounding errors of a network that is evaluated in floating point.

Running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1): a sum
of n products, computed in any order with unit roundoff u, has an error of at most
``gamma_n sum |a_i b_i|`` with ``gamma_n = n u / (1 - n u)``. The absolute values of the weights
amplify the errors of the inputs. The bound is rigorous for the plain algorithms, without tuning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from nn.errors import UnsupportedLayerError
from nn.network.activation import Chebyshev, Polynomial
from nn.network.graph import INPUT, Network
from nn.network.layers import (
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    FloatArray,
    Layer,
    Linear,
    per_channel,
)
from nn.network.linear_map import LinearMap, Reshape
from nn.network.nonlinear import MaxPool2d, ScalarFunction
from nn.network.two_inputs import Maximum, Multiply

FLOAT32_ROUNDOFF = 2.0**-24
FLOAT64_ROUNDOFF = 2.0**-53


def rounding_bound(
    network: Network, images: ArrayLike, unit_roundoff: float = FLOAT64_ROUNDOFF
) -> FloatArray:
    """A bound on ``|computed - exact|`` of each output, ``(B, *output_shape)``.

    Two evaluations with this roundoff differ by at most twice the bound. The images count as exact.
    Raises `UnsupportedLayerError` for a layer without a known bound.
    """
    values = network.values(images)
    errors = {INPUT: np.zeros_like(values[INPUT])}
    for node in network.nodes:
        errors[node.name] = rounding_after(
            node.layer,
            [values[name] for name in node.inputs],
            [errors[name] for name in node.inputs],
            unit_roundoff,
        )
    return errors[network.output.name]


def gamma(operations: int, unit_roundoff: float = FLOAT64_ROUNDOFF) -> float:
    """``gamma_n = n u / (1 - n u)``: the relative error of n roundings; infinite from n u = 1."""
    if operations * unit_roundoff >= 1:
        return math.inf
    return operations * unit_roundoff / (1 - operations * unit_roundoff)


def rounding_after(
    layer: Layer,
    values: Sequence[FloatArray],
    errors: Sequence[FloatArray],
    unit_roundoff: float = FLOAT64_ROUNDOFF,
) -> FloatArray:
    """A bound on the error of one layer's output, ``(B, *output_shape)``.

    values: the computed inputs of the layer. errors: bounds on their errors. Raises
    `UnsupportedLayerError` for a layer without a known bound.
    """
    # The computed values are rounded too: their errors belong to the magnitudes.
    magnitudes = [np.abs(value) + error for value, error in zip(values, errors, strict=True)]
    magnitude, error = magnitudes[0], errors[0]
    if isinstance(layer, (Conv2d, Linear)):
        absolute = replace(layer, weight=np.abs(layer.weight), bias=np.abs(layer.bias))
        linear = replace(absolute, bias=np.zeros_like(layer.bias))
        terms = layer.weight[0].size + 1
        return linear.forward(error) + gamma(terms, unit_roundoff) * absolute.forward(magnitude)
    if isinstance(layer, AvgPool2d):
        relative = gamma(layer.kernel[0] * layer.kernel[1] + 1, unit_roundoff)
        return layer.forward(error) + relative * layer.forward(magnitude)
    if isinstance(layer, LinearMap):
        full = replace(layer, values=np.abs(layer.values), bias=np.abs(layer.bias))
        plain = replace(full, bias=np.zeros_like(layer.bias))
        rounded = gamma(layer.longest_row + 1, unit_roundoff) * full.forward(magnitude)
        return plain.forward(error) + rounded
    if isinstance(layer, (Flatten, Reshape)):
        return layer.forward(error)
    if isinstance(layer, Add):
        return errors[0] + errors[1] + unit_roundoff * (magnitudes[0] + magnitudes[1])
    if isinstance(layer, BatchNorm):
        # (x - mean) / sqrt(variance + epsilon) * gamma + beta: seven roundings in any arrangement.
        rank = magnitude.ndim
        scale = per_channel(np.abs(layer.scale), rank)
        offset = per_channel(np.abs(layer.mean * layer.scale) + np.abs(layer.beta), rank)
        return scale * error + gamma(7, unit_roundoff) * (scale * magnitude + offset)
    if isinstance(layer, Polynomial):
        # Mean value theorem: |p(x + e) - p(x)| <= |e| P'(|x| + |e|), P with absolute coefficients.
        absolute_values = np.abs(layer.coefficients)
        powers = np.arange(1, layer.degree + 1)
        slope = (
            Polynomial(absolute_values[..., 1:] * powers)
            if layer.degree
            else Polynomial(np.zeros(1))
        )
        relative = gamma(2 * layer.degree + 1, unit_roundoff)
        rounded = relative * Polynomial(absolute_values).forward(magnitude)
        return slope.forward(magnitude) * error + rounded
    if isinstance(layer, Chebyshev):
        return _after_chebyshev(layer, magnitude, error, unit_roundoff)
    if isinstance(layer, Multiply):
        product = magnitudes[0] * magnitudes[1]
        return errors[0] * magnitudes[1] + magnitudes[0] * errors[1] + unit_roundoff * product
    if isinstance(layer, MaxPool2d):
        return layer.forward(error)
    if isinstance(layer, ScalarFunction):
        return _after_function(layer, values[0], error, unit_roundoff)
    if isinstance(layer, Maximum):
        return np.maximum(errors[0], errors[1])
    raise UnsupportedLayerError(f"{type(layer).__name__} has no known rounding bound")


def _after_function(
    layer: ScalarFunction, values: FloatArray, error: FloatArray, unit_roundoff: float
) -> FloatArray:
    """The change of the function over the error, and what libraries differ by.

    All functions are monotone over distances of an error, or turn once; so both ends of the
    interval, with a factor of 2, bound the change.
    """
    middle = layer(values)
    change = np.maximum(
        np.abs(layer(values + error) - middle), np.abs(layer(values - error) - middle)
    )
    size = np.abs(values)
    # Some libraries take x for softplus(x) beyond 20.
    tail = math.exp(-20) if layer.function == "softplus" else 0.0
    rounded = 64 * unit_roundoff * ((1 + size) * np.abs(middle) + size + 1)
    return 2 * change + rounded + tail / layer.parameters.get("beta", 1.0)


def _after_chebyshev(
    layer: Chebyshev, magnitude: FloatArray, error: FloatArray, unit_roundoff: float
) -> FloatArray:
    """|T_k'| <= k^2 and |T_k| <= 1 on [-1, 1]; beyond, both grow as T_k and T_k' themselves do.

    Clenshaw's recurrence multiplies the rounding error of its step k by U_k, at most k + 1 within.
    """
    reach = np.maximum(magnitude, 1.0)
    absolute = replace(layer, coefficients=np.abs(layer.coefficients))
    steps = gamma(4 * layer.degree**2 + 8, unit_roundoff)
    return absolute.slope(reach) * error + steps * absolute.forward(reach)
