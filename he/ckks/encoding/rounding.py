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
    digits = _digits(largest)
    y = workspace("rounding", (digits, values.size))
    _kernels.rounded_digits(y, values, _BASE, _OFFSET)
    if out is None:
        out = large_array((len(ops.moduli), values.size))
    return ops.convert_forward(out, y, _recomposition(digits, ops.moduli, None))


def mirrored_residues(
    values: np.ndarray, largest: float, ops: LimbOps, out: np.ndarray | None = None
) -> np.ndarray:
    """The first half of ``NTT(rint(p) mod q)`` for every limb, of polynomials p(X) = p(1/X).

    values (N/2,) float64, finite: the first half of the coefficients. The others follow:
    p_(N - j) = -p_j and p_(N/2) = 0. ops: of the tables `NTTTables.mirrored`; the rest, and out
    (limbs, N/2), as in `rounded_residues`.
    """
    digits = _digits(largest)
    y = workspace("rounding", (2 * digits, values.size))
    _kernels.rounded_digits(y[:digits], values, _BASE, _OFFSET)
    y[digits:, 0] = int(_OFFSET)
    y[digits:, 1:] = y[:digits, :0:-1]
    if out is None:
        out = large_array((len(ops.moduli), values.size))
    units = tuple(ops.tables.imaginary_unit(q) for q in ops.moduli)
    return ops.convert_forward(out, y, _recomposition(digits, ops.moduli, units))


def _digits(largest: float) -> int:
    digits = 1
    while largest >= _BASE / 2:
        largest /= _BASE
        digits += 1
    return digits


@functools.lru_cache(maxsize=256)
def _recomposition(
    digits: int, moduli: tuple[int, ...], units: tuple[int, ...] | None
) -> BasisChange:
    """From shifted digits of p to the residues of what they stand for.

    units: i modulo each prime, for digits of p and of p' after them, to the residues of p - i p'.
    """
    powers = [int(_BASE) ** s for s in range(digits)]
    weights = [
        powers if units is None else [*powers, *(-unit * power for power in powers)]
        for unit in units or moduli
    ]
    offsets = [-int(_OFFSET) * sum(of_prime) for of_prime in weights]
    return BasisChange(weights, offsets, moduli)
