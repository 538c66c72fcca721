"""`StagePlan`: what the plan of a packed run says of one stage, and how it is read from bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from he.ckks.params import CKKSParameters
from he.format.container import checked_values
from he.levels import serving_levels
from he.rlwe.key_needs import KeyNeeds
from he.trace import RELINEARIZATION
from nn.inference.plan_reading import require
from nn.packed.bootstrap_facts import bootstrap_facts
from nn.stages.levels import product_levels

_MULTIPLYING = ("square", "polynomial", "product")


@dataclass(frozen=True)
class StagePlan:
    """What the plan says of one stage.

    kind: affine, square, polynomial, product, add or bootstrap.
    """

    name: str
    kind: str
    level_in: int
    level_out: int
    rotations: int
    diagonals: int
    ciphertexts: int
    predicted_error: float
    """The largest predicted standard deviation of an element's error, in units of the value."""
    weight_bytes: int | None = None
    """The size of the encoded diagonals; None in a plan of earlier bytes, which do not tell."""

    @property
    def item(self) -> list[object]:
        """The stage in the bytes of a plan."""
        values = list(vars(self).values())
        return values[:-1] if self.weight_bytes is None else values


_TYPES = {"str": str, "int": int, "float": float, "int | None": int}


def read_stages(
    items: Sequence[object], params: CKKSParameters, needs: KeyNeeds, input_level: int
) -> tuple[StagePlan, ...]:
    """The stages that the items in a plan's bytes describe.

    The first begins at the level of the input, each takes the levels that its kind takes, and the
    evaluation keys are those that the stages use. Raises `he.CorruptBytesError` otherwise.
    """
    types = [_TYPES[str(field.type)] for field in fields(StagePlan)]
    stages = tuple(_read_stage(item, types) for item in items)
    require(bool(stages), "a stage")
    names = {stage.name for stage in stages}
    require(len(names) == len(stages), "a name of its own for each stage")
    require(0 <= input_level <= params.max_level, "an input at a level of the parameters")
    highest = max(stage.level_in for stage in stages if stage.kind != "bootstrap")
    right = stages[0].level_in <= input_level <= highest
    if params.bootstrap is None:
        right = stages[0].level_in == params.max_level
    require(right, "a first stage at the level of the input")
    for stage in stages:
        _check_stage(stage, params)
    _check_squares(stages)
    _check_keys(stages, params, needs)
    return stages


def _read_stage(item: object, types: Sequence[type]) -> StagePlan:
    """A stage, of the plans of today or of those without the bytes of weights."""
    is_earlier = isinstance(item, list) and len(item) == len(types) - 1
    needed = types[:-1] if is_earlier else types
    return StagePlan(*checked_values(item, "a stage", *needed))


def _check_stage(stage: StagePlan, params: CKKSParameters) -> None:
    taken = stage.level_in - stage.level_out
    circuit, max_level = params.bootstrap, params.max_level
    refreshed = None if circuit is None else (circuit.input_level, max_level - circuit.levels)
    right = {
        "affine": taken == 1,
        "square": taken in (0, 1),
        "polynomial": taken >= 1,
        "add": taken == 0,
        "product": taken == 1,
        "bootstrap": (stage.level_in, stage.level_out) == refreshed,
    }
    require(right.get(stage.kind, False), "a kind for each stage, with the levels that it takes,")
    require(stage.level_out >= 0 and stage.level_in <= max_level, "levels of the parameters")
    counts = (stage.rotations, stage.diagonals)
    affine = stage.kind == "affine"
    rotates = affine or (stage.kind == "bootstrap" and not stage.diagonals)
    require(min(counts) >= 0 and (rotates or not any(counts)), "counts of rotations and diagonals")
    weights = stage.weight_bytes or 0
    require(weights >= 0 and (affine or not weights), "a size of the weights of each stage")
    require(stage.ciphertexts >= 1, "a ciphertext for each stage")
    error = stage.predicted_error
    require(math.isfinite(error) and error > 0, "a finite error above 0 for each stage")


def _check_squares(stages: Sequence[StagePlan]) -> None:
    """All squares are rescaled, or none is, in a network that `late_levels` takes."""
    kept = {stage.level_in == stage.level_out for stage in stages if stage.kind == "square"}
    require(len(kept) <= 1, "a rescaling of every square, or of none,")
    others = {stage.kind for stage in stages} - {"affine", "square", "add"}
    require(not (any(kept) and others), "a rescaling of squares beside other products")


def _check_keys(stages: Sequence[StagePlan], params: CKKSParameters, needs: KeyNeeds) -> None:
    products = {
        level
        for stage in stages
        if stage.kind in _MULTIPLYING
        for level in product_levels(stage.level_in, stage.level_out)
    }
    if params.bootstrap is not None:
        require(any(stage.kind == "bootstrap" for stage in stages), "a bootstrap")
        own = bootstrap_facts(params).needs
        products.update(level for element, level in own.levels() if element == RELINEARIZATION)
        require(
            KeyNeeds.union([needs, own]).without_served(params) == needs, "the bootstrap's keys"
        )
    served = set(serving_levels(params.levels, products))
    named = {level for element, level in needs.levels() if element == RELINEARIZATION}
    require(served == named, "the relinearization key")
    require(needs == needs.without_served(params), "no key that another one serves")
    rotations = [stage.rotations for stage in stages]
    require(max(rotations) <= len(needs.galois) <= sum(rotations), "a key for each rotation")
