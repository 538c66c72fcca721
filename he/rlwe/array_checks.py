"""Checks on the arrays of keys, plaintexts and ciphertexts, which kernels read without any."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from he.errors import EncodingError, ParameterError
from he.rlwe.params import RLWEParameters
from he.validation import name_of, shown, wrong_object

_UINT64 = np.dtype(np.uint64)
_SOUND = 0x0101  # of `ndarray.flags.num`: C-contiguous and aligned


def check_array(
    data: np.ndarray, shape: tuple[int, ...], what: str, dtype: np.dtype[Any] = _UINT64
) -> None:
    """Raise unless `data` is an array of this shape and dtype, aligned and C-contiguous.

    what: the name of the array in the message. Raises `WrongObjectError` for what is no array,
    `ParameterError` for another one.
    """
    if not isinstance(data, np.ndarray):
        raise wrong_object(data, name_of(np.ndarray), what)
    sound = data.flags.num & _SOUND == _SOUND
    if data.shape != shape or data.dtype != dtype or not sound:
        order = "" if sound else ", not aligned or not C-contiguous"
        raise ParameterError(
            f"{what} is {data.dtype} of shape {data.shape}{order}: {dtype} of shape {shape}, "
            f"C-contiguous, is needed"
        )


def check_polynomials(
    params: RLWEParameters,
    data: np.ndarray,
    parts: Collection[int],
    what: str,
    level: int | None = None,
) -> int:
    """Raise unless `data` is residues (parts, limbs, N) of a level; without parts, (limbs, N).

    parts: how many there may be. level: None is the only level of so many limbs. Returns the level.
    Raises as `check_array`, and `ParameterError` where several levels have as many limbs.
    """
    if not isinstance(data, np.ndarray):
        raise wrong_object(data, name_of(np.ndarray), what)
    shape = data.shape
    if level is None:
        level = _level_of(params, shape[-2] if len(shape) > 1 else 0, what)
    limbs = params.at(level).limbs
    first = (shape[0] if shape and shape[0] in parts else max(parts),) if parts else ()
    check_array(data, (*first, limbs, params.N), what)
    return level


def _level_of(params: RLWEParameters, limbs: int, what: str) -> int:
    """The only level of so many limbs; the nearest level where there is none."""
    if params.is_chain:
        return min(max(limbs, 1), len(params.q)) - 1
    found = [i for i, level in enumerate(params.levels) if level.limbs == limbs]
    if len(found) > 1:
        named = " and ".join(map(str, found))
        raise ParameterError(f"{what} has {limbs} limbs, as have levels {named}: give its level")
    return found[0] if found else params.max_level


def array_of(values: Any) -> np.ndarray:
    """`values` as an array; raises `EncodingError` for what NumPy makes none of."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise EncodingError(f"values {shown(values)} are no array of numbers: {error}") from error


def check_below(data: np.ndarray, moduli: Sequence[int], what: str) -> None:
    """Raise `ParameterError` unless each residue data[.., i, :] is below moduli[i].

    It reads all of `data`: for what comes from a caller, not for what this package computed.
    """
    largest = data.max(axis=-1).reshape(-1, len(moduli)).max(axis=0)
    for limb, (value, q) in enumerate(zip(largest.tolist(), moduli, strict=True)):
        if value >= q:
            raise ParameterError(
                f"{what} has the residue {value} in limb {limb}: it must be below the modulus {q}"
            )
