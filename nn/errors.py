"""Errors about networks, their inputs, their plans and their files.

Every error states the actual value, the needed value and a way out.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray


class NetworkError(ValueError):
    """Base of all errors about networks, their inputs, their plans and their files."""


class ShapeError(NetworkError):
    """An array has a shape that the layer, network or plan cannot take."""


class LayerParameterError(NetworkError):
    """A layer was built from parameters that have no meaning (NaN weights, zero stride, ...)."""


class GraphError(NetworkError):
    """The nodes form no network: a name is unknown, repeated, or used before its node."""


class InputRangeError(NetworkError):
    """An image holds NaN, an infinity, or values outside the network's input range."""


class LimitError(NetworkError):
    """A plan asks a client for more than its limits allow."""


class MemoryBudgetError(NetworkError):
    """Keys, weights or a plan do not fit the memory: a budget's, or this machine's."""


class IdentityError(NetworkError):
    """Images, answers or keys belong to another plan, another client or another request."""


class AnswerError(NetworkError):
    """An answer lies outside what its plan promises: something went wrong on the way.

    logits: the decrypted values (B, classes) all the same, or the integers where integers were
    asked for. Nothing is promised of them.
    """

    def __init__(self, message: str, logits: NDArray[Any]) -> None:
        super().__init__(message)
        self.logits = logits

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.logits)


class UnsupportedLayerError(NetworkError):
    """A layer has no counterpart here, or the layout cannot compute it."""


class ApproximationError(NetworkError):
    """A function, a degree or a range allows no approximation by polynomials."""


class ConversionError(NetworkError):
    """A converted network does not compute what the original module computes."""


class NetworkFileError(NetworkError):
    """A file holds no network, is damaged, or has a version that this release cannot read."""


class ZooError(NetworkError):
    """The zoo has no network or data set of that name, or its files are damaged."""


class MissingPackageError(NetworkError, ImportError):
    """The call needs an optional package that is not installed."""


class ServiceError(NetworkError):
    """A service refused a request, or did not answer.

    status: of HTTP; 0 where no answer came. code: a name that programs compare.
    """

    def __init__(self, message: str, code: str, status: int = 0) -> None:
        super().__init__(message)
        self.code, self.status = code, status

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.code, self.status)


class UncalibratedWarning(UserWarning):
    """A network has no statistics, so a plan's errors and precision are those of the worst case."""


class InputRangeWarning(UserWarning):
    """The range of a network's inputs was not given, and one was taken that may be too narrow."""
