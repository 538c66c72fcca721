"""Galois elements of the slots, and the permutations they are in the transformed domain.

Slot i of a real or complex vector is the evaluation at zeta^(3^i), zeta a primitive 2N-th root;
rotating left by k is x -> x^(3^k), conjugating is x -> x^(2N - 1). (SEAL's convention.)
"""

from __future__ import annotations

import numpy as np

from he.errors import ParameterError
from he.rlwe.params import check_degree
from he.validation import whole_number
from ntt.caching import cached_within
from ntt.hoisting import VectorMoves
from ntt.tables import bit_reversal

GENERATOR = 3

_KEPT_BYTES = 64 << 20
"""A permutation takes 8 N bytes: those of some 120 elements at N = 2^16 are kept."""


def element_of_rotation(steps: int, N: int) -> int:
    """The Galois element that rotates N/2 slots left by `steps` (any integer).

    Raises `ParameterError` for anything but an integer, and for what is no ring degree.
    """
    steps = whole_number(steps, "the number of steps")
    return pow(GENERATOR, steps % (_ring_degree(N) // 2), 2 * N)


def element_of_conjugation(N: int) -> int:
    """The Galois element that conjugates every slot. Raises as `element_of_rotation`."""
    return 2 * _ring_degree(N) - 1


def check_element(element: int, N: int) -> None:
    """Raise `ParameterError` unless it is a whole number, odd and in (0, 2N)."""
    element = whole_number(element, "the Galois element")
    if element % 2 == 0 or not 0 < element < 2 * N:
        raise ParameterError(f"Galois element {element}: it must be odd and in (0, {2 * N})")


def inner_sum_steps(count: int, stride: int = 1) -> list[int]:
    """The rotations that add `count` slots: stride, 2 stride, 4 stride, .. below count stride.

    Raises `ParameterError` unless both are whole numbers and count is a power of two.
    """
    count, stride = whole_number(count, "count"), whole_number(stride, "stride")
    if count < 1 or count & (count - 1):
        raise ParameterError(f"count = {count}: a power of two is needed")
    return [stride << k for k in range(count.bit_length() - 1)]


def _ring_degree(N: int) -> int:
    check_degree(N)
    return int(N)


@cached_within(_KEPT_BYTES)
def permutation(element: int, N: int) -> np.ndarray:
    """int64 (N,): the transform of a(x^element) at index i is that of a at permutation[i].

    Index i of the transform is the evaluation at psi^(2 brv(i) + 1). Raises `ParameterError` for
    an even element.
    """
    check_element(element, N)
    order = bit_reversal(N)
    exponent = (2 * order + 1) * element % (2 * N)
    table: np.ndarray = order[(exponent - 1) // 2]
    table.setflags(write=False)
    return table


@cached_within(_KEPT_BYTES, lambda moves: moves.moves.nbytes + moves.lanes.nbytes)
def vector_moves(element: int, N: int) -> VectorMoves:
    """`permutation` as moves of whole vectors; N >= 8."""
    return VectorMoves.of(permutation(element, N))
