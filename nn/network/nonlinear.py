"""Layers that are no polynomials: functions of one number, and maxima over windows.

CKKS evaluates polynomials alone, so no plan computes these layers. A network may hold them until
they are replaced by polynomials. Their cleartext meaning here is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from he.errors import HEError
from he.validation import instance, real_number
from nn.errors import LayerParameterError, ShapeError
from nn.network.layers import FloatArray, Layer, Shape, check_pair, check_single_input
from ntt.lazy import LazyModule

special = LazyModule("scipy.special")  # whose import takes longer than an encrypted image


@dataclass(frozen=True)
class Definition:
    """The parameters of a function, with their usual values, and what it computes.

    `compute` takes an array and the parameters by name.
    """

    parameters: Mapping[str, float]
    compute: Callable[..., FloatArray]


def _sigmoid(x: FloatArray) -> FloatArray:
    result: FloatArray = special.expit(x)
    return result


def _gelu(x: FloatArray) -> FloatArray:
    result: FloatArray = x * special.ndtr(x)
    return result


def _gelu_tanh(x: FloatArray) -> FloatArray:
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    result: FloatArray = x * 0.5 * (1 + np.tanh(inner))
    return result


def _softplus(x: FloatArray, beta: float) -> FloatArray:
    result: FloatArray = np.logaddexp(0, beta * x) / beta
    return result


def _exponential_part(x: FloatArray, alpha: float) -> FloatArray:
    """``max(x, 0) + alpha (exp(min(x, 0)) - 1)``."""
    result: FloatArray = np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))
    return result


FUNCTIONS: Mapping[str, Definition] = MappingProxyType(
    {
        "relu": Definition({}, lambda x: np.maximum(x, 0)),
        "leaky_relu": Definition({"slope": 0.01}, lambda x, slope: np.where(x > 0, x, slope * x)),
        "clip": Definition({"low": 0.0, "high": 6.0}, lambda x, low, high: np.clip(x, low, high)),
        "elu": Definition({"alpha": 1.0}, _exponential_part),
        "celu": Definition(
            {"alpha": 1.0},
            lambda x, alpha: np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha),
        ),
        "selu": Definition(
            {"alpha": 1.6732632423543772, "scale": 1.0507009873554805},
            lambda x, alpha, scale: scale * _exponential_part(x, alpha),
        ),
        "silu": Definition({"beta": 1.0}, lambda x, beta: x * _sigmoid(beta * x)),
        "gelu": Definition({}, _gelu),
        "gelu_tanh": Definition({}, _gelu_tanh),
        "sigmoid": Definition({}, _sigmoid),
        "log_sigmoid": Definition({}, lambda x: -np.logaddexp(0, -x)),
        "tanh": Definition({}, np.tanh),
        "softplus": Definition({"beta": 1.0}, _softplus),
        "softsign": Definition({}, lambda x: x / (1 + np.abs(x))),
        "mish": Definition({}, lambda x: x * np.tanh(np.logaddexp(0, x))),
        "hard_sigmoid": Definition(
            {"slope": 1 / 6, "shift": 0.5}, lambda x, slope, shift: np.clip(slope * x + shift, 0, 1)
        ),
        "hard_swish": Definition({}, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
        "abs": Definition({}, np.abs),
        "exp": Definition({}, np.exp),
        "sin": Definition({}, np.sin),
        "cos": Definition({}, np.cos),
        "erf": Definition({}, lambda x: special.erf(x)),
        "atan": Definition({}, np.arctan),
    }
)
"""The functions of one number that `ScalarFunction` knows, by name."""


@dataclass(frozen=True, eq=False)
class ScalarFunction(Layer):
    """``out = f(in)``, elementwise, with a function of `FUNCTIONS`; it is no polynomial.

    function: its name. parameters: its parameters by name; those left out have their usual values.
    Raises `LayerParameterError` for another function, another parameter, or no finite number.
    """

    function: str
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = instance(self.function, str, "the name of a function")
        if name not in FUNCTIONS:
            raise LayerParameterError(
                f"there is no function {name!r}; there are {', '.join(FUNCTIONS)}"
            )
        usual = FUNCTIONS[name].parameters
        given = dict(instance(self.parameters, Mapping, "the parameters of a function"))
        if unknown := sorted(map(str, set(given) - set(usual))):
            raise LayerParameterError(f"{name} has no parameters {unknown}; it has {list(usual)}")
        try:
            known = {key: real_number(given.get(key, usual[key]), key) for key in usual}
        except HEError as error:
            raise LayerParameterError(f"{name}: {error}") from error
        self._set(parameters=MappingProxyType(known))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.function, dict(self.parameters))

    def __call__(self, values: FloatArray) -> FloatArray:
        """The function of every element of an array of any shape."""
        result: FloatArray = np.asarray(
            FUNCTIONS[self.function].compute(values, **self.parameters), dtype=np.float64
        )
        return result

    def output_shape(self, *input_shapes: Shape) -> Shape:
        return check_single_input(self, input_shapes)

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        return self(inputs[0])


@dataclass(frozen=True, eq=False)
class MaxPool2d(Layer):
    """The maximum over windows; it is no polynomial.

    ``out[c, y, x] = max_{u,v} in[c, sy y + dy u - by, sx x + dx v - bx]`` with the stride s, the
    dilation d, and `before` b rows and columns in front of the image; `after` stand behind it. Both
    never win, and are narrower than a window.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        leasts = {"kernel": 1, "stride": 1, "before": 0, "after": 0, "dilation": 1}
        pairs = {
            name: check_pair(getattr(self, name), f"MaxPool2d {name}", least)
            for name, least in leasts.items()
        }
        self._set(**pairs)
        for name in ("before", "after"):
            if any(pad >= size for pad, size in zip(pairs[name], self.extent, strict=True)):
                raise LayerParameterError(
                    f"MaxPool2d {name} is {pairs[name]}; less than a window {self.extent} is needed"
                )

    @property
    def extent(self) -> tuple[int, int]:
        """The rows and columns that a window spans."""
        (height, width), (step_y, step_x) = self.kernel, self.dilation
        return (height - 1) * step_y + 1, (width - 1) * step_x + 1

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = check_single_input(self, input_shapes)
        if len(shape) != 3:
            raise ShapeError(f"MaxPool2d needs an input (C, H, W), got {shape}")
        counts = [
            (length + before + after - extent) // step + 1
            for length, before, after, extent, step in zip(
                shape[1:], self.before, self.after, self.extent, self.stride, strict=True
            )
        ]
        if min(counts) < 1:
            raise ShapeError(f"a window of {self.extent} does not fit into an image {shape}")
        return (shape[0], *counts)

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        pads = tuple(zip(self.before, self.after, strict=True))
        padded = np.pad(inputs[0], ((0, 0), (0, 0), *pads), constant_values=-np.inf)
        found = sliding_window_view(padded, self.extent, axis=(2, 3))
        (step_y, step_x), (tap_y, tap_x) = self.stride, self.dilation
        result: FloatArray = found[:, :, ::step_y, ::step_x, ::tap_y, ::tap_x].max(axis=(-2, -1))
        return result
