"""What an encrypted run costs under a parameter set, in transforms: for comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from he.ckks.params import CKKSParameters
from he.ckks.word_levels import CONVERSION_COST, PRODUCT_COST
from nn.packed.packed_network import PackedStage
from nn.stages.stage import AddStage


def packed_work(
    packed: Iterable[PackedStage], levels: Mapping[str, int], params: CKKSParameters
) -> float:
    """The cost of all stages; levels: the level of each value, and of the input, by name."""
    total = 0.0
    for stage in packed:
        level = min(levels[name] for name in stage.inputs)
        if isinstance(stage.stage, AddStage):
            continue
        total += stage.layout.ciphertexts * _division(params, level)
        if stage.affine is None:
            for of_level in range(levels[stage.name] + 1, level + 1):
                total += stage.layout.ciphertexts * _key_switch(params, of_level)
            continue
        limbs = params.levels[level].limbs + len(params.levels[level].specials)
        rotations = len(stage.rotations) - len(stage.affine.folds)
        total += _decomposition(params, level)
        total += rotations * 2 * PRODUCT_COST * limbs * params.digits(level)
        total += stage.affine.diagonals * 2 * PRODUCT_COST * limbs
        total += len(stage.affine.folds) * _key_switch(params, level - 1)
    return total * params.N


def stage_transforms(
    packed: PackedStage, level_in: int, level_out: int, params: CKKSParameters
) -> float:
    """The cost of one stage in transforms, with its giant steps apart from its baby steps."""
    if isinstance(packed.stage, AddStage):
        return 0.0
    outputs, affine = packed.layout.ciphertexts, packed.affine
    total = outputs * _division(params, level_in)
    if affine is None:
        switched = sum(_key_switch(params, level) for level in range(level_out + 1, level_in + 1))
        return total + outputs * switched
    limbs = params.levels[level_in].limbs + len(params.levels[level_in].specials)
    babies = {(i, step) for (_, i), plan in affine.splits.items() for step in plan.babies if step}
    giants = {(o, step) for (o, _), plan in affine.splits.items() for step in plan.giants if step}
    total += affine.in_layout.ciphertexts * _decomposition(params, level_in)
    total += len(babies) * 2 * PRODUCT_COST * limbs * params.digits(level_in)
    total += len(giants) * _key_switch(params, level_in)
    total += affine.diagonals * 2 * PRODUCT_COST * limbs
    return total + outputs * len(affine.folds) * _key_switch(params, level_out)


def _decomposition(params: CKKSParameters, level: int) -> float:
    own = params.levels[level]
    return own.limbs + params.digits(level) * (own.limbs + len(own.specials))


def _key_switch(params: CKKSParameters, level: int) -> float:
    """Decomposition, products with the key, and the division by P."""
    own = params.levels[level]
    special = len(own.specials)
    products = 2 * PRODUCT_COST * (own.limbs + special) * params.digits(level)
    return _decomposition(params, level) + products + 2 * (own.limbs + special)


def _division(params: CKKSParameters, level: int) -> float:
    """From QP at a level to Q at the one below."""
    own, lower = params.levels[level], params.levels[level - 1]
    shared = own.shared(lower)
    going = own.limbs - shared + len(own.specials)
    return 2 * (going + lower.limbs + CONVERSION_COST * going * lower.limbs)
