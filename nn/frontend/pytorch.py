"""PyTorch modules to `nn.Network`, through torch.fx.

Importing this file does not import torch; `from_torch` and `PolynomialActivation` do.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from he.validation import instance
from nn.errors import InputRangeError, MissingPackageError, ShapeError
from nn.network.graph import Network
from nn.network.images import real_numbers

if TYPE_CHECKING:
    import torch

    from nn.frontend.torch_layers import PolynomialActivation as PolynomialActivation


def from_torch(
    module: torch.nn.Module,
    example: Any,
    name: str | None = None,
    input_range: tuple[float, float] | None = None,
) -> Network:
    """Convert a PyTorch module, as it behaves in evaluation mode, to a `Network`.

    example: a tensor or array with a batch axis, ``(B, C, H, W)`` or ``(B, F)``. It gives the input
    shape, and the network is checked on it. name: by default the name of the module's class.
    input_range: the range of the network's inputs, by default the range of the example. The module
    itself does not change.

    Accepted are Conv2d (zero padding, groups, dilation), Linear, AvgPool2d, AdaptiveAvgPool2d where
    it divides evenly, Flatten (or flatten, view, reshape to ``(B, -1)``), BatchNorm1d/2d, Identity
    and Dropout (both are left out), sums of two values, and polynomials: PolynomialActivation, or
    ``+ - * ** square`` on one value and numbers.

    Every node of the network is compared with the module: for the inputs that the module itself
    gave to the node, the two outputs may differ by the rounding of two float64 evaluations of this
    one node.

    Raises `UnsupportedLayerError`, which names the layer and its place, for anything else, and for
    a lazy layer that never ran; `ConversionError`, which names the node, if the network and the
    module differ by more than rounding; `ShapeError` or `InputRangeError` for an unsuitable
    example; `he.WrongObjectError` for an object that is no module; and `MissingPackageError`
    without torch.
    """
    torch = _import_torch()
    from nn.frontend.torch_check import check_conversion
    from nn.frontend.torch_trace import trace

    instance(module, torch.nn.Module, "module")
    given = example.detach().cpu() if isinstance(example, torch.Tensor) else example
    images = real_numbers(given).astype(np.float64)
    if images.ndim not in (2, 4) or images.size == 0:
        raise ShapeError(
            f"example has shape {images.shape}; a batch (B, C, H, W) or (B, F) is needed"
        )
    if not np.isfinite(images).all():
        raise InputRangeError("example holds NaN or infinite values")
    if input_range is None:
        input_range = float(images.min()), float(images.max())
        if input_range[0] == input_range[1]:
            raise InputRangeError(
                f"all values of the example are {input_range[0]}; pass input_range=(low, high)"
            )
    traced = trace(module, torch.from_numpy(images))
    network = Network(name or type(module).__name__, images.shape[1:], traced.nodes, input_range)
    check_conversion(network, images, traced)
    return network


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
