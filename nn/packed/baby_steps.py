"""Whether the baby steps of an affine map are divided by P before the products with its diagonals.

Undivided, they stay in QP, and so do the diagonals. Divided, each costs a division, a giant step
needs none, and the diagonals have the limbs of Q alone: less work where diagonals are many and P
has many limbs, as in the deep end of a network with few digits.
"""

from __future__ import annotations

from he.ckks.params import CKKSParameters
from he.ckks.word_levels import CONVERSION_COST
from nn.packed.packed_affine import PackedAffine

_DIAGONAL_COST = 0.25
"""The cost of a limb's products with a diagonal, both parts, in transforms; the encoding of weights
is not counted, so that this is the least that fewer limbs save.
"""


def divides_baby_steps(params: CKKSParameters, affine: PackedAffine, level: int) -> bool:
    """Whether the baby steps of an affine map at `level` are divided: where it is less work."""
    return division_gain(params, affine, level) > 0


def division_gain(params: CKKSParameters, affine: PackedAffine, level: int) -> float:
    """By how much the work of an affine map shrinks if baby steps are divided, in transforms."""
    own = params.levels[level]
    special = len(own.specials)
    babies, giants = baby_rotations(affine), giant_rotations(affine)
    division = own.limbs + special + CONVERSION_COST * own.limbs * special
    saved = _DIAGONAL_COST * affine.diagonals * special + giants * division
    return saved - 2 * babies * division


def baby_rotations(affine: PackedAffine) -> int:
    """The number of baby steps: the blocks of one input share them."""
    splits = affine.splits.items()
    return len({(i, step) for (_, i), plan in splits for step in plan.babies if step})


def giant_rotations(affine: PackedAffine) -> int:
    """The number of giant steps: the inputs of one output are summed first."""
    splits = affine.splits.items()
    return len({(o, step) for (o, _), plan in splits for step in plan.giants if step})
