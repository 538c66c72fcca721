"""PyTorch modules -> `nn.network.graph.Network`, through torch.fx.

Importing this does not import torch; calling `from_torch`, or asking for `PolynomialActivation`,
does.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from nn.errors import ConversionError, InputRangeError, MissingPackageError, ShapeError
from nn.network.evaluation_error import FLOAT64_ROUNDOFF, rounding_bound
from nn.network.graph import Network

if TYPE_CHECKING:
    import torch

    from nn.frontend.torch_layers import PolynomialActivation as PolynomialActivation


def from_torch(
    module: torch.nn.Module,
    example: Any,
    name: str | None = None,
    input_range: tuple[float, float] | None = None,
) -> Network:
    """Convert a PyTorch module, as it behaves in evaluation mode, to a Network.

    `example` is a tensor or array with a batch axis, ``(B, C, H, W)`` or ``(B, F)``: it gives the
    input shape, and the result is checked on it. `name` defaults to the module's class.
    `input_range` is what the network will be asked to take, by default the example's own range.
    The module itself is not changed.

    Accepted: Conv2d (zero padding, groups, dilation), Linear, AvgPool2d, AdaptiveAvgPool2d where
    it divides evenly, Flatten (or flatten, view, reshape to ``(B, -1)``), BatchNorm1d/2d, Identity
    and Dropout (dropped), sums of two values, and polynomials: PolynomialActivation, or ``+ - *
    ** square`` on one value and numbers.

    Raises UnsupportedLayerError, naming the layer and its place, for anything else;
    ConversionError if the result differs from the module in float64 by more than both evaluations
    can have rounded; MissingPackageError without torch.
    """
    torch = _import_torch()
    from nn.frontend.torch_graph import trace

    images = np.asarray(example.detach().cpu() if isinstance(example, torch.Tensor) else example)
    images = images.astype(np.float64)
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
    nodes, expected = trace(module, torch.from_numpy(images))
    network = Network(name or type(module).__name__, images.shape[1:], nodes, input_range)
    _check_equal(network, images, expected.numpy())
    return network


def _check_equal(network: Network, images: np.ndarray[Any, Any], expected: Any) -> None:
    actual = network(images)
    if actual.shape != expected.shape:
        raise ConversionError(
            f"network {network.name!r} returns {actual.shape}, the module {expected.shape}"
        )
    difference = np.abs(actual - expected)
    allowed = 2 * rounding_bound(network, images, FLOAT64_ROUNDOFF)
    worst = np.unravel_index(int(np.argmax(difference - allowed)), difference.shape)
    # Written so that a NaN fails.
    if not (difference <= allowed).all():
        raise ConversionError(
            f"network {network.name!r} differs from the module by {difference[worst]:.3g} at "
            f"output {tuple(map(int, worst))}, rounding allows {allowed[worst]:.3g}; a layer does "
            "not do what its type says (an overridden forward, a hook?)"
        )


def _import_torch() -> ModuleType:
    try:
        import torch
    except ImportError as error:
        raise MissingPackageError(
            "PyTorch is needed to convert its modules: pip install 'he-accel[torch]'"
        ) from error
    return torch


def __getattr__(name: str) -> Any:
    """`PolynomialActivation` derives from torch.nn.Module, so it is made when first asked for."""
    if name == "PolynomialActivation":
        _import_torch()
        from nn.frontend.torch_layers import PolynomialActivation

        return PolynomialActivation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
