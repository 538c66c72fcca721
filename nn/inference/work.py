"""What the steps that plans of either layout share cost under a parameter set, in transforms."""

from __future__ import annotations

from he.ckks.params import CKKSParameters
from he.ckks.word_levels import CONVERSION_COST, PRODUCT_COST


def decomposition_work(params: CKKSParameters, level: int) -> float:
    """The raising of each digit from Q to QP at a level."""
    own = params.levels[level]
    return own.limbs + params.digits(level) * (own.limbs + len(own.specials))


def key_switch_work(params: CKKSParameters, level: int) -> float:
    """Decomposition, products with the key, and the division by P."""
    own = params.levels[level]
    special = len(own.specials)
    products = 2 * PRODUCT_COST * (own.limbs + special) * params.digits(level)
    return decomposition_work(params, level) + products + 2 * (own.limbs + special)


def division_work(params: CKKSParameters, level: int) -> float:
    """From QP at a level to Q at the one below."""
    own, lower = params.levels[level], params.levels[level - 1]
    shared = own.shared(lower)
    going = own.limbs - shared + len(own.specials)
    return 2 * (going + lower.limbs + CONVERSION_COST * going * lower.limbs)
