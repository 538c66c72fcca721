"""Checks of what callers hand to a batched client or server: plans, keys, tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from he.errors import ParametersMismatchError
from he.rlwe.serializable import Buffer
from nn.batched.plan import BatchedPlan
from nn.batched.tensor import BatchedTensor
from nn.errors import NetworkError, ShapeError

T = TypeVar("T")


def take_plan(given: BatchedPlan | Buffer) -> BatchedPlan:
    """A batched plan, or the plan in these bytes; raises `NetworkError` for any other object."""
    if isinstance(given, Buffer):
        from nn.batched.plan_reader import read_batched_plan

        return read_batched_plan(given)
    if not isinstance(given, BatchedPlan):
        raise NetworkError(
            f"a batched plan is needed, not {type(given).__name__}: compile with "
            f"layout='batched', or use nn.Client and nn.Server, which take any plan"
        )
    return given


def check_one_each(plan: BatchedPlan, given: Sequence[T], what: str) -> Sequence[T]:
    """Keys, if there is one for each parameter set; raises `NetworkError` otherwise."""
    needed = len(plan.params)
    if not isinstance(given, list | tuple) or len(given) != needed:
        found = len(given) if isinstance(given, list | tuple) else type(given).__name__
        raise NetworkError(
            f"{what}: a list of {needed} is needed, one for each parameter set, not {found}"
        )
    return given


def take_images(given: BatchedTensor | Buffer, plan: BatchedPlan) -> BatchedTensor:
    """Freshly encrypted images of the plan, an object or bytes.

    Raises `ShapeError` for other tensors, `he.ParametersMismatchError` for tensors of other
    parameters, `he.SerializationError` for other bytes.
    """
    return _take(given, plan, plan.inputs, plan.params[0].max_level, "fresh images")


def take_answers(given: BatchedTensor | Buffer, plan: BatchedPlan) -> BatchedTensor:
    """Encrypted answers of the plan, an object or bytes; raises what `take_images` does."""
    return _take(given, plan, plan.outputs, plan.answer_level, "answers")


def _take(
    given: BatchedTensor | Buffer, plan: BatchedPlan, elements: int, level: int, what: str
) -> BatchedTensor:
    if isinstance(given, Buffer):
        given = BatchedTensor.from_bytes(given, plan)
    if not isinstance(given, BatchedTensor):
        raise ShapeError(f"a BatchedTensor or its bytes is needed, not {type(given).__name__}")
    if given.params != plan.params:
        raise ParametersMismatchError(
            f"the tensor is encrypted under {', '.join(map(str, given.params))}, the plan needs "
            f"{', '.join(map(str, plan.params))}"
        )
    needed = [(2, params.at(level).limbs, elements, params.N) for params in plan.params]
    found = [blocks.shape for blocks in given.residues]
    if found != needed:
        raise ShapeError(
            f"tensors of shape {found}: {what} of the plan have {needed} (parts, limbs, elements, "
            f"N)"
        )
    if not 1 <= given.images <= plan.images:
        raise ShapeError(f"{given.images} images: a run of the plan takes 1 to {plan.images}")
    return given
