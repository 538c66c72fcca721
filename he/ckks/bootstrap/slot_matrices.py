"""The embedding as a product of sparse matrices: what CoeffsToSlots and SlotsToCoeffs multiply by.

A polynomial of degree below 2 n with coefficients c, seen as w[j] = c[j] + i c[j + n], has the
slots ``z[k] = sum_j w[j] zeta^(j (-3)^k)``, zeta = exp(pi i / (2 n)): those of the library's order,
with every odd one conjugated, since 3^k = (-1)^k (-3)^k. In this order the even and the odd
coefficients split the sum into two of half the size, down to n = 1, where z = w. Each step of that
recursion is a matrix of at most three diagonals (Chen, Chillotti, Song, "Improved bootstrapping for
approximate homomorphic encryption", EUROCRYPT 2019; Han, Hhan, Cheon, "Improved homomorphic
discrete Fourier transforms and FHE bootstrapping", IEEE Access 2019), and products of neighbouring
steps trade levels for diagonals. The coefficients come in bit-reversed order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from he.ckks.bootstrap.steps import in_order

ComplexArray = NDArray[np.complex128]

Diagonals = dict[int, ComplexArray]
"""{shift: vector}: ``y[i] = sum_s diagonals[s][i] x[i + s]``, indices modulo the length."""


def slots_of_coefficients(n: int, groups: Sequence[int]) -> list[Diagonals]:
    """Matrices, the first one applied first, that lead from w in bit-reversed order to n slots.

    groups: how many of the log2(n) steps of the recursion each matrix does, the innermost first.
    """
    return [_product(steps) for steps in _grouped(_steps(n), groups)]


def coefficients_of_slots(
    n: int, groups: Sequence[int], factors: Sequence[float] | None = None
) -> list[Diagonals]:
    """The inverses: from n slots to w in bit-reversed order, each matrix times its factor.

    groups: as in `slots_of_coefficients`, in the order of application, the outermost steps first.
    """
    steps = [_inverse(step) for step in reversed(_steps(n))]
    parts = _grouped(steps, groups)
    factors = [1.0] * len(groups) if factors is None else factors
    return [_scaled(_product(part), by) for part, by in zip(parts, factors, strict=True)]


def from_zero(matrices: Sequence[Diagonals]) -> tuple[list[Diagonals], int]:
    """Matrices of the same product behind a rotation, with shifts from 0 on; and the rotation.

    Each matrix takes a rotation through itself, by what its shifts were below 0.
    """
    n = next(iter(matrices[0].values())).size
    ordered = [in_order(matrix, n) for matrix in matrices]
    turn = sum(shifts[0] for shifts in ordered)
    moved, found = -turn, []
    for matrix, shifts in zip(matrices, ordered, strict=True):
        moved += shifts[0]
        found.append(
            {shift - shifts[0]: np.roll(matrix[shift % n], moved) for shift in shifts}
        )
    return found, turn


def bit_reversed(n: int) -> NDArray[np.int64]:
    """The bit reversal of 0 .. n - 1, n a power of two."""
    order = np.zeros(1, dtype=np.int64)
    while order.size < n:
        order = np.concatenate((2 * order, 2 * order + 1))
    return order


def _steps(n: int) -> list[Diagonals]:
    """The steps of the recursion, the innermost, of blocks of two, first.

    In a block of 2 h slots: y[k] = x[k] + r[k] x[k + h] and y[k + h] = x[k] - r[k] x[k + h], with
    r[k] = exp(2 pi i (-3)^k / (8 h)).
    """
    return [_butterfly(h, n) for h in (1 << k for k in range(n.bit_length() - 1))]


def _butterfly(h: int, n: int) -> Diagonals:
    powers = np.ones(h, dtype=np.int64)
    for k in range(1, h):
        powers[k] = powers[k - 1] * -3 % (8 * h)
    roots = np.exp(2j * np.pi * powers / (8 * h))
    ones, zeros = np.ones(h, dtype=complex), np.zeros(h, dtype=complex)
    blocks = n // (2 * h)
    ahead = np.tile(np.concatenate((roots, zeros)), blocks)
    back = np.tile(np.concatenate((zeros, ones)), blocks)
    step = {0: np.tile(np.concatenate((ones, -roots)), blocks)}
    _add(step, h % n, ahead)
    _add(step, -h % n, back)
    return step


def _inverse(step: Diagonals) -> Diagonals:
    """The inverse of a butterfly: half of its conjugate transpose."""
    n = step[0].size
    inverse: Diagonals = {}
    for shift, vector in step.items():
        _add(inverse, -shift % n, np.roll(vector.conj(), shift) / 2)
    return inverse


def _grouped(steps: Sequence[Diagonals], groups: Sequence[int]) -> Iterator[Sequence[Diagonals]]:
    start = 0
    for size in groups:
        yield steps[start : start + size]
        start += size
    assert start == len(steps)


def _product(steps: Sequence[Diagonals]) -> Diagonals:
    """The matrix that applies the steps in turn."""
    total = steps[0]
    for step in steps[1:]:
        product: Diagonals = {}
        for a, left in step.items():
            for b, right in total.items():
                _add(product, (a + b) % left.size, left * np.roll(right, -a))
        total = product
    return total


def _scaled(matrix: Diagonals, factor: float) -> Diagonals:
    return {shift: factor * vector for shift, vector in matrix.items()}


def _add(diagonals: Diagonals, shift: int, vector: ComplexArray) -> None:
    known = diagonals.get(shift)
    diagonals[shift] = vector if known is None else known + vector
