"""The stages of a packed network on ciphertexts, with their plaintexts encoded in advance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np

from he.ckks.bootstrap.bootstrapper import Bootstrapper
from he.ckks.ciphertext import Ciphertext
from he.ckks.circuits.polynomial_evaluation import EncodedPolynomial
from he.ckks.evaluator import Evaluator
from nn.packed.packed_affine import PackedAffine
from nn.packed.packed_network import PackedStage, slot_polynomials
from nn.packed.stage_plan import StagePlan
from nn.packed.weights import MatrixSource
from nn.stages.stage import AddStage, AffineStage, BootstrapStage, ProductStage, SquareStage

Tensor = list[Ciphertext]
"""The ciphertexts of one tensor of one image."""

# The most images of a group, and the most scratch memory that they may take together.
_LARGEST_GROUP = 8
_GROUP_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class EncryptedStage:
    """What the server does for one stage, named as in the plan.

    inputs: the names of the stages (or "input") that it reads. level: the level of its value.
    apply: the value of each image of a group, from each image's inputs, while the stage is opened.
    group: how many images `apply` takes at once, so that it reads its keys and weights once for all
    of them.
    """

    name: str
    inputs: tuple[str, ...]
    level: int
    apply: Callable[[Sequence[Sequence[Tensor]]], list[Tensor]]
    group: int
    opened: Callable[[], AbstractContextManager[object]] = nullcontext


def encrypted_stage(
    evaluator: Evaluator,
    packed: PackedStage,
    plan: StagePlan,
    source: MatrixSource | None,
    bootstrapper: Bootstrapper | None = None,
) -> EncryptedStage:
    """A packed stage at the planned levels; source: the matrix of a linear one."""
    stage, level = packed.stage, plan.level_in
    group = 1
    opened: Callable[[], AbstractContextManager[object]] = nullcontext
    if isinstance(stage, AffineStage):
        assert packed.affine is not None
        assert source is not None
        apply = _affine(evaluator, packed.affine, level, source)
        group = max(1, min(_LARGEST_GROUP, _GROUP_BYTES // max(1, source.scratch_bytes)))
        opened = source.opened
    elif isinstance(stage, SquareStage) and plan.level_out == level:
        apply = _each(
            lambda inputs: [evaluator.relinearize(evaluator.tensor(x, x)) for x in inputs[0]]
        )
    elif isinstance(stage, SquareStage):
        apply = _each(
            lambda inputs: [evaluator.square(evaluator.drop_to(x, level)) for x in inputs[0]]
        )
    elif isinstance(stage, BootstrapStage):
        apply = _bootstrap(evaluator, bootstrapper)
    elif isinstance(stage, AddStage):
        apply = _each(
            lambda inputs: [
                _sum(evaluator, [evaluator.to_canonical(x, level) for x in operands])
                for operands in zip(*inputs, strict=True)
            ]
        )
    elif isinstance(stage, ProductStage):
        apply = _each(
            lambda inputs: [
                evaluator.multiply(evaluator.drop_to(x, level), evaluator.drop_to(y, level))
                for x, y in zip(*inputs, strict=True)
            ]
        )
    else:
        apply = _polynomial(evaluator, packed, level)
    return EncryptedStage(packed.name, packed.inputs, plan.level_out, apply, group, opened)


def _each(
    work: Callable[[Sequence[Tensor]], Tensor],
) -> Callable[[Sequence[Sequence[Tensor]]], list[Tensor]]:
    """One image after the other."""
    return lambda images: [work(inputs) for inputs in images]


def _bootstrap(
    evaluator: Evaluator, bootstrapper: Bootstrapper | None
) -> Callable[[Sequence[Sequence[Tensor]]], list[Tensor]]:
    assert bootstrapper is not None
    return _each(lambda inputs: [bootstrapper.apply(evaluator, x) for x in inputs[0]])


def _polynomial(
    evaluator: Evaluator, packed: PackedStage, level: int
) -> Callable[[Sequence[Sequence[Tensor]]], list[Tensor]]:
    polynomials = [
        EncodedPolynomial(evaluator.encoder, polynomial, level)
        for polynomial in slot_polynomials(packed)
    ]
    return _each(
        lambda inputs: [
            polynomial.apply(evaluator, evaluator.drop_to(x, level))
            for x, polynomial in zip(inputs[0], polynomials, strict=True)
        ]
    )


def _affine(
    evaluator: Evaluator, affine: PackedAffine, level: int, source: MatrixSource
) -> Callable[[Sequence[Sequence[Tensor]]], list[Tensor]]:
    """The map on a group of images."""
    encoder = evaluator.encoder
    bias = [encoder.encode(slots, level - 1) if np.any(slots) else None for slots in affine.bias]
    folds = affine.folds  # the map itself, whose matrix may be large, is not kept

    def apply(images: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        operands = [[evaluator.drop_to(x, level) for x in inputs[0]] for inputs in images]
        outputs = source.matrix.apply(operands)
        for steps in folds:
            outputs = [
                [evaluator.add(x, evaluator.rotate(x, steps)) for x in output] for output in outputs
            ]
        return [
            [
                x if shift is None else evaluator.add(x, shift)
                for x, shift in zip(output, bias, strict=True)
            ]
            for output in outputs
        ]

    return apply


def _sum(evaluator: Evaluator, operands: Sequence[Ciphertext]) -> Ciphertext:
    total = operands[0]
    for operand in operands[1:]:
        total = evaluator.add(total, operand)
    return total
