"""Layers for PyTorch models that are to run encrypted. Importing this file imports torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nn.errors import LayerParameterError


class PolynomialActivation(nn.Module):
    """``sum_k coefficients[..., k] x^k``, elementwise, with trained coefficients.

    channels: with None all channels share one polynomial, with coefficients ``(degree + 1,)``; with
    a number every channel (axis 1) has its own, ``(channels, degree + 1)``. initial: the ascending
    coefficients to start from; by default ``0.5 x + 0.25 x^2``, which is close to SiLU around 0.
    Higher powers start at 0.

    Raises `LayerParameterError` for a degree below 1, or another number of initial coefficients.
    """

    def __init__(
        self, degree: int = 2, channels: int | None = None, initial: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        if degree < 1:
            raise LayerParameterError(f"degree is {degree}; at least 1 is needed")
        start = [0.0, 0.5, 0.25] if initial is None else list(initial)
        if initial is not None and len(start) != degree + 1:
            raise LayerParameterError(
                f"initial has {len(start)} coefficients; degree {degree} needs {degree + 1}"
            )
        start = (start + [0.0] * degree)[: degree + 1]
        coefficients = torch.tensor(start)
        if channels is not None:
            coefficients = coefficients.repeat(channels, 1)
        self.coefficients = nn.Parameter(coefficients)

    def forward(self, x: Tensor) -> Tensor:
        """The polynomial of every element of `x`."""
        columns: Tensor = self.coefficients
        if columns.dim() == 2:  # (channels, 1, .., 1, degree + 1)
            columns = columns.reshape([columns.size(0)] + [1] * (x.dim() - 2) + [columns.size(1)])
        result = columns[..., -1] * x + columns[..., -2]
        for power in range(columns.size(-1) - 3, -1, -1):
            result = result * x + columns[..., power]
        return result

    def extra_repr(self) -> str:
        """What PyTorch prints of the layer."""
        return f"coefficients={tuple(self.coefficients.shape)}"
