"""Windows over images and signals: where they lie, how many there are, how large each one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nn.frontend.elements import IntArray
from nn.network.layers import FloatArray, Shape

Lengths = tuple[int, ...]


@dataclass(frozen=True)
class Windows:
    """Windows over an image: one number for each axis.

    begin, end: rows in front of the image and behind it. Where `end` is negative, rows are left
    out.
    """

    kernel: Lengths
    stride: Lengths
    begin: Lengths
    end: Lengths
    dilation: Lengths

    @property
    def extent(self) -> Lengths:
        """The rows that a window spans."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def counts(self, size: Shape) -> Lengths:
        """How many windows fit."""
        parts = zip(size, self.begin, self.end, self.extent, self.stride, strict=True)
        return tuple((n + b + e - extent) // s + 1 for n, b, e, extent, s in parts)

    def entries(self, size: Shape, counts: Shape) -> tuple[IntArray, IntArray, IntArray]:
        """Window, pixel and tap of every place of a window that lies within the image."""
        axes = len(size)
        places = []
        for axis, (n, count) in enumerate(zip(size, counts, strict=True)):
            taps = np.arange(self.kernel[axis]) * self.dilation[axis]
            starts = np.arange(count) * self.stride[axis] - self.begin[axis]
            row = starts[:, None] + taps
            shape = [1] * (2 * axes)
            shape[axis], shape[axes + axis] = row.shape
            places.append((row.reshape(shape), ((row >= 0) & (row < n)).reshape(shape)))
        inside: Any = True
        pixel: Any = 0
        for n, (row, valid) in zip(size, places, strict=True):
            inside, pixel = inside & valid, pixel * n + row
        full = (*counts, *self.kernel)
        kept = np.flatnonzero(np.broadcast_to(inside, full))
        window, tap = np.divmod(kept, int(np.prod(self.kernel)))
        return window, np.broadcast_to(pixel, full).ravel()[kept], tap


def window_sizes(
    windows: Windows, size: tuple[int, ...], counts: tuple[int, ...], with_padding: bool
) -> FloatArray:
    """The elements of each window, with the padding or without."""
    result = np.ones(counts)
    for axis, (n, count) in enumerate(zip(size, counts, strict=True)):
        start = np.arange(count) * windows.stride[axis] - windows.begin[axis]
        most = n + (windows.begin[axis] if with_padding else 0)
        stop = np.minimum(start + windows.kernel[axis], most)
        first = start if with_padding else np.maximum(start, 0)
        shape = [1] * len(size)
        shape[axis] = count
        result = result * (stop - first).reshape(shape)
    return result
