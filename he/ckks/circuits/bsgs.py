"""Splitting a set of rotations into baby steps and giant steps.

A sum ``sum_s vector_s * rotate(x, s)`` is evaluated as ``sum_g rotate(sum_b vector'_{g,b} *
rotate(x, b), g)`` with ``s = g + b`` and ``vector'_{g,b} = rotate(vector_s, -g)``: one rotation
per baby and per giant instead of one per shift. Babies rotate one ciphertext and share its
decomposition (hoisting), so they are cheaper than giants. Halevi and Shoup, "Faster homomorphic
linear transformations in HElib", CRYPTO 2018, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from he.errors import ParameterError

IntArray = NDArray[np.int64]

_WORK_LIMIT = 1 << 20  # elements of the table (strides tried, shifts): some 10 ms


@dataclass(frozen=True)
class BabyGiant:
    """Rotation steps in ``[0, n_slots)`` and how they make up the shifts.

    Each term ``(giant_index, baby_index, shift)`` has ``shift = (giants[giant_index] +
    babies[baby_index]) mod n_slots``; each shift is in one term. Step 0 costs nothing.
    """

    babies: tuple[int, ...]
    giants: tuple[int, ...]
    terms: tuple[tuple[int, int, int], ...]

    @property
    def rotations(self) -> frozenset[int]:
        """The distinct nonzero steps: what Galois keys are needed for."""
        return frozenset(self.babies + self.giants) - {0}

    def cost(self, baby_cost: float = 1.0, giant_cost: float = 3.0) -> float:
        """The cost of all nonzero steps."""
        babies = sum(step != 0 for step in self.babies)
        giants = sum(step != 0 for step in self.giants)
        return babies * baby_cost + giants * giant_cost


def split(
    shifts: Iterable[int],
    n_slots: int,
    baby_cost: float = 1.0,
    giant_cost: float = 3.0,
    *,
    period: int | None = None,
) -> BabyGiant:
    """The cheapest split found of `shifts` into babies and giants.

    Babies are the residues of the shifts modulo one stride and giants its multiples, both moved so
    that as many steps as possible are 0; a step may stand for a negative one (``n_slots - 1`` is
    -1). All strides that can matter are tried: small integers, powers of two and the distances
    that occur between the shifts, such as the rows of an image.

    With `period`, a divisor of `n_slots`, the shifts are meant modulo `period` (the rotated vector
    repeats with it): each term's shift is then congruent to a requested one modulo `period`.

    Raises `ParameterError` if `period` does not divide `n_slots`.
    """
    period = n_slots if period is None else period
    if n_slots < 1 or period < 1 or n_slots % period:
        raise ParameterError(
            f"period {period} with {n_slots} slots; a positive divisor of n_slots is needed"
        )
    classes = distinct(np.fromiter((int(shift) % period for shift in shifts), np.int64))
    if classes.size == 0:
        return BabyGiant((), (), ())
    unrolled = _unroll(classes, period)
    start = unrolled[0]
    # Shift 0 can have baby 0 and giant 0. Without it only one of them can be had, the dearer.
    has_zero = bool(classes[0] == 0)
    free_giant = has_zero or giant_cost >= baby_cost
    free_baby = has_zero or not free_giant
    stride, offset = _best_stride(
        unrolled - start, (free_baby, free_giant), (baby_cost, giant_cost)
    )
    quotients = (unrolled - start - offset) // stride
    nearest = int(np.abs(unrolled).argmin())
    giants = (quotients - quotients[nearest]) * stride
    if not free_giant:
        giants += unrolled[nearest]
    babies = unrolled - giants
    giant_steps, baby_steps = distinct(giants), distinct(babies)
    giant_indices = np.searchsorted(giant_steps, giants)
    baby_indices = np.searchsorted(baby_steps, babies)
    return BabyGiant(
        babies=tuple((baby_steps % n_slots).tolist()),
        giants=tuple((giant_steps % n_slots).tolist()),
        terms=tuple(
            zip(
                giant_indices.tolist(),
                baby_indices.tolist(),
                (unrolled % n_slots).tolist(),
                strict=True,
            )
        ),
    )


def distinct(numbers: IntArray) -> IntArray:
    """The different integers of an array, ascending.

    As `numpy.unique`, which imports the masked arrays and so takes 20 ms at its first call.
    """
    ordered = np.sort(numbers)
    found: IntArray = ordered[np.diff(ordered, prepend=ordered[:1] - 1) != 0]
    return found


def _unroll(classes: IntArray, period: int) -> IntArray:
    """Ascending representatives that start behind the widest gap of the circle, near 0.

    Class 0 is represented by 0.
    """
    gaps = np.diff(classes, append=classes[0] + period)
    widest = classes.size - 1 - int(gaps[::-1].argmax())
    first = (widest + 1) % classes.size
    unrolled = np.concatenate([classes[first:], classes[:first] + period])
    if first and (classes[0] == 0 or 2 * unrolled[0] > period):
        unrolled -= period
    result: IntArray = unrolled
    return result


def _best_stride(
    distances: IntArray, free: tuple[bool, bool], costs: tuple[float, float]
) -> tuple[int, int]:
    """The stride and the offset of its residues that cost least, for distances from 0 ascending.

    `free` tells whether one baby and one giant are step 0, `costs` what each other one costs.
    """
    strides = _strides(distances)
    residues = np.sort(distances % strides[:, None], axis=1)
    baby_counts = 1 + np.count_nonzero(np.diff(residues, axis=1), axis=1)
    # Cut the circle of residues at its widest gap, so that a cluster around 0 stays together.
    gaps = np.diff(residues, axis=1, prepend=residues[:, -1:] - strides[:, None])
    cuts = np.take_along_axis(residues, gaps.argmax(axis=1)[:, None], axis=1)[:, 0]
    best: tuple[float, int, int, int] | None = None
    for offsets in (np.zeros_like(cuts), cuts):
        quotients = (distances - offsets[:, None]) // strides[:, None]
        giant_counts = 1 + np.count_nonzero(np.diff(quotients, axis=1), axis=1)
        total = costs[0] * (baby_counts - free[0]) + costs[1] * (giant_counts - free[1])
        # Of equally cheap splits, the one with the fewest steps: fewer keys.
        index = int(np.lexsort((strides, baby_counts + giant_counts, total))[0])
        steps = int(baby_counts[index] + giant_counts[index])
        found = (float(total[index]), steps, int(strides[index]), int(offsets[index]))
        best = found if best is None else min(best, found)
    assert best is not None
    return best[2], best[3]


def _strides(distances: IntArray) -> IntArray:
    """The strides worth trying; 1 (all giants) and beyond the span (all babies) are among them."""
    span = int(distances[-1]) + 1
    limit = max(8, _WORK_LIMIT // distances.size)
    small = np.arange(1, min(span, 64 + 4 * math.isqrt(distances.size)) + 1)
    powers = 1 << np.arange(span.bit_length() + 1)
    run_starts = distances[1:][np.diff(distances) > 1]
    strides = distinct(np.concatenate([small, run_starts[: limit // 2]]))
    return distinct(np.concatenate([powers, strides[:limit]]))
