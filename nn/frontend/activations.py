"""The one place where front ends recognise activations that are no polynomials.

Both tables lead from the name of an operation to a `ScalarFunction` and the names of its
parameters, in the order in which the operation has them. A converter asks `recognised` and puts the
layer into the network, or refuses the operation with `advice`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nn.network.nonlinear import ScalarFunction

Entry = tuple[str, Mapping[str, str]]
"""A function of `nn.network.nonlinear`, and its parameters by their names in the operation."""

_NONE: Mapping[str, str] = MappingProxyType({})

TORCH: Mapping[str, Entry] = MappingProxyType(
    {
        "relu": ("relu", _NONE),
        "leaky_relu": ("leaky_relu", {"negative_slope": "slope"}),
        "hardtanh": ("clip", {"min_val": "low", "max_val": "high"}),
        "relu6": ("clip", _NONE),
        "elu": ("elu", {"alpha": "alpha"}),
        "celu": ("celu", {"alpha": "alpha"}),
        "selu": ("selu", _NONE),
        "silu": ("silu", _NONE),
        "gelu": ("gelu", _NONE),
        "sigmoid": ("sigmoid", _NONE),
        "log_sigmoid_forward": ("log_sigmoid", _NONE),
        "tanh": ("tanh", _NONE),
        "softplus": ("softplus", {"beta": "beta"}),
        "mish": ("mish", _NONE),
        "hardsigmoid": ("hard_sigmoid", _NONE),
        "hardswish": ("hard_swish", _NONE),
        "abs": ("abs", _NONE),
        "exp": ("exp", _NONE),
        "sin": ("sin", _NONE),
        "cos": ("cos", _NONE),
        "erf": ("erf", _NONE),
        "atan": ("atan", _NONE),
    }
)
"""Operations of ATen, by their names without overloads."""

ONNX: Mapping[str, Entry] = MappingProxyType(
    {
        "Relu": ("relu", _NONE),
        "LeakyRelu": ("leaky_relu", {"alpha": "slope"}),
        "Clip": ("clip", {"min": "low", "max": "high"}),
        "Elu": ("elu", {"alpha": "alpha"}),
        "Celu": ("celu", {"alpha": "alpha"}),
        "Selu": ("selu", {"alpha": "alpha", "gamma": "scale"}),
        "Swish": ("silu", {"alpha": "beta"}),
        "Gelu": ("gelu", _NONE),
        "Sigmoid": ("sigmoid", _NONE),
        "Tanh": ("tanh", _NONE),
        "Softplus": ("softplus", _NONE),
        "Softsign": ("softsign", _NONE),
        "Mish": ("mish", _NONE),
        "HardSigmoid": ("hard_sigmoid", {"alpha": "slope", "beta": "shift"}),
        "HardSwish": ("hard_swish", _NONE),
        "Abs": ("abs", _NONE),
        "Exp": ("exp", _NONE),
        "Sin": ("sin", _NONE),
        "Cos": ("cos", _NONE),
        "Erf": ("erf", _NONE),
        "Atan": ("atan", _NONE),
    }
)
"""Operators of ONNX."""

USUAL_IN_ONNX: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {"HardSigmoid": {"slope": 0.2, "shift": 0.5}}
)
"""Parameters of operators that have other usual values than the function has."""


def recognised(
    table: Mapping[str, Entry], operation: str, parameters: Mapping[str, float]
) -> ScalarFunction | None:
    """The layer for an operation of a table, or None for an operation that the table lacks.

    parameters: what the operation was given, by its own names. ``gelu`` with ``approximate="tanh"``
    is an operation "gelu_tanh" of neither table, and known here.
    """
    if operation in ("gelu_tanh", "Gelu_tanh"):
        return ScalarFunction("gelu_tanh")
    if operation not in table:
        return None
    function, names = table[operation]
    usual = USUAL_IN_ONNX.get(operation, {}) if table is ONNX else {}
    given = {names[key]: value for key, value in parameters.items() if key in names}
    return ScalarFunction(function, {**usual, **given})


def advice(function: str) -> str:
    """The way out for an activation that cannot be converted: one sentence, for every front end."""
    return (
        f"{function} is no polynomial, and encrypted values take polynomials only: use "
        "PolynomialActivation or x ** 2"
    )
