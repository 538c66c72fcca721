"""`PackedCircuit`: a packed network before its parameters are known, and its plan under them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from he.ckks.noise import precision_bits, tail_factor
from he.ckks.params import CKKSParameters
from he.rlwe import galois
from he.rlwe.key_needs import KeyNeeds
from he.trace import RELINEARIZATION
from nn.inference.keys import key_memory
from nn.inference.search import FAILURE_PROBABILITY, check_held
from nn.network.graph import INPUT, Network
from nn.network.layers import FloatArray
from nn.packed.answer_errors import Term
from nn.packed.bootstrap_facts import bootstrap_facts
from nn.packed.magnitudes import packed_magnitudes
from nn.packed.operating_points import OperatingPoints
from nn.packed.packed_network import PackedStage, network_input_layout
from nn.packed.placement import bootstraps_of
from nn.packed.plan import InferencePlan
from nn.packed.prediction import Prediction
from nn.packed.stage_plan import StagePlan
from nn.packed.weights import affine_weight_bytes
from nn.packed.work import packed_work
from nn.stages.levels import levels_above_answer, product_levels, start_level
from nn.stages.stage import BootstrapStage, PolynomialStage, ProductStage, SquareStage


class PackedCircuit:
    """A packed network before its parameters are known.

    levels: the level of every stage's value, and of "input", by name; by default without any
    bootstrap. magnitudes: what the levels must hold.
    """

    def __init__(
        self,
        network: Network,
        packed: Sequence[PackedStage],
        levels: Mapping[str, int] | None = None,
    ) -> None:
        self.network = network
        self.packed = tuple(packed)
        self.levels = levels or levels_above_answer(item.stage for item in packed)
        pixels = np.full(math.prod(network.input_shape), _largest_pixel(network))
        largest = {INPUT: pixels} | {item.name: item.stage.max_abs for item in packed}
        self.magnitudes = tuple(packed_magnitudes(packed, largest, self.levels))
        steepest = OperatingPoints.of_bounds(largest)
        if network.statistics is None:
            # An image at an end of the range may have every slope at its largest, signs and all.
            ends = np.array(network.input_range)[:, None] * np.ones(len(pixels))
            worst = [steepest, OperatingPoints.of_images(packed, ends)]
            typical = worst
        elif network.knows_growth:
            typical = [OperatingPoints.of_statistics(network, packed, largest)]
            worst = [steepest, *typical]
        else:
            worst = typical = [steepest]
        made = {id(points): Prediction(packed, self.levels, points) for points in worst}
        self._typical = [made[id(points)] for points in typical]
        self._worst = list(made.values())

    @property
    def largest_logit(self) -> float:
        """The largest answer of the calibration images, or a bound on all answers."""
        return float(self.packed[-1].stage.max_abs.max())

    def candidate(self, params: CKKSParameters) -> Candidate:
        """The precision under a parameter set; raises `PlanningError` if it holds too little."""
        check_held(self.network.name, params, self.magnitudes)
        predicted = _bound(self._typical, params)
        if not np.isfinite(predicted).all():
            predicted = np.where(np.isfinite(predicted), predicted, self.worst_case(params))
        return Candidate(self, params, predicted)

    def worst_case(self, params: CKKSParameters) -> FloatArray:
        """The bound on each answer's error with every slope at its largest value."""
        return _bound(self._worst, params)

    def work(self, params: CKKSParameters) -> float:
        """What a run costs under a parameter set."""
        return packed_work(self.packed, self.levels, params)

    def used(self, N: int) -> list[tuple[int, int]]:
        """(element, level) of each use of a key, element 0 for relinearization."""
        return [
            pair
            for item in self.packed
            for pair in _uses(item, start_level(item.stage, self.levels), self.levels[item.name], N)
        ]

    def needs(self, params: CKKSParameters) -> KeyNeeds:
        """The keys of a run under a parameter set."""
        needs = KeyNeeds.of(self.used(params.N))
        if params.bootstrap is not None:
            needs = KeyNeeds.union([needs, bootstrap_facts(params).needs])
        return needs.without_served(params)

    def key_bytes(self, params: CKKSParameters) -> int:
        """The memory that the keys take under a parameter set."""
        return key_memory(params, self.needs(params))

    def key_levels(self) -> list[int]:
        """The levels at which affine maps to other layouts begin: where rotations change."""
        return sorted(
            {
                self.levels[item.inputs[0]]
                for item in self.packed
                if item.affine and not item.affine.in_layout.matches(item.affine.out_layout)
            }
        )

    def error_terms(self, params: CKKSParameters) -> Sequence[Term]:
        """The errors of the answers, but for those within polynomials."""
        return self._typical[0].error_terms(params)

    def stage_deviations(self, params: CKKSParameters) -> dict[str, float]:
        """The largest deviation of an element of each stage's value."""
        return self._typical[0].stage_deviations(params)


def _bound(predictions: Iterable[Prediction], params: CKKSParameters) -> FloatArray:
    """What the errors of all predictions exceed with the failure probability at most."""
    deviations = [prediction.deviations(params) for prediction in predictions]
    result: FloatArray = tail_factor(FAILURE_PROBABILITY) * np.max(deviations, axis=0)
    return result


def _largest_pixel(network: Network) -> float:
    return max(abs(end) for end in network.input_range)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A parameter set with the error that it predicts for each answer."""

    circuit: PackedCircuit
    params: CKKSParameters
    predicted_error: FloatArray

    @property
    def predicted_bits(self) -> float:
        """As `InferencePlan.predicted_bits`."""
        return precision_bits(float(self.predicted_error.max()), self.circuit.largest_logit)

    def plan(self) -> InferencePlan:
        """The plan under these parameters."""
        circuit, params = self.circuit, self.params
        network, packed, levels = circuit.network, circuit.packed, circuit.levels
        deviations = circuit.stage_deviations(params)
        # The backward pass knows more of the last stage.
        largest = float(self.predicted_error.max()) / tail_factor(FAILURE_PROBABILITY)
        deviations[packed[-1].name] = largest
        source = network_input_layout([item.stage for item in packed], params.slots)
        return InferencePlan(
            network=network.name,
            fingerprint=network.fingerprint(),
            params=params,
            input_layout=replace(source, shape=network.input_shape, grid=None),
            output_layout=packed[-1].layout,
            input_range=network.input_range,
            stages=tuple(
                _stage_plan(
                    params,
                    item,
                    start_level(item.stage, levels),
                    levels[item.name],
                    deviations[item.name],
                )
                for item in packed
            ),
            input_level=levels[INPUT],
            needs=circuit.needs(params),
            predicted_error=self.predicted_error,
            worst_case_error=circuit.worst_case(params),
            largest_logit=circuit.largest_logit,
            failure_probability=FAILURE_PROBABILITY + _failure(params, packed),
            calibrated=network.statistics is not None,
            answers=network.answers,
            packed=packed,
        )


def _stage_plan(
    params: CKKSParameters, item: PackedStage, level_in: int, level_out: int, deviation: float
) -> StagePlan:
    return StagePlan(
        name=item.name,
        kind=type(item.stage).__name__.removesuffix("Stage").lower(),
        level_in=level_in,
        level_out=level_out,
        rotations=_rotations(params, item),
        diagonals=item.affine.diagonals if item.affine else 0,
        ciphertexts=item.layout.ciphertexts,
        predicted_error=deviation,
        weight_bytes=affine_weight_bytes(params, item.affine, level_in) if item.affine else 0,
    )


def _rotations(params: CKKSParameters, item: PackedStage) -> int:
    if isinstance(item.stage, BootstrapStage):
        return len(bootstrap_facts(params).needs.galois)
    return len(item.rotations)


def _failure(params: CKKSParameters, packed: Sequence[PackedStage]) -> float:
    """The probability, at most, that any bootstrap fails."""
    count = bootstraps_of(packed)
    return count * bootstrap_facts(params).failure_probability if count else 0.0


def _uses(
    packed: PackedStage, level_in: int, level_out: int, N: int
) -> Iterator[tuple[int, int]]:
    """(element, level) of the keys that one stage uses, element 0 for relinearization."""
    affine = packed.affine
    if affine is not None:
        for split in affine.splits.values():
            for steps in split.rotations:
                yield galois.element_of_rotation(steps, N), level_in
        for steps in affine.folds:
            # Folds act on the result, one level below.
            yield galois.element_of_rotation(steps, N), level_out
    if isinstance(packed.stage, SquareStage | PolynomialStage | ProductStage):
        for level in product_levels(level_in, level_out):
            yield RELINEARIZATION, level
