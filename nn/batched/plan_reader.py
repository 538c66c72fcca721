"""Batched plans from their bytes."""

from __future__ import annotations

from he.errors import CorruptBytesError
from he.format import container
from he.rlwe.serializable import Buffer
from nn.batched.integers import IntegerPlan
from nn.batched.plan_bytes import KIND
from nn.batched.reals import RealPlan


def read_batched_plan(
    data: Buffer, *, insecure_reason: str | None = None
) -> IntegerPlan | RealPlan:
    """Read what `BatchedPlan.to_bytes` wrote; `nn.read_plan` has the arguments and the errors."""
    contents = container.unpack(data, KIND)
    match contents.field("scheme", str):
        case "bfv":
            return IntegerPlan.from_contents(contents, insecure_reason)
        case "ckks":
            return RealPlan.from_contents(contents, insecure_reason)
        case other:
            raise CorruptBytesError(f"scheme {other!r}: 'bfv' or 'ckks' is needed")
