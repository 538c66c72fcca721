"""The rotations of the embedding's matrices, as baby steps and giant steps; numbers only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from he.ckks.bootstrap.circuit import KeyKind
from he.ckks.circuits.bsgs import BabyGiant

GIANT_COST = 3.0
"""The cost of a giant step, in baby steps, which share a decomposition."""


_LATE_SUMS = 2


def split_sums(repeated: int) -> tuple[int, int]:
    """Of the sums that add up `repeated` copies of sparse slots, those before CoeffsToSlots and
    those behind it.

    Matrices of repeated diagonals commute with them, and behind the matrices key switches are
    cheaper. There each sum doubles the variance of more errors, so they are few.
    """
    sums = repeated.bit_length() - 1
    late = min(sums, _LATE_SUMS)
    return sums - late, late


def split_evenly(steps: int, groups: int) -> tuple[int, ...]:
    """`steps` in so many groups, as equal as can be, the larger ones first."""
    size, more = divmod(steps, groups)
    return tuple(size + (i < more) for i in range(groups))


def matrix_shifts(n: int, groups: Sequence[int]) -> list[list[int]]:
    """The shifts of the diagonals of each matrix of `slot_matrices.slots_of_coefficients`.

    They are multiples of the least positive one; see `in_order`.
    """
    found, stride = [], 1
    for steps in groups:
        reach = stride << steps
        found.append(in_order({k % n for k in range(stride - reach, reach, stride)}, n))
        stride = reach
    return found


def in_order(shifts: Iterable[int], n: int) -> list[int]:
    """Shifts modulo n, ascending, as a run without gaps: around 0, or from 0 on to n."""
    classes = sorted(shift % n for shift in shifts)
    if len(classes) > 1 and len(classes) * classes[1] == n:
        return classes
    return sorted(shift if 2 * shift <= n else shift - n for shift in classes)


def rotations(shifts: Sequence[int], slots: int, keys: KeyKind) -> BabyGiant:
    """The rotations of a matrix of these shifts, for keys of a kind.

    Where all giant steps have one key, shifts are counted from the first one on.
    """
    if keys == "fast":
        return baby_giant(shifts, slots)
    return baby_giant([shift - shifts[0] for shift in shifts], slots, giant_cost=1.0)


def baby_giant(
    shifts: Sequence[int], slots: int, giant_cost: float = GIANT_COST
) -> BabyGiant:
    """The cheapest split whose giant steps are multiples of an even number.

    shifts: as `in_order` gives them. Babies are 0, g, 2 g, .. for the least shift g. Diagonals
    are encoded rotated by minus their giant step, which must not move odd slots to even ones.
    giant_cost: of a giant step, in baby steps.
    """
    step = min((abs(shift) for shift in shifts if shift), default=1)
    plans = [_steps(shifts, step << k) for k in range(1, len(shifts).bit_length() + 1)]
    babies, giants = min(plans, key=lambda plan: len(plan[0]) + giant_cost * len(plan[1]))
    terms = []
    for shift in shifts:
        giant = max(giant for giant in giants if giant <= shift)
        terms.append((giants.index(giant), babies.index(shift - giant), shift % slots))
    return BabyGiant(
        tuple(baby % slots for baby in babies), tuple(giant % slots for giant in giants),
        tuple(terms),
    )


def _steps(shifts: Iterable[int], stride: int) -> tuple[list[int], list[int]]:
    """Babies below `stride`, and giants."""
    giants = sorted({shift // stride * stride for shift in shifts})
    return sorted({shift % stride for shift in shifts}), giants
