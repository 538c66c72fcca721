"""ONNX files to `nn.Network`. Importing this file does not import onnx; `from_onnx` does."""

from __future__ import annotations

import warnings
from pathlib import Path

from numpy.typing import ArrayLike

from nn.approximation.approximate import Wanted
from nn.errors import InputRangeWarning, MissingPackageError
from nn.frontend.activation_choice import ActivationChoice
from nn.network.graph import Network
from nn.network.layers import Shape
from nn.network.network_file import path_of


def from_onnx(
    model: str | Path | bytes,
    name: str | None = None,
    input_range: tuple[float, float] | None = None,
    *,
    input_shape: Shape | None = None,
    activation: Wanted | None = None,
    calibration: ArrayLike | None = None,
) -> Network:
    """Convert an ONNX file, of opset 11 to the newest that the `onnx` package knows.

    model: the path of a file, or its bytes. name: by default that of the model's graph.
    input_range: the range of the network's inputs; without it [0, 1] is taken, and an
    `InputRangeWarning` says so. input_shape: of one input, without the batch axis, where the file
    leaves lengths open. The first axis of the input is the batch.

    What is converted is what `nn.from_torch` converts. Activations that are no polynomials stay
    layers that `nn.approximate` replaces, or become polynomials here, with ``activation="cheap"``,
    "exact" or what else it takes, and images for `calibration`, of the kind that the network will
    see, ``(B, *input_shape)``; images alone mean "cheap".

    Every node of the network is compared with the reference implementation of the `onnx` package on
    inputs in the range, as far as that computes the model in reasonable time.

    Raises `NetworkFileError` for a file that is no model, is truncated, or lacks weights that it
    keeps in another file; `UnsupportedLayerError`, which lists every operator that has no
    counterpart, control flow and custom operators among them, and for several inputs;
    `LayerParameterError` for weights that are not finite; `ConversionError` where the network
    differs from the reference; `ApproximationError` for an activation without images, or one that
    cannot be had; `FileNotFoundError` for no file; `he.WrongObjectError` for an object
    that is neither a path nor bytes; and `MissingPackageError` without onnx.
    """
    choice = ActivationChoice(activation, calibration)
    if isinstance(model, bytes | bytearray | memoryview):
        given: Path | bytes = bytes(model)
    else:
        given = path_of(model)
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            "the onnx package is needed to read its files: pip install 'he-accel[onnx]'"
        ) from error
    from nn.frontend.onnx_model import convert_file

    if input_range is None:
        input_range = (0.0, 1.0)
        warnings.warn(
            "input_range is not given: [0, 1] is taken, and a client refuses inputs outside; pass "
            "input_range=(low, high)",
            InputRangeWarning,
            stacklevel=2,
        )
    return choice.made(convert_file(given, name, input_range, input_shape))
