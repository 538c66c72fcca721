"""Checks of what any plan holds when it is read from bytes.

A plan comes from a server. Whoever reads it can trust that its numbers are numbers, that they fit
each other, and that the error which it promises is one that its parameters can keep.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from he.ckks.noise import tail_factor
from he.ckks.params import CKKSParameters
from he.errors import CorruptBytesError
from he.format.container import Contents
from nn.inference.identity import read_version
from nn.network.layers import FloatArray, Shape

FINGERPRINT_BYTES = 16
_MOST_AXES = 8
_LARGEST_FAILURE_PROBABILITY = 2.0**-10
VERSION = 2
"""The version of approximate plans with a worst case; version 1 had none."""
BOOTSTRAP_VERSION = 3
"""The version of packed plans that bootstrap."""
WORST_CASE = "worst case error"
NEARLY = 1 - 1e-9
"""Room for the rounding of two evaluations of one formula."""


def require(held: bool, what: str) -> None:
    """Raise `CorruptBytesError` unless a condition held; `what` names the missing thing."""
    if not held:
        raise CorruptBytesError(f"these bytes hold no plan: {what} is needed")


def check_shape(found: object, what: str) -> Shape:
    """`found`, if it is a list of one to eight lengths above 0."""
    right = isinstance(found, list) and 1 <= len(found) <= _MOST_AXES
    require(right and all(type(x) is int and x > 0 for x in found), what)  # type: ignore[attr-defined]
    return tuple(found)  # type: ignore[arg-type]


def read_pair(contents: Contents, name: str, needed: type[Any]) -> tuple[Any, Any]:
    """The header's item `name`: two finite numbers of exactly the type `needed`."""
    found = contents.field(name, list)
    right = len(found) == 2 and all(type(x) is needed and math.isfinite(x) for x in found)
    require(right, f"two numbers as {name}")
    return found[0], found[1]


def read_input_range(contents: Contents) -> tuple[float, float]:
    """The range of pixels: two finite numbers, the lower one first."""
    low, high = read_pair(contents, "input_range", float)
    require(low < high, "an input range")
    return low, high


def read_identity(contents: Contents, *, may_be_empty: bool = False) -> dict[str, Any]:
    """The name and the fingerprint of the plan's network.

    may_be_empty: whether the fingerprint may be missing, as it is where there is no `Network`.
    """
    fingerprint = contents.field("fingerprint", bytes)
    lengths = (0, FINGERPRINT_BYTES) if may_be_empty else (FINGERPRINT_BYTES,)
    require(len(fingerprint) in lengths, f"a fingerprint of {FINGERPRINT_BYTES} bytes")
    return {"network": contents.field("network", str), "fingerprint": fingerprint}


def promise_items(
    predicted: FloatArray, worst: FloatArray, calibrated: bool
) -> tuple[dict[str, int], dict[str, FloatArray]]:
    """What version 2 of a plan's header and sections holds of its promise.

    Version 1 has nothing of that: its predicted error is the worst case of a network with
    statistics. A plan of which that is true is written in version 1.
    """
    if calibrated and np.array_equal(predicted, worst):
        return {}, {}
    return {"version": VERSION, "calibrated": calibrated}, {WORST_CASE: worst}


def promise_sections(contents: Contents, newest: int = VERSION) -> tuple[str, ...]:
    """The names of the sections of `promise_items`; raises `he.VersionError` for later versions.

    newest: `BOOTSTRAP_VERSION` for plans that may bootstrap.
    """
    return (WORST_CASE,) if read_version(contents, newest) > 1 else ()


def read_promise(
    contents: Contents, params: CKKSParameters, outputs: int, level: int
) -> dict[str, Any]:
    """The largest logit and the bound on each logit's error, of answers at `level`.

    The errors are finite, and none is smaller than the tail of the rounding error that every answer
    at this level carries: no server can promise less. The largest logit is one that the modulus of
    the level holds, if every other slot is 0. The worst case is never better than the error.
    """
    probability = contents.field("failure_probability", float)
    right = 0 < probability <= _LARGEST_FAILURE_PROBABILITY
    require(right, f"a failure probability above 0, at most {_LARGEST_FAILURE_PROBABILITY:g}")
    largest = contents.field("largest_logit", float)
    held = 0 <= largest < params.slots * params.value_limit(level)
    require(held, "a largest logit that the parameters hold")
    errors: FloatArray = contents.array("predicted error", "float64", (outputs,))
    least = least_error(params, level, probability)
    right = bool(np.isfinite(errors).all() and errors.min() >= least)
    require(right, f"a finite predicted error of at least {least:.3g}, the parameters' own,")
    worst, calibrated = errors, True
    if promise_sections(contents, BOOTSTRAP_VERSION):
        calibrated = contents.field("calibrated", bool)
        stated = contents.array(WORST_CASE, "float64", (outputs,))
        require(not np.isnan(stated).any(), "a worst case that is a number")
        worst = np.maximum(stated, errors)
    for bounds in (errors, worst):
        bounds.setflags(write=False)
    return {
        "predicted_error": errors,
        "worst_case_error": worst,
        "calibrated": calibrated,
        "largest_logit": largest,
        "failure_probability": probability,
    }


def least_error(params: CKKSParameters, level: int, probability: float) -> float:
    """What no bound on the error of an answer at `level` can be below."""
    noise = params.noise_model
    fresh = level == params.max_level
    variance = noise.fresh_symmetric + noise.encoding if fresh else noise.rounding
    deviation = math.sqrt(variance) / params.scales[level]
    return NEARLY * tail_factor(probability) * deviation
