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
    digits = shifted_digits(values[None], largest)
    if out is None:
        out = large_array((len(ops.moduli), values.size))
    return ops.convert_forward(out, digits[0], recomposition(digits.shape[1], ops))


def shifted_digits(values: np.ndarray, largest: float, *, mirrored: bool = False) -> np.ndarray:
    """rint(values) in digits that are positive: (polynomials, digits, N), in scratch memory.

    values (polynomials, N) float64, finite; largest: as in `rounded_residues`. mirrored: values are
    the first half of the coefficients of polynomials p(X) = p(1/X), and behind the digits of p_j
    stand those of p_(2 N - j), with the sign changed: p_N = 0 at j = 0.
    """
    digits = 1
    while largest >= _BASE / 2:
        largest /= _BASE
        digits += 1
    count, N = values.shape
    y = workspace("rounding", (count, digits << mirrored, N))
    for polynomial, of_polynomial in zip(values, y, strict=True):
        _kernels.rounded_digits(of_polynomial[:digits], polynomial, _BASE, _OFFSET)
    if mirrored:
        y[:, digits:, 0] = int(_OFFSET)
        y[:, digits:, 1:] = y[:, :digits, :0:-1]
    return y


def recomposition(rows: int, ops: LimbOps, *, mirrored: bool = False) -> BasisChange:
    """From so many rows of `shifted_digits` to the residues of what they stand for.

    mirrored: to the residues whose transform is the first half of the evaluations; `ops` is of the
    tables `NTTTables.mirrored`.
    """
    units = None
    if mirrored:
        units = tuple(ops.tables.imaginary_unit(q) for q in ops.moduli)
    return _recomposition(rows >> mirrored, ops.moduli, units)


@functools.lru_cache(maxsize=256)
def _recomposition(
    digits: int, moduli: tuple[int, ...], units: tuple[int, ...] | None
) -> BasisChange:
    """units: i modulo each prime, for digits of p and of p' after them, to those of p - i p'."""
    powers = [int(_BASE) ** s for s in range(digits)]
    weights = [
        powers if units is None else [*powers, *(-unit * power for power in powers)]
        for unit in units or moduli
    ]
    offsets = [-int(_OFFSET) * sum(of_prime) for of_prime in weights]
    return BasisChange(weights, offsets, moduli)
