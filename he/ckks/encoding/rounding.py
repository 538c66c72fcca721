"""Real coefficients to residues: rounded, reduced by every prime and transformed."""

from __future__ import annotations

import functools

import numpy as np

from ntt.constants import BasisChange
from ntt.kernels import KernelModule
from ntt.limbs import LimbOps
from ntt.memory import large_array
from ntt.workspace import workspace

_kernels = KernelModule("he.ckks.encoding.encoder_kernels")

# Digits are shifted to be positive, and then below 2^50, as `LimbOps.convert_forward` needs them.
_BASE = 2.0**48
_OFFSET = 2.0**49


def largest_magnitude(values: np.ndarray) -> float:
    """The largest of |values| (float64); NaN where there is one, else infinity where there is."""
    largest = _kernels.largest_bits(values.view(np.uint64))
    return float(np.uint64(largest).view(np.float64))


def rounded_residues(
    values: np.ndarray, largest: float, ops: LimbOps, out: np.ndarray | None = None
) -> np.ndarray:
    """``NTT(rint(values) mod q)`` for every limb of `ops`: (limbs, N), exact for any size.

    values (N,) float64, finite; largest: the largest of |values|, or more. out: where they go, by
    default new memory.
    """
    digits = 1
    while largest >= _BASE / 2:
        largest /= _BASE
        digits += 1
    y = workspace("rounding", (digits, values.size))
    _kernels.rounded_digits(y, values, _BASE, _OFFSET)
    if out is None:
        out = large_array((len(ops.moduli), values.size))
    return ops.convert_forward(out, y, _recomposition(digits, ops.moduli))


@functools.lru_cache(maxsize=256)
def _recomposition(digits: int, moduli: tuple[int, ...]) -> BasisChange:
    """From shifted digits to the residues of what they stand for."""
    weights = [int(_BASE) ** s for s in range(digits)]
    offset = -int(_OFFSET) * sum(weights)
    return BasisChange([weights] * len(moduli), [offset] * len(moduli), moduli)
