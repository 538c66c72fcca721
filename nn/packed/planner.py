"""`compile`: from a network to an `InferencePlan`, before any key exists."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from he.ckks.noise import tail_factor
from he.ckks.params import CKKSParameters
from he.rlwe import galois
from he.rlwe.keys import KeyNeeds
from nn.network.graph import INPUT, Network
from nn.network.layers import FloatArray
from nn.packed.packed_network import PackedStage, network_input_layout, pack_network
from nn.packed.plan import InferencePlan, StagePlan
from nn.packed.prediction import ErrorPredictor, Errors, required_integer_bits
from nn.plan_search import FAILURE_PROBABILITY, PlanningError, check_degree, search
from nn.stages.rewriting import AffineStage, PolynomialStage, SquareStage, stages

__all__ = ["PlanningError", "compile", "fingerprint"]

if TYPE_CHECKING:
    from nn.batched.integers import IntegerPlan
    from nn.batched.plan import BatchedPlan
    from nn.batched.reals import RealPlan

@overload
def compile(
    network: Network,
    *,
    scheme: Literal["ckks"] = "ckks",
    layout: Literal["packed"] = "packed",
    security_bits: int = 128,
    precision_bits: float | None = None,
    N: int | None = None,
    dnum: int | None = None,
    insecure_reason: str | None = None,
) -> InferencePlan: ...


@overload
def compile(
    network: Network,
    *,
    scheme: Literal["ckks"] = "ckks",
    layout: Literal["batched"],
    security_bits: int = 128,
    precision_bits: float | None = None,
    N: int | None = None,
    dnum: int | None = None,
    insecure_reason: str | None = None,
) -> RealPlan: ...


@overload
def compile(
    network: Network,
    *,
    scheme: Literal["bfv"],
    layout: Literal["batched"] = "batched",
    security_bits: int = 128,
    N: int | None = None,
    dnum: int | None = None,
    insecure_reason: str | None = None,
    input_bits: int | None = None,
    weight_bits: int | None = None,
    plain_moduli: Sequence[int] | None = None,
) -> IntegerPlan: ...


def compile(
    network: Network,
    *,
    scheme: str = "ckks",
    layout: str | None = None,
    security_bits: int = 128,
    precision_bits: float | None = None,
    N: int | None = None,
    dnum: int | None = None,
    insecure_reason: str | None = None,
    input_bits: int | None = None,
    weight_bits: int | None = None,
    plain_moduli: Sequence[int] | None = None,
) -> InferencePlan | BatchedPlan:
    """Plan an encrypted run of `network`: parameters, packing, levels, keys, precision.

    Parameters
    ----------
    network : with statistics (`Network.calibrated`) for tight predictions; without them, worst
        cases over `input_range` are assumed.
    scheme : "ckks" computes with approximate numbers, "bfv" exactly with the integers of the
        quantised network (`nn.batched.quantize`), whose activations must be squares.
    layout : "packed" puts an image's elements side by side in the slots: one image is fast; for
        `nn.Client` and `nn.Server`. "batched" puts one image in each slot: thousands at once; for
        `nn.BatchedClient` and `nn.BatchedServer`. Default: packed with "ckks", batched with "bfv".
    security_bits : 128, 192 or 256.
    precision_bits : every logit is to be predicted within 2^-precision_bits of the largest one;
        default 6 ("ckks" only).
    N, dnum : ring degree and number of key-switching digits; None takes the smallest N, then the
        smallest dnum, that give the precision.
    insecure_reason : words that say why parameters outside the security table are wanted (tests).
    input_bits, weight_bits : of the quantised pixels and weights; default 3 and 5 ("bfv" only).
    plain_moduli : these instead of the fewest and smallest that hold every answer ("bfv" only).

    Raises `PlanningError` when nothing fits, with the best precision that was found, and for
    options that contradict each other; `PlainModulusOverflowError` and `NoiseBudgetPlanningError`,
    both of that kind, as `nn.batched.integer_planner.plan_integers`; `UnsupportedLayerError` where
    the batched layout has no form of a layer.
    """
    check_degree(N)
    integer_options = {
        "input_bits": input_bits, "weight_bits": weight_bits, "plain_moduli": plain_moduli
    }  # fmt: skip
    given = {name: value for name, value in integer_options.items() if value is not None}
    common: dict[str, Any] = {
        "N": N, "dnum": dnum, "security_bits": security_bits, "insecure_reason": insecure_reason
    }  # fmt: skip
    match scheme, layout:
        case "bfv", "batched" | None:
            if precision_bits is not None:
                raise PlanningError(
                    "precision_bits has no meaning with scheme='bfv', which is exact: choose "
                    "input_bits and weight_bits"
                )
            return _plan_batched_integers(network, given, common)
        case "ckks", "packed" | "batched" | None:
            if given:
                raise PlanningError(
                    f"{', '.join(given)}: only scheme='bfv' computes with integers"
                )
        case _:
            raise PlanningError(
                f"scheme {scheme!r} with layout {layout!r}: 'ckks' with 'packed' or 'batched', and "
                f"'bfv' with 'batched' are possible"
            )
    if layout == "batched":
        from nn.batched.real_planner import plan_reals

        return plan_reals(network, precision_bits=precision_bits, **common)
    return _plan_packed(network, precision_bits=precision_bits, **common)


def _plan_batched_integers(
    network: Network, given: dict[str, Any], common: dict[str, Any]
) -> IntegerPlan:
    from nn.batched.integer_planner import plan_integers
    from nn.batched.quantize import quantize

    bits = {name: given[name] for name in ("input_bits", "weight_bits") if name in given}
    return plan_integers(
        quantize(network, **bits),
        name=network.name,
        fingerprint=fingerprint(network),
        plain_moduli=given.get("plain_moduli"),
        **common,
    )


def _plan_packed(network: Network, **options: Any) -> InferencePlan:
    circuit = tuple(stages(network))

    def at(N: int) -> tuple[int, int, Callable[[CKKSParameters], InferencePlan]]:
        packed = tuple(pack_network(circuit, N // 2))
        depth, below = _levels(packed)
        return (
            depth, _integer_bits(packed), lambda params: _plan(network, packed, params, below)
        )  # fmt: skip

    return search(network.name, at, **options)


def fingerprint(network: Network) -> bytes:
    """16 bytes that tell a network, its weights included, from any other."""
    digest = hashlib.blake2b(digest_size=16)
    for node in network.nodes:
        digest.update(repr((node.name, type(node.layer).__name__, node.inputs)).encode())
        for field in dataclasses.fields(node.layer):
            value = getattr(node.layer, field.name)
            digest.update(field.name.encode())
            is_array = isinstance(value, np.ndarray)
            digest.update(value.tobytes() if is_array else repr(value).encode())
    return digest.digest()


def _levels(packed: Iterable[PackedStage]) -> tuple[int, dict[str, int]]:
    """Depth of the circuit, and how many levels each tensor lies below the input."""
    below = {INPUT: 0}
    for step in packed:
        below[step.name] = max(below[name] for name in step.inputs) + step.stage.levels
    return max(below.values()), below


def _plan(
    network: Network,
    packed: tuple[PackedStage, ...],
    params: CKKSParameters,
    below: dict[str, int],
) -> InferencePlan:
    depth, N = params.max_level, params.N
    predictor = ErrorPredictor(params)
    largest = {step.name: step.stage.max_abs for step in packed}
    largest[INPUT] = np.full(
        math.prod(network.input_shape), max(abs(bound) for bound in network.input_range)
    )
    errors: dict[str, Errors] = {INPUT: predictor.fresh(largest[INPUT].size)}
    plans, needs = [], []
    for step in packed:
        level_in = depth - max(below[name] for name in step.inputs)
        level_out = depth - below[step.name]
        inputs = []
        for name in step.inputs:
            error = errors[name]
            if depth - below[name] > level_in:
                error = predictor.drop(error, level_in, largest[name])
            inputs.append(error)
        values = [largest[name] for name in step.inputs]
        errors[step.name] = _propagate(predictor, step, inputs, values, level_in)
        needs.append(_needs(step, level_in, N))
        deviation = errors[step.name].standard_deviation()
        plans.append(
            StagePlan(
                name=step.name,
                kind=type(step.stage).__name__.removesuffix("Stage").lower(),
                level_in=level_in,
                level_out=level_out,
                rotations=len(step.affine.rotations) if step.affine else 0,
                diagonals=step.affine.diagonals if step.affine else 0,
                ciphertexts=step.layout.ciphertexts,
                predicted_error=float(deviation.max()),
            )
        )
    last = packed[-1]
    return InferencePlan(
        network=network.name,
        fingerprint=fingerprint(network),
        params=params,
        input_layout=network_input_layout([step.stage for step in packed], N // 2),
        output_layout=last.layout,
        input_range=network.input_range,
        stages=tuple(plans),
        needs=KeyNeeds.union(needs),
        predicted_error=tail_factor(FAILURE_PROBABILITY) * errors[last.name].standard_deviation(),
        largest_logit=float(np.max(last.stage.max_abs)),
        failure_probability=FAILURE_PROBABILITY,
        packed=packed,
    )


def _propagate(
    predictor: ErrorPredictor,
    step: PackedStage,
    errors: list[Errors],
    largest: list[FloatArray],
    level: int,
) -> Errors:
    stage = step.stage
    if isinstance(stage, AffineStage):
        assert step.affine is not None
        return predictor.affine(errors[0], stage.affine, step.affine, level, largest[0])
    if isinstance(stage, SquareStage):
        return predictor.square(errors[0], level, largest[0])
    if isinstance(stage, PolynomialStage):
        return predictor.polynomial(
            errors[0], level, stage.levels, stage.coefficients, largest[0]
        )
    return predictor.add(errors)


def _needs(step: PackedStage, level: int, N: int) -> KeyNeeds:
    """The keys that one step uses when it starts at `level`."""
    if step.affine is not None:
        rotations: dict[int, int] = {}
        for plan in step.affine.splits.values():
            for steps in plan.rotations:
                rotations[galois.element_of_rotation(steps, N)] = level
        for steps in step.affine.folds:
            # Folds act on the result, one level below.
            rotations.setdefault(galois.element_of_rotation(steps, N), level - 1)
        return KeyNeeds(galois=rotations)
    multiplies = isinstance(step.stage, SquareStage | PolynomialStage)
    return KeyNeeds(relinearization=level if multiplies else None)


def _integer_bits(packed: tuple[PackedStage, ...]) -> int:
    """Bits before the point that the last level needs, from a bound on every slot of the answer."""
    last = packed[-1]
    if last.affine is None:
        return required_integer_bits(last.layout.pack_flat(last.stage.max_abs))
    sources = {step.name: step.stage.max_abs for step in packed}
    source = sources.get(last.inputs[0])
    if source is None:
        source = np.ones(last.affine.in_layout.size)
    return required_integer_bits(last.affine.bound(last.affine.in_layout.pack_flat(source)))
