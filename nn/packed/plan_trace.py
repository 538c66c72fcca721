"""The trace that an encrypted run would leave, from a plan alone: no keys and no encryption."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from he.ckks.bootstrap.dry_run import DryBootstrapper
from he.ckks.circuits.diagonals import EncodedDiagonals
from he.ckks.circuits.dry_run import dry_ciphertext, dry_diagonals, dry_evaluator
from he.ckks.circuits.linear_transform import SlotMatrix
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.rlwe.key_needs import KeyNeeds
from he.trace import OpTrace, Tracer
from nn.network.graph import INPUT
from nn.packed.baby_steps import divides_baby_steps
from nn.packed.encrypted_stages import Tensor, encrypted_stage
from nn.packed.packed_affine import PackedAffine
from nn.packed.packed_network import PackedStage
from nn.packed.stage_plan import StagePlan
from nn.packed.weights import weight_scales


def dry_trace(
    params: CKKSParameters,
    needs: KeyNeeds,
    packed: Sequence[PackedStage],
    plans: Sequence[StagePlan],
    *,
    ciphertexts: int,
    input_level: int,
    images: int,
    title: str,
) -> OpTrace:
    """The trace of a traced server's run on `images` images of `ciphertexts` ciphertexts each.

    The code is that of the server's stages, with an evaluator that computes nothing.
    """
    tracer = Tracer(params, title)
    evaluator = dry_evaluator(params, needs, tracer)
    planned = {plan.name: plan for plan in plans}
    bootstrapper = None if params.bootstrap is None else DryBootstrapper(params)
    factors = weight_scales(params, packed, plans)
    values: list[dict[str, Tensor]] = [
        {INPUT: [dry_ciphertext(params, input_level) for _ in range(ciphertexts)]}
        for _ in range(images)
    ]
    for image in values:
        for ciphertext in image[INPUT]:
            tracer.input(ciphertext.data)
    last_reader = {name: item.name for item in packed for name in item.inputs}
    for item in packed:
        tracer.layer = item.name
        plan = planned[item.name]
        source = None
        if item.affine is not None:
            source = _source(evaluator, item.affine, plan.level_in, factors[item.name])
        stage = encrypted_stage(evaluator, item, plan, source, bootstrapper)
        for image in values:
            (image[item.name],) = stage.apply([[image[name] for name in stage.inputs]])
        for name in {name for name in item.inputs if last_reader[name] == item.name}:
            for image in values:
                del image[name]
    for image in values:
        for ciphertext in image[packed[-1].name]:
            tracer.output(ciphertext.data)
    return tracer.trace()


@dataclass(frozen=True, eq=False)
class _Shapes:
    """A matrix without values, always open."""

    matrix: SlotMatrix
    scratch_bytes: int = 0

    def opened(self) -> AbstractContextManager[object]:
        """Nothing is to be done."""
        return nullcontext()


def _source(
    evaluator: Evaluator, affine: PackedAffine, level: int, factor: float | None
) -> _Shapes:
    divided = divides_baby_steps(evaluator.params, affine, level)
    blocks = {
        at: dry_diagonals(EncodedDiagonals, evaluator.params, level, split, factor, divided)
        for at, split in affine.splits.items()
    }
    return _Shapes(SlotMatrix(evaluator, blocks))
