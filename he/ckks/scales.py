"""What scales a level holds."""

from __future__ import annotations

import math
import numbers

from he.ckks.params import CKKSParameters
from he.errors import EncodingError, ScaleOverflowError
from he.rlwe.operand_checks import float_of
from he.validation import real_number, shown


def check_scale(params: CKKSParameters, level: int, scale: float, what: str) -> None:
    """Raise `ScaleOverflowError` unless the modulus of a level holds values at this scale."""
    if not 0 < scale < params.level_moduli[level]:
        raise _overflow(params, level, scale, what)


def checked_scale(params: CKKSParameters, level: int, scale: object) -> float:
    """`scale` as a float that the level holds; raises `ParameterError` or `ScaleOverflowError`."""
    number = real_number(scale, "scale")
    check_scale(params, level, number, "the result")
    return number


def scaled_integer(
    params: CKKSParameters, level: int, value: object, scale: float, what: str
) -> int:
    """round(value scale): what stands for a number in every slot.

    Raises `EncodingError` unless it is finite and the modulus of the level holds it.
    """
    number = math.nan
    if type(value) is float:
        number = value
    elif isinstance(value, numbers.Real):
        number = float_of(value)
    if not math.isfinite(number):
        raise EncodingError(f"{what} {shown(value)}: it must be a finite real number")
    named = f"{what} {number:.6g} at scale 2^{math.log2(scale):.1f}"
    if not math.isfinite(number * scale):
        raise EncodingError(f"{named} is beyond float64: use a smaller number")
    integer = round(number * scale)
    check_held(params, level, integer, named)
    return integer


def check_held(params: CKKSParameters, level: int, integer: int, what: str) -> None:
    """Raise `EncodingError` unless the modulus of the level holds an encoded integer."""
    if 2 * abs(integer) >= params.modulus(level):
        raise EncodingError(
            f"{what} does not fit the modulus of level {level}: use a smaller number or a higher "
            f"level"
        )


def _overflow(
    params: CKKSParameters, level: int, scale: float, what: str
) -> ScaleOverflowError:
    bits = math.log2(scale) if 0 < scale < math.inf else math.nan
    limit = sum(math.log2(q) for q in params.primes(level))
    return ScaleOverflowError(
        f"{what} would have the scale {scale:.4g} (2^{bits:.1f}), but level {level} holds scales "
        f"above 0 and below 2^{limit:.1f}: rescale products before the next one, or use parameters "
        f"with a larger modulus"
    )
