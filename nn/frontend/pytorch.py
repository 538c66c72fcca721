"""PyTorch models to `nn.Network`.

Importing this file does not import torch; `from_torch` and `PolynomialActivation` do.
"""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from he.validation import instance
from nn.approximation.approximate import Wanted
from nn.errors import (
    InputRangeError,
    InputRangeWarning,
    MissingPackageError,
    ShapeError,
    UnsupportedLayerError,
)
from nn.frontend.activation_choice import ActivationChoice
from nn.network.graph import Network
from nn.network.images import real_numbers
from nn.network.layers import FloatArray

if TYPE_CHECKING:
    from nn.frontend.torch_layers import PolynomialActivation as PolynomialActivation


def from_torch(
    module: Any,
    example: Any,
    name: str | None = None,
    input_range: tuple[float, float] | None = None,
    *,
    activation: Wanted | None = None,
    calibration: ArrayLike | None = None,
) -> Network:
    """Convert a PyTorch model, as it behaves in evaluation mode, to a `Network`.

    module: a module, also scripted, compiled, or inside of DataParallel, or a program that
    torch.export made. The module itself does not change. example: a tensor or array with a batch
    axis, ``(B, C, H, W)``, ``(B, C, L)``, ``(B, F)`` or any other; it gives the input shape, and
    the network is checked on it. name: by default the name of the module's class. input_range: the
    range of the network's inputs. Without it the range of the example is taken, and an
    `InputRangeWarning` says so: a client encrypts nothing outside.

    Every linear operation with constants is converted, and so are polynomials, products and sums of
    values. Activations that are no polynomials (ReLU, MaxPool2d, ..) become layers that
    `nn.compile` refuses until they are replaced: by `nn.approximate`, or here with
    ``activation="cheap"``, "exact" or what else it takes, and images for `calibration`, of the kind
    that the network will see, ``(B, *input_shape)``; images alone mean "cheap". A softmax or
    sigmoid at the end is left to the client, and several outputs stand behind one another:
    `Network.finished` computes what the module returns.

    Every node of the network is compared with the module: for the inputs that the module itself
    gave to the node, the two outputs may differ by the rounding of two evaluations of this one
    node.

    Raises `UnsupportedLayerError`, which lists every operation that has no counterpart with its
    place and a way out, also for a lazy layer that never ran and for a second input;
    `ConversionError` if the module fails on the example, branches on values, or differs from the
    network by more than rounding; `ShapeError` or `InputRangeError` for an unsuitable example;
    `LayerParameterError` for weights that are not finite; `ApproximationError` for an activation
    without images, or one that cannot be had; `he.WrongObjectError` for an object that is no
    module; and `MissingPackageError` without torch.
    """
    choice = ActivationChoice(activation, calibration)
    torch = _import_torch()
    from nn.frontend.torch_model import convert_model

    if not isinstance(module, torch.export.ExportedProgram):
        instance(module, torch.nn.Module, "module")
    given = example.detach().cpu() if isinstance(example, torch.Tensor) else example
    if isinstance(given, torch.Tensor) and given.dtype == torch.bfloat16:
        given = given.float()
    if isinstance(given, tuple | list) and any(isinstance(x, torch.Tensor) for x in given):
        raise UnsupportedLayerError(
            f"the example is a {type(given).__name__} of {len(given)} tensors: a network has one "
            "input, and the example is its tensor (B, ...)"
        )
    images = real_numbers(given).astype(np.float64)
    if images.ndim < 2 or images.size == 0:
        raise ShapeError(
            f"example has shape {images.shape}; a batch (B, C, H, W) or (B, F) is needed"
        )
    if not np.isfinite(images).all():
        raise InputRangeError("example holds NaN or infinite values")
    if input_range is None:
        input_range = range_of_example(images)
    network = convert_model(module, images, name, input_range)
    return choice.made(network)


def range_of_example(images: FloatArray) -> tuple[float, float]:
    """The range of an example, with an `InputRangeWarning`."""
    low, high = float(images.min()), float(images.max())
    if low == high:
        raise InputRangeError(f"all values of the example are {low}; pass input_range=(low, high)")
    warnings.warn(
        f"input_range is not given: [{low:g}, {high:g}], the range of the example, is taken, and "
        "a client refuses inputs outside; pass input_range=(low, high)",
        InputRangeWarning,
        stacklevel=3,
    )
    return low, high


def _import_torch() -> ModuleType:
    try:
        import torch
    except ImportError as error:
        raise MissingPackageError(
            "PyTorch is needed to convert its modules: pip install 'he-accel[torch]'"
        ) from error
    return torch


def __getattr__(name: str) -> Any:
    """`PolynomialActivation` derives from torch.nn.Module, so it is imported when it is used."""
    if name == "PolynomialActivation":
        _import_torch()
        from nn.frontend.torch_layers import PolynomialActivation

        return PolynomialActivation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
