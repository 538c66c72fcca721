"""The layers of a network as data, each with its cleartext meaning.

A layer is a frozen dataclass. `output_shape` maps shapes without the batch axis, ``(C, H, W)`` or
``(F,)``; `forward` maps float64 batches ``(B, C, H, W)`` or ``(B, F)``. Parameters are float64
arrays, copied and made read-only at construction.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from he.validation import instance, shown
from nn.errors import LayerParameterError, ShapeError

FloatArray = NDArray[np.float64]
Shape = tuple[int, ...]


def freeze_array(value: ArrayLike, what: str, ranks: tuple[int, ...]) -> FloatArray:
    """Copy `value` into a read-only float64 array.

    Raises `LayerParameterError` unless the array is real, finite and not empty, and has a number of
    dimensions among `ranks`.
    """
    raw = np.asarray(value)
    if raw.dtype.kind not in "fiu":
        raise LayerParameterError(f"{what} has dtype {raw.dtype}; real numbers are needed")
    array: FloatArray = np.array(raw, dtype=np.float64, order="C")
    if array.ndim not in ranks:
        needed = " or ".join(str(rank) for rank in ranks)
        raise LayerParameterError(f"{what} has shape {array.shape}; {needed} dimensions are needed")
    if array.size == 0:
        raise LayerParameterError(f"{what} has shape {array.shape}; no dimension may be 0")
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise LayerParameterError(
            f"{what} holds {count} NaN or infinite values of {array.size}; all must be finite: did "
            "the training diverge?"
        )
    array.setflags(write=False)
    return array


def check_pair(value: Any, what: str, minimum: int) -> tuple[int, int]:
    """The pair ``(vertical, horizontal)``; raises `LayerParameterError` for any other value.

    Both numbers must be integers of at least `minimum`.
    """
    valid = (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and all(isinstance(item, (int, np.integer)) and item >= minimum for item in value)
    )
    if not valid:
        raise LayerParameterError(
            f"{what} is {value!r}; a pair of integers (vertical, horizontal) >= {minimum} is needed"
        )
    return int(value[0]), int(value[1])


@dataclass(frozen=True, eq=False)
class Layer(ABC):
    """One operation of a network, from `arity` inputs to one output."""

    arity: ClassVar[int] = 1

    @abstractmethod
    def output_shape(self, *input_shapes: Shape) -> Shape:
        """The output's shape for inputs of these shapes, all without the batch axis.

        Raises `ShapeError` for inputs that the layer cannot take.
        """

    @abstractmethod
    def forward(self, *inputs: FloatArray) -> FloatArray:
        """The layer's output for a batch: ``(B, *input_shape) -> (B, *output_shape)``."""

    @property
    def parameter_count(self) -> int:
        """The number of trained numbers in the layer."""
        values = (getattr(self, field.name) for field in fields(self))
        return int(sum(value.size for value in values if isinstance(value, np.ndarray)))

    def _set(self, **values: Any) -> None:
        """Store validated fields, for ``__post_init__`` of the frozen subclasses alone."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _check_inputs(self, inputs: tuple[FloatArray, ...]) -> Shape:
        """The output's shape for these batches; raises `ShapeError` where `output_shape` does."""
        for array in inputs:
            if instance(array, np.ndarray, "a layer's input").ndim < 2:
                raise ShapeError(
                    f"{type(self).__name__} got an input of shape {array.shape}; "
                    "a batch (B, C, H, W) or (B, F) is needed"
                )
        return self.output_shape(*(array.shape[1:] for array in inputs))


def check_single_input(layer: Layer, input_shapes: tuple[Shape, ...]) -> Shape:
    """The shape of the only input; raises `ShapeError` for another number of inputs."""
    if len(input_shapes) != 1:
        raise ShapeError(f"{type(layer).__name__} takes 1 input, got {len(input_shapes)}")
    return check_shape(input_shapes[0])


def check_shape(shape: object) -> Shape:
    """`shape`, if it is a tuple of whole numbers; raises `ShapeError` otherwise."""
    if isinstance(shape, tuple) and all(isinstance(x, int | np.integer) for x in shape):
        return shape
    raise ShapeError(f"{shown(shape)} is no shape: a tuple of whole numbers is needed")


def check_channels(layer: Layer, shape: Shape, channels: int) -> None:
    """Raise `ShapeError` unless a shape is ``(channels, H, W)`` or ``(channels,)``."""
    if len(shape) not in (1, 3) or shape[0] != channels:
        raise ShapeError(
            f"{type(layer).__name__} holds parameters for {channels} channels; "
            f"({channels}, H, W) or ({channels},) is needed, got {shape}"
        )


def per_channel(values: FloatArray, rank: int) -> FloatArray:
    """A view of ``(C,)`` that broadcasts along axis 1 of a batch with `rank` dimensions."""
    return values.reshape((1, -1) + (1,) * (rank - 2))


def window_counts(
    size: Shape, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> tuple[int, int]:
    """How many windows fit: ``floor((size + 2 padding - kernel) / stride) + 1`` per axis."""
    height, width = (
        (length + 2 * pad - extent) // step + 1
        for length, extent, step, pad in zip(size, kernel, stride, padding, strict=True)
    )
    if height < 1 or width < 1:
        raise ShapeError(
            f"a {kernel[0]} x {kernel[1]} kernel does not fit into an image of "
            f"{size[0]} x {size[1]} with padding {padding}"
        )
    return height, width


def windows(
    images: FloatArray, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> FloatArray:
    """All windows of zero-padded images: ``(B, C, H, W) -> (B, C, H', W', kh, kw)``, a view."""
    (pad_y, pad_x), (step_y, step_x) = padding, stride
    padded = np.pad(images, ((0, 0), (0, 0), (pad_y, pad_y), (pad_x, pad_x)))
    return sliding_window_view(padded, kernel, axis=(2, 3))[:, :, ::step_y, ::step_x]


@dataclass(frozen=True, eq=False)
class Conv2d(Layer):
    """Cross-correlation with zero padding, as PyTorch's ``Conv2d``.

    ``out[o, y, x] = bias[o] + sum_{i,u,v} weight[o, i, u, v] * in[g I + i, sy y + u - py,
    sx x + v - px]`` where ``weight`` is ``(O, I, kh, kw)``, ``bias`` is ``(O,)`` and
    ``g = floor(o groups / O)`` is the group of the output channel; the input has ``I groups``
    channels.
    """

    weight: FloatArray
    bias: FloatArray
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    groups: int = 1

    def __post_init__(self) -> None:
        weight = freeze_array(self.weight, "Conv2d weight", (4,))
        bias = freeze_array(self.bias, "Conv2d bias", (1,))
        if bias.shape != weight.shape[:1]:
            raise LayerParameterError(
                f"Conv2d bias has shape {bias.shape}; ({weight.shape[0]},) is needed, "
                "one per output channel"
            )
        groups = self.groups
        if not isinstance(groups, (int, np.integer)) or groups < 1 or weight.shape[0] % groups:
            raise LayerParameterError(
                f"Conv2d groups is {groups!r}; a positive divisor of the {weight.shape[0]} "
                "output channels is needed"
            )
        self._set(
            weight=weight,
            bias=bias,
            stride=check_pair(self.stride, "Conv2d stride", 1),
            padding=check_pair(self.padding, "Conv2d padding", 0),
            groups=int(groups),
        )

    @property
    def kernel(self) -> tuple[int, int]:
        """Kernel height and width."""
        return self.weight.shape[2], self.weight.shape[3]

    @property
    def in_channels(self) -> int:
        """Channels of the input, over all groups."""
        return int(self.weight.shape[1]) * self.groups

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = check_single_input(self, input_shapes)
        if len(shape) != 3 or shape[0] != self.in_channels:
            raise ShapeError(f"Conv2d needs an input ({self.in_channels}, H, W), got {shape}")
        counts = window_counts(shape[1:], self.kernel, self.stride, self.padding)
        return (self.weight.shape[0], *counts)

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        patches = windows(inputs[0], self.kernel, self.stride, self.padding)
        grouped = [
            np.tensordot(group_patches, group_weight, axes=((1, 4, 5), (1, 2, 3)))
            for group_patches, group_weight in zip(
                np.split(patches, self.groups, axis=1),
                np.split(self.weight, self.groups),
                strict=True,
            )
        ]
        channels_last = np.concatenate(grouped, axis=-1) + self.bias
        return np.ascontiguousarray(np.moveaxis(channels_last, -1, 1))


@dataclass(frozen=True, eq=False)
class Linear(Layer):
    """``out = weight @ in + bias`` with ``weight`` ``(O, F)`` and ``bias`` ``(O,)``."""

    weight: FloatArray
    bias: FloatArray

    def __post_init__(self) -> None:
        weight = freeze_array(self.weight, "Linear weight", (2,))
        bias = freeze_array(self.bias, "Linear bias", (1,))
        if bias.shape != weight.shape[:1]:
            raise LayerParameterError(
                f"Linear bias has shape {bias.shape}; ({weight.shape[0]},) is needed, "
                "one per output feature"
            )
        self._set(weight=weight, bias=bias)

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = check_single_input(self, input_shapes)
        if shape != self.weight.shape[1:]:
            hint = "; put a Flatten before it" if len(shape) == 3 else ""
            raise ShapeError(f"Linear needs an input {self.weight.shape[1:]}, got {shape}{hint}")
        return (self.weight.shape[0],)

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        result: FloatArray = inputs[0] @ self.weight.T + self.bias
        return result


@dataclass(frozen=True, eq=False)
class AvgPool2d(Layer):
    """Mean over windows; padded zeros count (PyTorch's ``count_include_pad=True``).

    ``out[c, y, x] = 1 / (kh kw) sum_{u,v} in[c, sy y + u - py, sx x + v - px]``. As in PyTorch,
    the padding is at most half the kernel.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        kernel = check_pair(self.kernel, "AvgPool2d kernel", 1)
        padding = check_pair(self.padding, "AvgPool2d padding", 0)
        if any(2 * pad > extent for pad, extent in zip(padding, kernel, strict=True)):
            raise LayerParameterError(
                f"AvgPool2d padding is {padding}; at most half the kernel {kernel} is needed"
            )
        stride = check_pair(self.stride, "AvgPool2d stride", 1)
        self._set(kernel=kernel, stride=stride, padding=padding)

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = check_single_input(self, input_shapes)
        if len(shape) != 3:
            raise ShapeError(f"AvgPool2d needs an input (C, H, W), got {shape}")
        return (shape[0], *window_counts(shape[1:], self.kernel, self.stride, self.padding))

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        result: FloatArray = windows(inputs[0], self.kernel, self.stride, self.padding).mean(
            axis=(-2, -1)
        )
        return result


@dataclass(frozen=True, eq=False)
class Flatten(Layer):
    """``(C, H, W) -> (C H W,)`` in row-major order; a vector stays as it is."""

    def output_shape(self, *input_shapes: Shape) -> Shape:
        return (int(np.prod(check_single_input(self, input_shapes))),)

    def forward(self, *inputs: FloatArray) -> FloatArray:
        shape = self._check_inputs(inputs)
        return inputs[0].reshape(inputs[0].shape[0], *shape)


@dataclass(frozen=True, eq=False)
class Add(Layer):
    """The sum of two inputs of one shape, as in a residual connection."""

    arity: ClassVar[int] = 2

    def output_shape(self, *input_shapes: Shape) -> Shape:
        if len(set(map(check_shape, input_shapes))) != 1 or len(input_shapes) != 2:
            raise ShapeError(f"Add needs two inputs of one shape, got {list(input_shapes)}")
        return input_shapes[0]

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        result: FloatArray = inputs[0] + inputs[1]
        return result


def _number(value: object) -> float:
    """`value` as a float; NaN for anything but a real number."""
    array = np.asarray(value)
    return float(array) if array.ndim == 0 and array.dtype.kind in "fiu" else math.nan


@dataclass(frozen=True, eq=False)
class BatchNorm(Layer):
    """Batch normalisation with fixed statistics: ``out[c] = scale[c] in[c] + shift[c]``.

    ``scale = gamma / sqrt(variance + epsilon)`` and ``shift = beta - mean scale``, all ``(C,)``.
    """

    mean: FloatArray
    variance: FloatArray
    gamma: FloatArray
    beta: FloatArray
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        names = ("mean", "variance", "gamma", "beta")
        arrays = {
            name: freeze_array(getattr(self, name), f"BatchNorm {name}", (1,)) for name in names
        }
        shapes = {name: array.shape for name, array in arrays.items()}
        if len(set(shapes.values())) != 1:
            raise LayerParameterError(f"BatchNorm parameters need one shape (C,), got {shapes}")
        epsilon = _number(self.epsilon)
        smallest = float(arrays["variance"].min())
        if not (np.isfinite(epsilon) and smallest >= 0 and epsilon >= 0 and smallest + epsilon > 0):
            raise LayerParameterError(
                f"BatchNorm's smallest variance is {smallest} and epsilon {epsilon}; both must "
                "be >= 0 and their sum > 0"
            )
        self._set(epsilon=epsilon, **arrays)

    @property
    def scale(self) -> FloatArray:
        """``gamma / sqrt(variance + epsilon)``, ``(C,)``."""
        result: FloatArray = self.gamma / np.sqrt(self.variance + self.epsilon)
        return result

    @property
    def shift(self) -> FloatArray:
        """``beta - mean scale``, ``(C,)``."""
        result: FloatArray = self.beta - self.mean * self.scale
        return result

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = check_single_input(self, input_shapes)
        check_channels(self, shape, self.mean.size)
        return shape

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        rank = inputs[0].ndim
        result: FloatArray = inputs[0] * per_channel(self.scale, rank) + per_channel(
            self.shift, rank
        )
        return result
