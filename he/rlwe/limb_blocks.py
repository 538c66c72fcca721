"""Cutting limbs into blocks whose key-switching digits stay in a cache."""

from __future__ import annotations

import itertools

_DIGIT_BYTES = 16 << 20
"""A share of a common last-level cache."""


def fewest_blocks(limbs: int, limb_bytes: int) -> int:
    """Into how many blocks to cut `limbs`, for digits of `limb_bytes` a limb."""
    return -(-limbs // max(1, _DIGIT_BYTES // limb_bytes))


def even_blocks(limbs: int, count: int) -> list[range]:
    """The limbs in `count` blocks, or in one a limb where there are fewer limbs.

    The sizes of two blocks differ by one at most.
    """
    count = min(count, limbs)
    bounds = [limbs * k // count for k in range(count + 1)]
    return [range(lo, hi) for lo, hi in itertools.pairwise(bounds)]
