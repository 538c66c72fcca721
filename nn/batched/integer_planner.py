"""`plan_integers`: the plain moduli and parameter sets of a network in integers."""

from __future__ import annotations

import bisect
import math
import numbers
from collections.abc import Iterator, Sequence

from he.bfv import BFVParameters
from he.bfv.params import MAX_PLAIN_BITS
from he.bfv.params import plain_moduli as smallest_plain_moduli
from he.ckks.chain_levels import FAST_PRIME_BITS
from he.errors import BatchingError, InsecureParametersError
from he.validation import shown
from nn.batched.integers import IntegerPlan, predicted_noise
from nn.batched.quantize import IntegerAffine, QuantizedNetwork
from nn.batched.schedule import scheduled
from nn.inference.options import DEFAULT_OPTIONS, PlanOptions
from nn.inference.search import PlanningError

_MOST_MODULI = 8
_DEGREES = tuple(1 << k for k in range(12, 17))
_MOST_LOG_Q = 1500
_MOST_DIGITS = _MOST_LOG_Q // FAST_PRIME_BITS
# Answers are switched to lower levels while at least this noise budget, in bits, is left.
_SPARE_BITS = 2.0


class PlainModulusOverflowError(PlanningError):
    """An answer may be larger than the plain moduli can hold."""


class NoiseBudgetPlanningError(PlanningError):
    """No secure parameters leave a noise budget after the last step."""


def plan_integers(
    network: QuantizedNetwork,
    options: PlanOptions = DEFAULT_OPTIONS,
    *,
    name: str = "",
    fingerprint: bytes = b"",
) -> IntegerPlan:
    """The plan with the smallest ring, then the fewest plain moduli, then the fewest limbs.

    name, fingerprint: of the network that was quantised, if there is one. The options
    `plain_moduli`, `N` and `dnum` restrict the search to one choice each.

    Raises `PlanningError` for plain moduli that are not distinct whole numbers from 2 to 2^60,
    `PlainModulusOverflowError` for plain moduli whose product is not above twice the largest
    answer, `NoiseBudgetPlanningError` where no parameters of the security table keep a noise budget
    to the end, and `he.BatchingError` for plain moduli without slots.
    """
    steps = scheduled(network.steps)
    if options.dnum is not None:
        _check_digits(options.dnum)
    refusal: InsecureParametersError | None = None
    for N, moduli in _choices(network, options):
        try:
            params = _parameters(steps, moduli, N, options)
        except InsecureParametersError as error:
            refusal = error
            continue
        _check_batching(params)
        return _plan(network, params, name, fingerprint)
    needed = 2 * network.max_abs
    raise NoiseBudgetPlanningError(
        f"no parameters at {options.security_bits}-bit security keep a noise budget through "
        f"{network.depth} squares of integers of {needed.bit_length()} bits "
        f"({refusal or f'{_MOST_MODULI} plain moduli do not hold them'}): use fewer input_bits or "
        f"weight_bits, smaller plain moduli and more of them, or a larger N"
    ) from refusal


def _plan(
    network: QuantizedNetwork, params: tuple[BFVParameters, ...], name: str, fingerprint: bytes
) -> IntegerPlan:
    steps = scheduled(network.steps)
    return IntegerPlan(
        network=name,
        fingerprint=fingerprint,
        params=params,
        images=params[0].slots,
        inputs=network.inputs.size,
        outputs=_outputs(network),
        answer_level=max(_answer_level(p, steps) for p in params),
        rounding=network.inputs,
        output_scale=network.output_scale,
        input_bits=network.input_bits,
        weight_bits=network.weight_bits,
        largest_answer=network.max_abs,
    )


def _check_digits(dnum: int) -> None:
    if not (type(dnum) is int and 1 <= dnum <= _MOST_DIGITS):
        raise PlanningError(
            f"dnum = {shown(dnum)}: a whole number from 1 to {_MOST_DIGITS} is needed"
        )


def _check_moduli(plain_moduli: Sequence[int], max_abs: int) -> tuple[int, ...]:
    """The plain moduli, if they hold answers from -max_abs to max_abs."""
    chosen = tuple(plain_moduli)
    if not all(map(_in_range, chosen)):
        raise PlanningError(
            f"plain moduli {', '.join(map(shown, chosen))}: whole numbers from 2 to "
            f"2^{MAX_PLAIN_BITS} are needed"
        )
    if len(set(chosen)) < len(chosen):
        raise PlanningError(
            f"plain moduli {', '.join(map(str, chosen))}: one stands twice; give each of them once"
        )
    product = math.prod(chosen)
    if product <= 2 * max_abs:
        raise PlainModulusOverflowError(
            f"answers of up to {max_abs.bit_length()} bits and a sign do not fit plain moduli of "
            f"{math.log2(product):.1f} bits together: {(2 * max_abs).bit_length()} bits are "
            f"needed; use more or larger plain moduli, or fewer input_bits or weight_bits"
        )
    return tuple(int(t) for t in chosen)


def _in_range(t: object) -> bool:
    return isinstance(t, numbers.Integral) and 1 < int(t) < 1 << MAX_PLAIN_BITS


def _check_batching(params: tuple[BFVParameters, ...]) -> None:
    for p in params:
        if not p.batches:
            raise BatchingError(
                f"plain modulus {p.t} has no slots at N = {p.N}: a prime that is 1 modulo "
                f"{2 * p.N} is needed; with plain_moduli=None the planner chooses one"
            )


def _choices(
    network: QuantizedNetwork, options: PlanOptions
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The pairs of a ring degree and plain moduli to try, the cheapest first."""
    chosen = None
    if options.plain_moduli is not None:
        chosen = _check_moduli(options.plain_moduli, network.max_abs)
    for N in _DEGREES if options.N is None else (options.N,):
        for moduli in _smallest_moduli(N, 2 * network.max_abs) if chosen is None else (chosen,):
            yield N, moduli


def _smallest_moduli(N: int, needed: int) -> Iterator[tuple[int, ...]]:
    """For each count the smallest plain moduli that have slots and a product above `needed`."""
    for count in range(1, _MOST_MODULI + 1):
        found = smallest_plain_moduli(needed, N, count)
        if len(found) == count:
            yield found


def _parameters(
    steps: Sequence[object], moduli: Sequence[int], N: int, options: PlanOptions
) -> tuple[BFVParameters, ...]:
    """A parameter set for each plain modulus, with the smallest Q that keeps a noise budget.

    All sets have the same log2(Q), so that tensors have one shape and keys one level. Raises
    `InsecureParametersError` where the security table does not allow so large a Q.
    """

    def built(t: int, log_q: int, reason: str | None) -> BFVParameters:
        return BFVParameters.build(
            0,
            plain_modulus=t,
            N=N,
            log_q=log_q,
            security_bits=options.security_bits,
            dnum=options.dnum,
            insecure_reason=reason,
        )

    def has_budget(params: BFVParameters) -> bool:
        return predicted_noise(params, steps)[-1].budget >= 0

    def least_log_q(t: int) -> int:
        # No fewer primes than digits.
        least = FAST_PRIME_BITS * ((options.dnum or 1) - 1) + 1
        return bisect.bisect_left(
            range(_MOST_LOG_Q),
            True,
            lo=max(least, t.bit_length() + (2 * N).bit_length()),
            key=lambda bits: has_budget(built(t, bits, "how large Q has to be")),
        )

    log_q = max(map(least_log_q, moduli))
    while True:
        params = tuple(built(t, log_q, options.insecure_reason) for t in moduli)
        if all(map(has_budget, params)):
            return params
        log_q += 1  # with another number of digits the noise of key switching may be larger


def _answer_level(params: BFVParameters, steps: Sequence[object]) -> int:
    """The lowest level at which answers keep some of the noise budget."""
    model, noise = params.noise_model, predicted_noise(params, steps)[-1]
    level = params.max_level
    while level > 0:
        noise = model.mod_switch(noise, level)
        if noise.budget < _SPARE_BITS:
            break
        level -= 1
    return level


def _outputs(network: QuantizedNetwork) -> int:
    affine = [step for step in network.steps if isinstance(step, IntegerAffine)]
    return int(affine[-1].matrix.shape[0]) if affine else network.inputs.size
