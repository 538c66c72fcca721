"""Named errors of the arithmetic layer."""

from __future__ import annotations


class ArithmeticLayerError(ValueError):
    """Base of every error that `ntt` raises for bad input."""


class ModulusError(ArithmeticLayerError):
    """A modulus is not prime, not NTT-friendly, or out of the supported range."""


class RingDegreeError(ArithmeticLayerError):
    """The ring degree N is not a power of two between 2^3 and 2^17."""


class ResidueShapeError(ArithmeticLayerError):
    """An array does not have the dtype, layout or shape that the operation needs."""


class BackendError(ArithmeticLayerError):
    """A backend is unknown, needs features that the CPU lacks, or cannot hold a modulus or N."""


class ThreadCountError(ArithmeticLayerError):
    """A thread count is not a whole number between 1 and the limit of this machine."""


class SplitInterruptedError(RuntimeError):
    """A signal handler used `ntt`, or raised, while threads worked for a call: it is incomplete."""


class KernelCacheWarning(RuntimeWarning):
    """Compiled kernels cannot be kept, or kept ones are damaged; this process compiles its own."""
