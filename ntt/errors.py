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
    """A backend is unknown, lacks its CPU features, or cannot hold a modulus."""


class ThreadCountError(ArithmeticLayerError):
    """A thread count is not a whole number between 1 and the limit of this machine."""


class SplitInterruptedError(RuntimeError):
    """A signal handler computed in the middle of a call that had split its work over threads."""


class KernelCacheWarning(RuntimeWarning):
    """Compiled kernels cannot be kept, or those kept are damaged; they work, but compile anew."""
