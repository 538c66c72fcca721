"""What an encrypted run costs under a parameter set, in transforms: for comparisons."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

from he.ckks.bootstrap.shapes import bootstrap_work
from he.ckks.circuits.polynomial import Polynomial
from he.ckks.circuits.polynomial_circuit import PolynomialCircuit
from he.ckks.params import CKKSParameters
from he.ckks.word_levels import PRODUCT_COST
from nn.inference.work import decomposition_work, division_work, key_switch_work
from nn.packed.baby_steps import baby_rotations, division_gain, giant_rotations
from nn.packed.packed_network import PackedStage
from nn.stages.levels import start_level
from nn.stages.stage import AddStage, BootstrapStage, PolynomialStage, Stage


def packed_work(
    packed: Iterable[PackedStage], levels: Mapping[str, int], params: CKKSParameters
) -> float:
    """The cost of all stages; levels: the level of each value, and of the input, by name."""
    total = 0.0
    for stage in packed:
        level = start_level(stage.stage, levels)
        if isinstance(stage.stage, AddStage | BootstrapStage):
            continue
        total += stage.layout.ciphertexts * division_work(params, level)
        if stage.affine is None:
            below = levels[stage.name]
            for of_level in range(below + (below < level), level + 1):
                total += stage.layout.ciphertexts * key_switch_work(params, of_level)
            continue
        limbs = params.levels[level].limbs + len(params.levels[level].specials)
        rotations = len(stage.rotations) - len(stage.affine.folds)
        total += decomposition_work(params, level)
        total += rotations * 2 * PRODUCT_COST * limbs * params.digits(level)
        total += stage.affine.diagonals * 2 * PRODUCT_COST * limbs
        total -= max(0.0, division_gain(params, stage.affine, level))
        total += len(stage.affine.folds) * key_switch_work(params, level - 1)
    return total * params.N


def stage_transforms(
    packed: PackedStage, level_in: int, level_out: int, params: CKKSParameters
) -> float:
    """The cost of one stage in transforms, with its giant steps apart from its baby steps."""
    if isinstance(packed.stage, AddStage):
        return 0.0
    outputs, affine = packed.layout.ciphertexts, packed.affine
    if isinstance(packed.stage, BootstrapStage):
        return outputs * bootstrap_work(params)
    total = outputs * division_work(params, level_in)
    if affine is None:
        heights = [0] if level_out == level_in else switched_heights(packed.stage)
        return total + outputs * sum(key_switch_work(params, level_out + h) for h in heights)
    limbs = params.levels[level_in].limbs + len(params.levels[level_in].specials)
    total += affine.in_layout.ciphertexts * decomposition_work(params, level_in)
    total += baby_rotations(affine) * 2 * PRODUCT_COST * limbs * params.digits(level_in)
    total += giant_rotations(affine) * key_switch_work(params, level_in)
    total += affine.diagonals * 2 * PRODUCT_COST * limbs
    total -= max(0.0, division_gain(params, affine, level_in))
    return total + outputs * len(affine.folds) * key_switch_work(params, level_out)


@functools.lru_cache(maxsize=1024)
def switched_heights(stage: Stage) -> list[int]:
    """How far above its result an elementwise stage relinearizes, once for each product."""
    if not isinstance(stage, PolynomialStage):
        return [1]
    polynomial = stage.polynomial
    # Where coefficients differ from slot to slot, any number that is no integer stands for them.
    one = [c if c.ndim == 0 else 0.5 for c in polynomial.coefficients]
    circuit = PolynomialCircuit(Polynomial(one, polynomial.basis))
    heights = [circuit.height(i) + 1 for i in circuit.needed if i > 1]
    return heights + [part.height for part in circuit.total.inner() if part.products]
