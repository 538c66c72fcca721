"""The bytes of batched plans: what a client needs, without weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from he import CKKSParameters
from he.bfv import BFVParameters
from he.errors import CorruptBytesError
from he.format import container
from he.rlwe.params import RLWEParameters
from he.serialization import to_bytes
from nn.batched.integers import IntegerPlan
from nn.batched.plan import BatchedPlan
from nn.batched.quantize import InputRounding
from nn.batched.reals import RealPlan

_KIND = "batched plan"
_MOST_SETS = 64
_MOST_BITS = 16
_COUNTS = ("inputs", "outputs", "answer_level")


def plan_to_bytes(plan: BatchedPlan) -> bytes:
    """As `BatchedPlan.to_bytes` says."""
    header: dict[str, Any] = {
        "network": plan.network,
        "fingerprint": plan.fingerprint,
        "sets": len(plan.params),
        **{name: int(getattr(plan, name)) for name in _COUNTS},
    }
    sections: dict[str, Any] = {
        f"params {index}": to_bytes(params) for index, params in enumerate(plan.params)
    }
    if isinstance(plan, IntegerPlan):
        header |= {
            "scheme": "bfv",
            "shape": list(plan.rounding.shape),
            "scales": [float(plan.rounding.scale), float(plan.output_scale)],
            "input_range": [int(plan.rounding.low), int(plan.rounding.high)],
            "bits": [plan.input_bits, plan.weight_bits],
        }
    elif isinstance(plan, RealPlan):
        header |= {
            "scheme": "ckks",
            "shape": list(plan.input_shape),
            "input_range": [float(x) for x in plan.input_range],
            "largest_logit": float(plan.largest_logit),
            "failure_probability": float(plan.failure_probability),
        }
        sections["predicted error"] = np.asarray(plan.predicted_error, dtype=np.float64)
    return container.pack(_KIND, header, sections)


def plan_from_bytes(data: bytes, insecure_reason: str | None = None) -> BatchedPlan:
    """As `BatchedPlan.from_bytes` says."""
    contents = container.unpack(data, _KIND)
    read = {"bfv": _integer_plan, "ckks": _real_plan}.get(contents.field("scheme", str))
    if read is None:
        raise CorruptBytesError(f"scheme {contents.header['scheme']!r}: 'bfv' or 'ckks'")
    return read(contents, insecure_reason)


def _integer_plan(contents: container.Contents, insecure_reason: str | None) -> IntegerPlan:
    params = tuple(
        BFVParameters.from_bytes(octets, insecure_reason=insecure_reason)
        for octets in _parameter_sets(contents)
    )
    common = _common(contents, params)
    scale, output_scale = _numbers(contents, "scales", float)
    low, high = _numbers(contents, "input_range", int)
    input_bits, weight_bits = _numbers(contents, "bits", int)
    _require(scale > 0 and output_scale > 0, "scales above 0")
    _require(all(0 <= bits <= _MOST_BITS for bits in (input_bits, weight_bits)), "bits")
    _require(max(-low, high) < 1 << _MOST_BITS and low <= high, "an input range of integers")
    moduli = {p.t for p in params}
    _require(len(moduli) == len(params) and all(p.batches for p in params), "plain moduli")
    return IntegerPlan(
        **common,
        params=params,
        rounding=InputRounding(_shape(contents), scale, low, high),
        output_scale=output_scale,
        input_bits=input_bits,
        weight_bits=weight_bits,
    )


def _real_plan(contents: container.Contents, insecure_reason: str | None) -> RealPlan:
    sets = [
        CKKSParameters.from_bytes(octets, insecure_reason=insecure_reason)
        for octets in _parameter_sets(contents)
    ]
    _require(len(sets) == 1, "one parameter set")
    common = _common(contents, sets)
    low, high = _numbers(contents, "input_range", float)
    largest, probability = (
        contents.field(name, float) for name in ("largest_logit", "failure_probability")
    )
    error = contents.array("predicted error", "float64", (common["outputs"],))
    _require(low <= high, "an input range")
    _require(math.isfinite(largest) and 0 < probability < 1, "a bound that holds almost always")
    _require(bool((error >= 0).all()), "errors of 0 or more")
    return RealPlan(
        **common,
        params=(sets[0],),
        input_shape=_shape(contents),
        input_range=(low, high),
        predicted_error=error,
        largest_logit=largest,
        failure_probability=probability,
    )


def _parameter_sets(contents: container.Contents) -> list[memoryview]:
    count = contents.field("sets", int)
    _require(1 <= count <= _MOST_SETS, f"1 to {_MOST_SETS} parameter sets")
    return [contents.octets(f"params {index}") for index in range(count)]


def _common(contents: container.Contents, params: Any) -> dict[str, Any]:
    counts = {name: contents.field(name, int) for name in _COUNTS}
    sets: list[RLWEParameters] = list(params)
    _require(len({(p.N, len(p.q)) for p in sets}) == 1, "parameter sets of one shape")
    _require(counts["inputs"] == math.prod(_shape(contents)), "as many inputs as pixels")
    _require(counts["outputs"] > 0, "outputs")
    _require(0 <= counts["answer_level"] <= sets[0].max_level, "an answer level of the parameters")
    return {
        "network": contents.field("network", str),
        "fingerprint": contents.field("fingerprint", bytes),
        "images": params[0].slots,
        **counts,
    }


def _shape(contents: container.Contents) -> tuple[int, ...]:
    shape = contents.field("shape", list)
    _require(bool(shape) and all(type(x) is int and x > 0 for x in shape), "a shape of images")
    return tuple(shape)


def _numbers(contents: container.Contents, name: str, needed: type[Any]) -> tuple[Any, Any]:
    found = contents.field(name, list)
    right = len(found) == 2 and all(type(x) is needed and math.isfinite(x) for x in found)
    _require(right, f"two numbers as {name}")
    return found[0], found[1]


def _require(held: bool, what: str) -> None:
    if not held:
        raise CorruptBytesError(f"these bytes hold no batched plan: {what} is needed")
