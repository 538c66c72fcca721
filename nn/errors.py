"""Errors about networks, their inputs and their files.

Every error states the actual value, the needed value and a way out.
"""

from __future__ import annotations


class NetworkError(ValueError):
    """Base of every error raised about a network or its inputs."""


class ShapeError(NetworkError):
    """An array, or a layer's input, has a shape the layer or network cannot take."""


class LayerParameterError(NetworkError):
    """A layer was built from parameters that have no meaning (NaN weights, zero stride, ...)."""


class GraphError(NetworkError):
    """The nodes do not form a network: an unknown, repeated or misordered name."""


class InputRangeError(NetworkError):
    """An image holds NaN, an infinity, or values outside the network's input range."""


class UnsupportedLayerError(NetworkError):
    """A framework's layer has no counterpart here."""


class ConversionError(NetworkError):
    """A converted network does not compute what the original module computes."""


class NetworkFileError(NetworkError):
    """A file is not a network file, is damaged, or has a version this release cannot read."""


class ZooError(NetworkError):
    """The zoo has no network or data set of that name, or its files are damaged."""


class MissingPackageError(NetworkError, ImportError):
    """An optional package is needed for this call and is not installed."""
