"""`plan_reals`: the parameter set of a batched network in CKKS, and the error of its answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from he.batched.weighted_sums import LEAST_MODULUS_BITS
from he.ckks.noise import tail_factor
from he.ckks.params import CKKSParameters
from he.ckks.word_levels import PRODUCT_COST
from nn.batched.image_errors import deviations_at_images
from nn.batched.quantize import chain_of_squares
from nn.batched.reals import (
    Placed,
    RealAffine,
    RealPlan,
    factor_of,
    placed,
    real_steps,
    relinearization_needs,
    relinearized_levels,
)
from nn.inference.keys import key_memory
from nn.inference.options import PlanOptions
from nn.inference.search import (
    DEFAULT_PRECISION_BITS,
    FAILURE_PROBABILITY,
    Circuit,
    Magnitude,
    PlanningError,
    check_held,
    first_prime_bits,
    search,
)
from nn.inference.work import division_work, key_switch_work
from nn.network.graph import INPUT, Network
from nn.network.layers import FloatArray
from nn.stages.typical import Growth, typical_values

GROWTH_PRECISION_BITS = 14.0
"""The default where the growth of errors is known: it bounds errors far below the worst case."""

_LARGEST_WEIGHT = 2.0**62


def plan_reals(network: Network, options: PlanOptions) -> RealPlan:
    """The plan with the smallest ring and the fewest digits that give the precision.

    Raises `PlanningError` when nothing fits, with the best precision that was found, and for
    weights that do not fit 63 bits at their scale.
    """
    steps = real_steps(network)
    largest = [stage.max_abs for stage in chain_of_squares(network)]
    depth = len(largest)
    magnitudes = tuple(_magnitudes(network, placed(steps, depth), largest))
    typical = _typical(network) if network.knows_growth else None

    def plan(params: CKKSParameters) -> RealPlan:
        check_held(network.name, params, magnitudes)
        return _plan(network, steps, params, largest, typical)

    switched = relinearized_levels(placed(steps, depth))
    bits, calibrated = first_prime_bits(network.name, magnitudes), network.statistics is not None
    circuit = Circuit(
        depth,
        bits,
        plan,
        calibrated,
        lambda params: _work(params, placed(steps, depth)),
        lambda params: key_memory(params, relinearization_needs(params, switched)),
        switched,
        1 << LEAST_MODULUS_BITS,
    )
    default = DEFAULT_PRECISION_BITS if typical is None else GROWTH_PRECISION_BITS
    return search(network.name, lambda _: circuit, options, default_bits=default)


def _magnitudes(
    network: Network, places: Sequence[Placed], largest: Sequence[FloatArray]
) -> Iterator[Magnitude]:
    """Bounds on the pixels and on every step's values, with the levels that must hold them.

    The slots of a ciphertext are one element of many images, so that the largest counts.
    """
    pixels = max(abs(end) for end in network.input_range)
    yield Magnitude("the input", places[0].level, pixels)
    for index, (place, values) in enumerate(zip(places, largest, strict=True)):
        # Three parts stay at their level, at the square of its scale.
        level = place.level - 1 if place.keeps_three_parts else place.below
        yield Magnitude(f"step {index}", level, float(values.max()))


def _plan(
    network: Network,
    steps: Sequence[Any],
    params: CKKSParameters,
    largest: Sequence[FloatArray],
    typical: tuple[Sequence[FloatArray], Sequence[Growth]] | None,
) -> RealPlan:
    places = placed(steps, params.max_level)
    _check_weights(network.name, params, places)
    factor = tail_factor(FAILURE_PROBABILITY)
    worst = predicted = factor * predicted_deviations(params, places, _sizes(network, largest))
    if typical is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            sizes = _sizes(network, largest)
            found = factor * deviations_at_images(params, places, *typical, sizes)
        predicted = np.where(np.isfinite(found), found, worst)
    return RealPlan(
        network=network.name,
        fingerprint=network.fingerprint(),
        params=(params,),
        images=params.slots,
        inputs=math.prod(network.input_shape),
        outputs=largest[-1].size,
        answer_level=0,
        input_shape=network.input_shape,
        input_range=network.input_range,
        predicted_error=predicted,
        worst_case_error=np.maximum(worst, predicted),
        largest_logit=float(largest[-1].max()),
        failure_probability=FAILURE_PROBABILITY,
        calibrated=network.statistics is not None,
        relinearized=None if params.is_chain else relinearized_levels(places),
    )


def _work(params: CKKSParameters, places: Sequence[Placed]) -> float:
    """What a run costs under a parameter set, in transforms times N."""
    total, elements = 0.0, 0
    for place in places:
        limbs = params.at(place.level).limbs
        if isinstance(place.step, RealAffine):
            elements = place.step.matrix.shape[0]
            total += place.step.matrix.nnz * place.parts * PRODUCT_COST * limbs
        if place.relinearizes:
            total += elements * key_switch_work(params, place.level)
        for level in range(place.below + 1, place.level + 1):
            total += elements * division_work(params, level)
    return total * params.N


def _check_weights(name: str, params: CKKSParameters, places: Sequence[Placed]) -> None:
    for place in places:
        if isinstance(place.step, RealAffine):
            factor, _ = factor_of(params, place)
            largest = float(abs(place.step.matrix).max())
            if largest * factor > _LARGEST_WEIGHT:
                raise PlanningError(
                    f"{name!r} has a weight of size {largest:g}: at the scale "
                    f"2^{math.log2(factor):.1f} of its layer a weight is at most "
                    f"{_LARGEST_WEIGHT / factor:g}; scale the layer down"
                )


def _sizes(network: Network, largest: Sequence[FloatArray]) -> list[FloatArray]:
    """Bounds on the values that each step reads, one array for each step."""
    pixels = np.full(math.prod(network.input_shape), max(abs(x) for x in network.input_range))
    return [pixels, *largest[:-1]]


def _typical(network: Network) -> tuple[list[FloatArray], list[Growth]]:
    """Typical values that each step reads, and the growth at each of them and at the answer."""
    stages = list(chain_of_squares(network))
    found = typical_values(network, stages)
    names = [INPUT, *(stage.name for stage in stages)]
    return [found.values[name] for name in names[:-1]], [found.growth[name] for name in names]


def predicted_deviations(
    params: CKKSParameters, places: Sequence[Placed], sizes: Sequence[FloatArray]
) -> FloatArray:
    """Standard deviations of the answers' errors, (outputs,), in units of the value, at the worst.

    The errors of fresh ciphertexts are independent, so the first affine map adds their variances.
    Later errors may be correlated, so later steps add standard deviations, which bounds the
    deviation of the sum whatever the correlation (Minkowski). sizes: bounds on the values that each
    step reads.
    """
    noise = params.noise_model
    fresh = math.sqrt(noise.fresh_symmetric + noise.encoding) / params.scales[-1]
    deviation: FloatArray = np.full(sizes[0].size, fresh)
    for index, (place, size) in enumerate(zip(places, sizes, strict=True)):
        if isinstance(place.step, RealAffine):
            deviation = _after_affine(params, place, size, deviation, independent=index == 0)
            continue
        # (x + e)^2 = x^2 + 2 x e + e^2; the deviation of e^2 is at most sqrt(3) times the square of
        # the deviation of e.
        deviation = 2 * size * deviation + math.sqrt(3) * deviation**2
        if not place.keeps_three_parts:
            added = math.sqrt(noise.product_rescale(place.level))
            deviation = deviation + added / params.scales[place.below]
    return deviation


def _after_affine(
    params: CKKSParameters,
    place: Placed,
    size: FloatArray,
    deviation: FloatArray,
    *,
    independent: bool,
) -> FloatArray:
    """The deviations behind an affine map.

    The weights multiply the error. The weights and the bias are rounded at their scales, so each
    adds an error of at most half a unit.
    """
    assert isinstance(place.step, RealAffine)
    noise, scales, weights = params.noise_model, params.scales, abs(place.step.matrix)
    factor, _ = factor_of(params, place)
    if independent:
        carried = np.sqrt(weights.power(2) @ deviation**2)
    else:
        carried = weights @ deviation
    pattern = (weights != 0).astype(np.float64)
    total: FloatArray = carried + (pattern @ (size + deviation) + 1) / (2 * factor)
    if place.parts == 3:
        # Two divisions: the second also divides the error that the first adds.
        switched = math.sqrt(noise.product_rescale(place.level))
        divisor = scales[place.below] * params.quotient(place.level - 1, place.below)
        total = total + switched / divisor
    return total + math.sqrt(noise.rounding) / scales[place.below]
