"""What a trace must keep to, and its named errors. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from he.errors import HEError

if TYPE_CHECKING:
    from he.trace import Block, HEOp

LARGEST_OBJECT = 1 << 20
"""Limbs of the largest ciphertext, plaintext or key: 8 GiB at N = 1024."""


class TraceError(HEError):
    """A recorded operation names what is not known, or a trace contradicts itself.

    operation: the number of the operation that does, if one does.
    """

    def __init__(self, message: str, operation: int | None = None) -> None:
        super().__init__(message)
        self.operation = operation


class TraceFileError(TraceError):
    """A trace file is of another version, cut short, or no trace at all."""


def named(what: str, numbers: Iterable[int], known: Any, where: str = "") -> None:
    """Raise `TraceError` unless the numbers are of things that are `known`."""
    for number in numbers:
        if not is_whole(number, 0) or number not in known:
            raise TraceError(f"{where}{what} {number} is not known")


def is_whole(number: Any, least: int) -> bool:
    """Whether it is a whole number of at least so much."""
    return isinstance(number, int) and not isinstance(number, bool) and number >= least


def fits(block: Block, op: HEOp) -> bool:
    """Whether the numbers in a block are of what there is."""
    ends = (0, *block.starts, len(block.baby_of))
    return (
        block.input in range(len(op.operands))
        and block.output in range(len(op.results))
        and len(block.starts) == len(block.giants) + 1
        and all(is_whole(n, 0) for n in ends)
        and all(a <= b for a, b in pairwise(ends))
        and all(is_whole(n, 0) and n < len(block.babies) for n in block.baby_of)
        and all(is_whole(n, 1) for n in (*block.babies, *block.giants))
    )


def shaped(what: str, shape: Any, axes: str, fewest: int, most: int) -> None:
    """Raise `TraceError` unless a shape has so many axes, and a size that memory can hold."""
    counted = isinstance(shape, tuple) and fewest <= len(shape) <= most
    if not counted or not all(is_whole(n, 1) for n in shape) or math.prod(shape) > LARGEST_OBJECT:
        raise TraceError(
            f"{what} has the shape {shape}: needed are {axes}, whole numbers above 0 with a "
            f"product of at most {LARGEST_OBJECT}"
        )
