"""Layers for PyTorch models that are meant to run encrypted. Importing this imports torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nn.errors import LayerParameterError


class PolynomialActivation(nn.Module):
    """``sum_k coefficients[..., k] x^k``, elementwise, with trained coefficients.

    `channels` None shares one polynomial, coefficients ``(degree + 1,)``; otherwise every channel
    (axis 1) has its own, ``(channels, degree + 1)``. `initial` gives the ascending coefficients to
    start from; by default ``0.5 x + 0.25 x^2``, which is close to SiLU around 0, and 0 for higher
    powers.
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
        columns = self.coefficients.unbind(-1)
        if self.coefficients.ndim == 2:
            columns = tuple(column.view(-1, *(1,) * (x.ndim - 2)) for column in columns)
        result = columns[-1] * x + columns[-2]
        for column in columns[-3::-1]:
            result = result * x + column
        return result

    def extra_repr(self) -> str:
        return f"coefficients={tuple(self.coefficients.shape)}"
