"""Encrypted logits compared with cleartext logits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nn.network.layers import FloatArray


@dataclass(frozen=True)
class Agreement:
    """Counts over a set of images.

    With a bound e on every logit's error, the difference of two logits moves by at most 2 e. So
    wherever the cleartext margin, the largest logit less the second largest, exceeds 2 e, the
    encrypted class must be the same. `decided` counts the images with a margin above 2 e, `close`
    those with a margin from e to 2 e. Changed classes of both are counted, although only a changed
    class of a decided image contradicts the bound.

    outside: logits whose error exceeds its bound. largest_ratio: the largest error / its bound.
    """

    images: int
    logits: int
    outside: int
    largest_error: float
    largest_ratio: float
    decided: int
    decided_changed: int
    close: int
    close_changed: int
    right_encrypted: int
    right_cleartext: int

    @property
    def misses(self) -> int:
        """Logits outside their bound, and changed classes."""
        return self.outside + self.decided_changed + self.close_changed


def compare(
    encrypted: FloatArray, cleartext: FloatArray, bound: FloatArray, labels: NDArray[np.int64]
) -> Agreement:
    """Compare logits (n, classes), with a bound (classes,) on the error of each logit.

    A logit that is NaN counts as outside its bound.
    """
    error = np.abs(encrypted - cleartext)
    margin = _margin(cleartext)
    largest_bound = float(bound.max())
    decided = margin > 2 * largest_bound
    close = (margin > largest_bound) & ~decided
    changed = encrypted.argmax(axis=1) != cleartext.argmax(axis=1)
    return Agreement(
        images=len(labels),
        logits=error.size,
        outside=int(np.count_nonzero(~(error <= bound))),
        largest_error=float(error.max()),
        largest_ratio=float((error / bound).max()),
        decided=int(np.count_nonzero(decided)),
        decided_changed=int(np.count_nonzero(changed & decided)),
        close=int(np.count_nonzero(close)),
        close_changed=int(np.count_nonzero(changed & close)),
        right_encrypted=int(np.count_nonzero(encrypted.argmax(axis=1) == labels)),
        right_cleartext=int(np.count_nonzero(cleartext.argmax(axis=1) == labels)),
    )


def _margin(logits: FloatArray) -> FloatArray:
    """The largest logit less the second largest, (n,); infinite if there is only one class."""
    if logits.shape[1] == 1:
        return np.full(len(logits), np.inf)
    top = np.sort(logits, axis=1)
    margin: FloatArray = top[:, -1] - top[:, -2]
    return margin
