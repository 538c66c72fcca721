"""What an activation reads: the range and typical values of each channel, from calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nn.errors import ApproximationError
from nn.network.layers import FloatArray

DEFAULT_MARGIN = 0.25
"""A range is wider than the values of the calibration images by this part of its width, each side.

An unseen image may have values beyond those of all calibration images.
"""

LEAST_WIDTH = 1 / 8
"""The least width of the range of a channel, in units of the widest of its layer."""

RangesOf = Literal["channel", "layer"]
"""What has a range of its own."""

_MOST_SAMPLES = 2048


@dataclass(frozen=True)
class Ranges:
    """How ranges are taken from the values of the calibration images.

    margin: how much wider a range is than they are, each side, in units of their width. of: whether
    each channel of an image has a range, or all channels of a layer share one. A shared range is
    wider, so polynomials in it are less near; images leave it less often, and its polynomial takes
    no vectors.
    """

    margin: float = DEFAULT_MARGIN
    of: RangesOf = "channel"

    def samples(self, values: FloatArray, *, symmetric: bool = False) -> Samples:
        """The samples of a batch, as `Samples.of` takes them."""
        if self.of == "layer":
            values = values.reshape(len(values), -1)
        return Samples.of(values, self.margin, symmetric=symmetric)


@dataclass(frozen=True, eq=False)
class Samples:
    """Values of a node over the calibration images.

    low, high: ``(groups,)``, the ends of the range, the margin included. values: ``(groups, n)``.
    A group is a channel of an image, or all features of a vector.
    """

    low: FloatArray
    high: FloatArray
    values: FloatArray

    @classmethod
    def of(cls, values: FloatArray, margin: float, *, symmetric: bool = False) -> Samples:
        """The samples of a batch, ``(B, C, H, W)`` or ``(B, F)``.

        symmetric: with ranges [-b, b]. Raises `ApproximationError` for values that are not finite.
        """
        if not np.isfinite(values).all():
            raise ApproximationError("a value of the calibration images is not finite")
        if values.ndim == 4:
            rows = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
        else:
            rows = values.reshape(1, -1)
        low, high = rows.min(axis=1), rows.max(axis=1)
        if symmetric:
            high = np.maximum(np.abs(low), np.abs(high))
            low = -high
        # A narrow range would amplify what its values are off by: none is far below the widest.
        width = high - low
        widest = float(width.max()) or max(float(np.abs(high).max()), 1.0)
        more = np.maximum(LEAST_WIDTH * widest - width, 0.0) / 2
        low, high = low - more, high + more
        width = high - low
        step = max(1, rows.shape[1] // _MOST_SAMPLES)
        return cls(low - margin * width, high + margin * width, rows[:, ::step])

    @property
    def groups(self) -> int:
        """The number of groups."""
        return len(self.low)

    @property
    def centre(self) -> FloatArray:
        """The middle of each range."""
        result: FloatArray = (self.low + self.high) / 2
        return result

    @property
    def radius(self) -> FloatArray:
        """Half the width of each range."""
        result: FloatArray = (self.high - self.low) / 2
        return result

    @property
    def scaled(self) -> FloatArray:
        """The values mapped to [-1, 1], ``(groups, n)``."""
        result: FloatArray = (self.values - self.centre[:, None]) / self.radius[:, None]
        return result
