"""From a network to an `InferencePlan`, before any key exists."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from he.ckks.noise import tail_factor
from he.ckks.params import CKKSParameters
from he.rlwe import galois
from he.rlwe.keys import KeyNeeds
from nn.inference.options import PlanOptions
from nn.inference.search import (
    FAILURE_PROBABILITY,
    Circuit,
    check_held,
    first_prime_bits,
    search,
)
from nn.network.graph import INPUT, Network
from nn.network.layers import FloatArray
from nn.packed.magnitudes import packed_magnitudes
from nn.packed.packed_network import PackedStage, network_input_layout, pack_network
from nn.packed.plan import InferencePlan
from nn.packed.prediction import ErrorPredictor, Errors
from nn.packed.stage_plan import StagePlan
from nn.stages.rewriting import rewrite
from nn.stages.stage import AffineStage, PolynomialStage, SquareStage


def plan_packed(network: Network, options: PlanOptions) -> InferencePlan:
    """The plan with the smallest ring and the fewest digits that give the precision.

    Raises `PlanningError` when nothing fits, with the best precision that was found.
    """
    stages = rewrite(network)

    def circuit_at(N: int) -> Circuit[InferencePlan]:
        packed = tuple(pack_network(stages, N // 2))
        below = levels_below_input(packed)
        depth = max(below.values())
        levels = {name: depth - taken for name, taken in below.items()}
        magnitudes = tuple(packed_magnitudes(packed, network.input_range, levels))

        def plan(params: CKKSParameters) -> InferencePlan:
            check_held(network.name, params, magnitudes)
            return _plan(network, packed, params, below)

        return Circuit(depth, first_prime_bits(network.name, magnitudes), plan)

    return search(network.name, circuit_at, options)


def levels_below_input(packed: Iterable[PackedStage]) -> dict[str, int]:
    """How many levels each stage's value lies below the input, by name."""
    below = {INPUT: 0}
    for stage in packed:
        below[stage.name] = max(below[name] for name in stage.inputs) + stage.stage.levels
    return below


class _Placed(NamedTuple):
    """A stage with the levels at which it starts and ends, and the error of its value."""

    stage: PackedStage
    level_in: int
    level_out: int
    errors: Errors


def _plan(
    network: Network,
    packed: tuple[PackedStage, ...],
    params: CKKSParameters,
    below: Mapping[str, int],
) -> InferencePlan:
    """The plan under one parameter set."""
    placed = _placed(network, packed, params, below)
    last = placed[-1]
    return InferencePlan(
        network=network.name,
        fingerprint=network.fingerprint(),
        params=params,
        input_layout=network_input_layout([stage.stage for stage in packed], params.N // 2),
        output_layout=last.stage.layout,
        input_range=network.input_range,
        stages=tuple(map(_stage_plan, placed)),
        needs=KeyNeeds.union([_needs(item.stage, item.level_in, params.N) for item in placed]),
        predicted_error=tail_factor(FAILURE_PROBABILITY) * last.errors.standard_deviation(),
        largest_logit=float(np.max(last.stage.stage.max_abs)),
        failure_probability=FAILURE_PROBABILITY,
        packed=packed,
    )


def _placed(
    network: Network,
    packed: Iterable[PackedStage],
    params: CKKSParameters,
    below: Mapping[str, int],
) -> list[_Placed]:
    """Every stage with its levels, and with the errors that reach it from the input on."""
    predictor, depth = ErrorPredictor(params), params.max_level
    pixels = math.prod(network.input_shape)
    largest = {INPUT: np.full(pixels, max(abs(bound) for bound in network.input_range))}
    errors = {INPUT: predictor.fresh(pixels)}
    placed = []
    for stage in packed:
        level = depth - max(below[name] for name in stage.inputs)
        inputs = []
        for name in stage.inputs:
            error = errors[name]
            if depth - below[name] > level:
                error = predictor.drop(error, level, largest[name])
            inputs.append(error)
        values = [largest[name] for name in stage.inputs]
        found = _propagate(predictor, stage, inputs, values, level)
        errors[stage.name], largest[stage.name] = found, stage.stage.max_abs
        placed.append(_Placed(stage, level, depth - below[stage.name], found))
    return placed


def _stage_plan(item: _Placed) -> StagePlan:
    stage = item.stage
    return StagePlan(
        name=stage.name,
        kind=type(stage.stage).__name__.removesuffix("Stage").lower(),
        level_in=item.level_in,
        level_out=item.level_out,
        rotations=len(stage.rotations),
        diagonals=stage.affine.diagonals if stage.affine else 0,
        ciphertexts=stage.layout.ciphertexts,
        predicted_error=float(item.errors.standard_deviation().max()),
    )


def _propagate(
    predictor: ErrorPredictor,
    packed: PackedStage,
    errors: list[Errors],
    largest: list[FloatArray],
    level: int,
) -> Errors:
    """The errors of a stage's value, from those of its inputs and their largest values."""
    stage = packed.stage
    if isinstance(stage, AffineStage):
        assert packed.affine is not None
        return predictor.affine(errors[0], stage.affine, packed.affine, level, largest[0])
    if isinstance(stage, SquareStage):
        return predictor.square(errors[0], level, largest[0])
    if isinstance(stage, PolynomialStage):
        return predictor.polynomial(errors[0], level, stage.polynomial, largest[0])
    return predictor.add(errors)


def _needs(packed: PackedStage, level: int, N: int) -> KeyNeeds:
    """The keys that one stage uses when it starts at `level`."""
    if packed.affine is not None:
        rotations: dict[int, int] = {}
        for split in packed.affine.splits.values():
            for steps in split.rotations:
                rotations[galois.element_of_rotation(steps, N)] = level
        for steps in packed.affine.folds:
            # Folds act on the result, one level below.
            rotations.setdefault(galois.element_of_rotation(steps, N), level - 1)
        return KeyNeeds(galois=rotations)
    multiplies = isinstance(packed.stage, SquareStage | PolynomialStage)
    return KeyNeeds(relinearization=level if multiplies else None)
