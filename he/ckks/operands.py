"""What the evaluator asks of its operands before it computes."""

from __future__ import annotations

import math
import numbers

import numpy as np

from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.params import CKKSParameters
from he.errors import LevelExhaustedError, LevelMismatchError, ScaleMismatchError
from he.rlwe.operand_checks import check_owner, float_of

# Canonical scales are equal to the last bit; products of them agree within rounding.
_SCALE_TOLERANCE = 2.0**-40


def check_pair(
    params: CKKSParameters,
    a: Ciphertext,
    b: Ciphertext | Plaintext,
    needed: type[Ciphertext | Plaintext] = Ciphertext,
    *,
    same_scale: bool = True,
) -> None:
    """Raise unless both belong to `params`, stand at one level and (if asked) at one scale.

    needed: what b must be.
    """
    check_owner(params, a, Ciphertext)
    check_owner(params, b, needed)
    if a.level != b.level:
        raise LevelMismatchError(
            f"levels {a.level} and {b.level} differ: encode the plaintext at level {a.level}, or "
            f"bring ciphertexts to one level with drop_to"
        )
    if same_scale and not math.isclose(a.scale, b.scale, rel_tol=_SCALE_TOLERANCE):
        raise ScaleMismatchError(
            f"scales 2^{math.log2(a.scale):.4f} and 2^{math.log2(b.scale):.4f} differ at level "
            f"{a.level}, whose canonical scale is 2^{math.log2(params.scales[a.level]):.4f}: "
            f"rescale the product, or use drop_to"
        )


def real_operand(b: object) -> float | None:
    """A real scalar, a NumPy one or an array of no dimension too, as a float; None for others.

    Raises `EncodingError` for one beyond float64.
    """
    if type(b) is float:
        return b
    if isinstance(b, np.ndarray) and b.ndim == 0:
        b = b[()]
    return float_of(b) if isinstance(b, numbers.Real) else None


def is_canonical(params: CKKSParameters, level: int, scale: float) -> bool:
    """Whether a scale is the canonical one of a level, within the rounding of products."""
    return math.isclose(scale, params.scales[level], rel_tol=_SCALE_TOLERANCE)


def check_canonical(a: Ciphertext) -> None:
    """Raise `ScaleMismatchError` unless a is at the canonical scale of its level."""
    canonical = a.params.scales[a.level]
    if not is_canonical(a.params, a.level, a.scale):
        raise ScaleMismatchError(
            f"the ciphertext's scale is 2^{math.log2(a.scale):.4f}, but level {a.level} needs its "
            f"canonical one, 2^{math.log2(canonical):.4f}: rescale the product first"
        )


def check_factor(a: Ciphertext, level: int, factor: float) -> None:
    """Raise `ScaleMismatchError` where the integer that brings a to the canonical scale of a lower
    level would be 0, and every slot with it.
    """
    if round(factor) < 1:
        raise ScaleMismatchError(
            f"the ciphertext's scale, 2^{math.log2(a.scale):.1f} at level {a.level}, is too large "
            f"to become the canonical one of level {level}, 2^"
            f"{math.log2(a.params.scales[level]):.1f}: move it to a lower level, or build with "
            f"larger divisor_bits"
        )


def check_level_left(a: Ciphertext) -> None:
    """Raise `LevelExhaustedError` at level 0."""
    if a.level == 0:
        raise LevelExhaustedError(
            "the ciphertext is at level 0 and the operation rescales: no level is left; build "
            "parameters with a larger depth"
        )
