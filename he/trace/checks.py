"""What the records of a trace must keep to. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from he.trace.operations import Block, HEOp, TraceError

LARGEST_OBJECT = 1 << 20
"""Limbs of the largest ciphertext, plaintext or key: 8 GiB at N = 1024."""


def check_known(what: str, numbers: Iterable[int], known: Any, where: str = "") -> None:
    """Raise `TraceError` unless the numbers, a tuple, are of things that are `known`."""
    check_tuple(what, numbers, object)
    for number in numbers:
        if not is_whole(number, 0) or number not in known:
            raise TraceError(f"{where}{what} {number} is not known")


def check_tuple(what: str, items: Any, needed: type[Any]) -> None:
    """Raise `TraceError` unless `items` is a tuple of `needed` objects."""
    if not isinstance(items, tuple) or not all(isinstance(item, needed) for item in items):
        raise TraceError(f"{what}: a tuple of {needed.__name__} is needed, not {items!r:.60}")


def is_whole(number: Any, least: int) -> bool:
    """Whether it is a whole number of at least so much."""
    return isinstance(number, int) and not isinstance(number, bool) and number >= least


def check_block(number: int, block: Block, op: HEOp) -> None:
    """Raise `TraceError` unless the numbers in a block are of what there is."""
    for name in ("babies", "giants", "starts", "baby_of"):
        check_tuple(f"block {number}, {name}", getattr(block, name), object)
    ends = (0, *block.starts, len(block.baby_of))
    holds = (
        is_whole(block.input, 0)
        and is_whole(block.output, 0)
        and block.input < len(op.operands)
        and block.output < len(op.results)
        and len(block.starts) == len(block.giants) + 1
        and all(is_whole(n, 0) for n in ends)
        and all(a <= b for a, b in pairwise(ends))
        and all(is_whole(n, 0) and n < len(block.babies) for n in block.baby_of)
        and all(is_whole(n, 1) for n in (*block.babies, *block.giants))
    )
    if not holds:
        raise TraceError(
            f"block {number} does not name its inputs, outputs, babies and terms by number"
        )


def check_shape(what: str, shape: Any, axes: str, fewest: int, most: int) -> None:
    """Raise `TraceError` unless a shape has so many axes, and a size that memory can hold."""
    counted = isinstance(shape, tuple) and fewest <= len(shape) <= most
    if not counted or not all(is_whole(n, 1) for n in shape) or math.prod(shape) > LARGEST_OBJECT:
        raise TraceError(
            f"{what} has the shape {shape}: needed are {axes}, whole numbers above 0 with a "
            f"product of at most {LARGEST_OBJECT}"
        )
