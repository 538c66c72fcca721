"""`compile`: from a network to a plan of its encrypted run, before any key exists."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from he.validation import instance, words
from nn.errors import MemoryBudgetError, UncalibratedWarning
from nn.inference.options import IntegerKeywords, PackedKeywords, PlanOptions, RealKeywords
from nn.inference.search import PlanningError, check_degree
from nn.network.graph import Network
from nn.packed.plan import InferencePlan
from nn.packed.planner import plan_packed

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
    **options: Unpack[PackedKeywords],
) -> InferencePlan: ...


@overload
def compile(
    network: Network,
    *,
    scheme: Literal["ckks"] = "ckks",
    layout: Literal["batched"],
    **options: Unpack[RealKeywords],
) -> RealPlan: ...


@overload
def compile(
    network: Network,
    *,
    scheme: Literal["bfv"],
    layout: Literal["batched"] = "batched",
    **options: Unpack[IntegerKeywords],
) -> IntegerPlan: ...


def compile(
    network: Network, *, scheme: str = "ckks", layout: str | None = None, **options: Any
) -> InferencePlan | BatchedPlan:
    """Plan an encrypted run of `network`: parameters, packing, levels, keys, precision.

    network: with statistics (`Network.calibrated`) the predictions are tight. Without statistics
    the planner assumes the worst over `input_range`, the precision is relative to a bound on the
    logits, and an `UncalibratedWarning` says so.

    scheme: "ckks" computes with approximate numbers. "bfv" computes exactly, with the integers of
    the quantised network (`nn.batched.quantize`), whose activations must be squares.

    layout: "packed" puts the elements of one image side by side in the slots, so that one image is
    fast. "batched" puts one image into each slot, for thousands of images at once. The default is
    packed with "ckks" and batched with "bfv".

    The options:

    - `security_bits`: 128, 192 or 256; default 128.
    - `N`, `dnum`: the ring degree and the number of key-switching digits. By default the planner
      takes the smallest N, then the smallest dnum, that give the precision.
    - `insecure_reason`: words that say why parameters outside the security table are wanted, for
      tests. Without them such parameters are refused.
    - `precision_bits` ("ckks" only): every logit is predicted within 2^-precision_bits of the
      largest logit. The default is 8, and 14 for the batched layout. For a network without
      statistics, or with statistics of an older version, only the worst case is known; the default
      is then 6.
    - `word_bits` ("ckks" only): all primes are below 2^word_bits, from 16 to 61, for machines with
      short words; without `dnum` and without bootstraps. By default the planner takes what is
      fastest here: levels of words of 50 bits, or a chain.
    - `bootstrap` (packed layout only): whether the server refreshes ciphertexts on the way. By
      default it does where the network is too deep for the levels of any ring. The planner
      chooses where, by predicted time (`nn.packed.placement`).
    - `input_bits`, `weight_bits` ("bfv" only): bits of the quantised pixels and weights; default 3
      and 5.
    - `plain_moduli` ("bfv" only): by default the fewest and smallest that hold every answer.

    Raises `PlanningError` when nothing fits, with the best precision that was found, and for
    options that contradict each other; its subclasses `PlainModulusOverflowError` and
    `NoiseBudgetPlanningError` as `nn.batched.integer_planner.plan_integers` says;
    `MemoryBudgetError` for a layer or a plan that does not fit this machine's memory;
    `UnsupportedLayerError` for a layer that the batched layout cannot compute;
    `he.WrongObjectError` for an object that is no network; and `he.ParameterError` for an option of
    another type.
    """
    plan: Any = plan_network(network, scheme, layout, PlanOptions(**options))
    if not getattr(plan, "calibrated", True):
        warnings.warn(
            f"network {network.name!r} has no statistics: {plan.predicted_bits:.1f} bits are "
            f"predicted relative to the interval bound {plan.largest_logit:.4g} on its logits, and "
            f"logits may be far smaller; give it some images with network.calibrated(images)",
            UncalibratedWarning,
            stacklevel=2,
        )
    result: InferencePlan | BatchedPlan = plan
    return result


def plan_network(
    network: Network, scheme: str, layout: str | None, options: PlanOptions
) -> InferencePlan | BatchedPlan:
    """`compile` for a scheme and a layout that are not known when the program is written."""
    instance(network, Network, "network")
    check_degree(options.N)
    match words(scheme, "scheme"), words(layout, "layout"):
        case "ckks", "packed" | None:
            _check_options_of_reals(options)
            return _plan_packed(network, options)
        case "ckks", "batched":
            _check_options_of_reals(options)
            _check_no_bootstrap(options)
            from nn.batched.real_planner import plan_reals

            return plan_reals(network, options)
        case "bfv", "batched" | None:
            return _plan_integers(network, options)
    raise PlanningError(
        f"scheme {scheme!r} with layout {layout!r}: 'ckks' with 'packed' or 'batched', and "
        f"'bfv' with 'batched' are possible"
    )


def _plan_packed(network: Network, options: PlanOptions) -> InferencePlan:
    """`plan_packed`; raises `MemoryBudgetError` where this machine has too little memory."""
    try:
        return plan_packed(network, options)
    except MemoryError as problem:
        raise MemoryBudgetError(
            f"the plan of {network.name!r} does not fit this machine's memory: use a smaller ring "
            f"degree N, smaller images or fewer channels"
        ) from problem


def _check_options_of_reals(options: PlanOptions) -> None:
    if given := options.given("input_bits", "weight_bits", "plain_moduli"):
        raise PlanningError(f"{', '.join(given)}: only scheme='bfv' computes with integers")
    if options.word_bits is not None and options.dnum is not None:
        raise PlanningError(
            f"word_bits = {options.word_bits} and dnum = {options.dnum}: levels of words choose "
            "their digits, leave one of the two out"
        )


def _check_no_bootstrap(options: PlanOptions) -> None:
    if options.bootstrap is not None:
        raise PlanningError(
            f"bootstrap = {options.bootstrap}: only scheme='ckks' with layout='packed' bootstraps"
        )


def _plan_integers(network: Network, options: PlanOptions) -> IntegerPlan:
    _check_no_bootstrap(options)
    if options.word_bits is not None:
        raise PlanningError(
            f"word_bits = {options.word_bits}: only scheme='ckks' makes levels of words"
        )
    if options.precision_bits is not None:
        raise PlanningError(
            "precision_bits has no meaning with scheme='bfv', which is exact: choose "
            "input_bits and weight_bits"
        )
    from nn.batched.integer_planner import plan_integers
    from nn.batched.quantize import quantize

    quantized = quantize(network, **options.given("input_bits", "weight_bits"))
    return plan_integers(
        quantized, options, name=network.name, fingerprint=network.fingerprint()
    )
