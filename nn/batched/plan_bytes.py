"""What the bytes of all batched plans have in common: the header, and checks of what is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from he.format import container
from he.rlwe.params import RLWEParameters
from he.serialization import to_bytes
from nn.batched.plan import BatchedPlan
from nn.inference.plan_reading import check_shape, read_identity, require
from nn.network.layers import FloatArray, Shape

KIND = "batched plan"
MOST_BITS = 16
_MOST_SETS = 64
_COUNTS = ("inputs", "outputs", "answer_level")


def pack_plan(
    plan: BatchedPlan, header: Mapping[str, Any], sections: Mapping[str, FloatArray]
) -> bytes:
    """The bytes of a plan: what all batched plans hold, and the header and sections of its kind."""
    common: dict[str, Any] = {
        "network": plan.network,
        "fingerprint": plan.fingerprint,
        "sets": len(plan.params),
        **{name: int(getattr(plan, name)) for name in _COUNTS},
    }
    sets: dict[str, Any] = {
        f"params {index}": to_bytes(params) for index, params in enumerate(plan.params)
    }
    return container.pack(KIND, common | dict(header), sets | dict(sections))


def read_parameter_sets(contents: container.Contents, *sections: str) -> list[memoryview]:
    """The bytes of each parameter set. sections: what the plan holds besides them, and no more."""
    count = contents.field("sets", int)
    require(1 <= count <= _MOST_SETS, f"1 to {_MOST_SETS} parameter sets")
    names = [f"params {index}" for index in range(count)]
    contents.check_sections([*names, *sections])
    return [contents.octets(name) for name in names]


def read_common(contents: container.Contents, params: Sequence[RLWEParameters]) -> dict[str, Any]:
    """Names and counts of a plan with these parameter sets."""
    counts = {name: contents.field(name, int) for name in _COUNTS}
    require(len({(p.N, len(p.q)) for p in params}) == 1, "parameter sets of one shape")
    require(counts["inputs"] == math.prod(read_shape(contents)), "as many inputs as pixels")
    require(counts["outputs"] > 0, "outputs")
    require(0 <= counts["answer_level"] <= params[0].max_level, "an answer level of the parameters")
    return read_identity(contents, may_be_empty=True) | counts


def read_shape(contents: container.Contents) -> Shape:
    """The shape of an image."""
    return check_shape(contents.field("shape", list), "a shape of images")
