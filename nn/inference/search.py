"""The search for CKKS parameters: the smallest ring, then the fewest digits or the least work."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from he.ckks.chain_levels import FAST_PRIME_BITS
from he.ckks.params import CKKSParameters
from he.errors import InsecureParametersError, ParameterError
from he.rlwe import security
from he.validation import shown
from nn.errors import NetworkError
from nn.inference.options import PlanOptions
from nn.network.layers import FloatArray

FAILURE_PROBABILITY = 2.0**-40
"""The largest probability that a logit exceeds its predicted error."""

DEFAULT_PRECISION_BITS = 6.0
"""What a plan predicts unless another precision is asked for, where only the worst case is known.

Predictions from calibration images are tighter: planners ask for more of them.
"""

COMFORTABLE_BITS = 8.5
"""Bits of a tight prediction that the planner gives where the ring holds them."""

KEY_BYTES = 8 << 30
"""The most memory that the planner spends on keys, of levels of words or of a chain's digits."""

MOST_DIGITS = 8
"""The most digits of a chain that the planner tries beside levels of words."""

WORD_BITS = 50
"""The words of which the levels of packed plans are made: what all fast kernels take."""

_DEGREES = tuple(1 << k for k in range(12, 18))
_ALL_DEGREES = tuple(1 << k for k in range(3, 18))
LEAST_SCALE_BITS = 15.0
_MOST_INTEGER_BITS = 30
_SCALE_BITS = np.arange(45.0, LEAST_SCALE_BITS - 0.25, -0.25)


class PlanningError(NetworkError):
    """No parameters run the network at the security and precision asked for."""


class Predicting(Protocol):
    """What predicts the precision of answers under one parameter set."""

    @property
    def predicted_bits(self) -> float:
        """The predicted precision, in bits of the largest logit, or of a bound on all logits."""


Plan = TypeVar("Plan", bound=Predicting)


@dataclass(frozen=True)
class Circuit(Generic[Plan]):
    """A network's circuit at one ring degree, before its parameters are known.

    depth: its multiplicative levels. integer_bits: bits before the binary point that level 0 must
    hold. plan: makes the plan of a parameter set. calibrated: whether the network has statistics.
    work: what a run costs under a parameter set, for circuits whose levels may be made of words;
    None for chains alone. Of such circuits, key_bytes: the memory of the keys under a parameter
    set; key_levels: the level of each use of a key; least_prime: what their kernels ask of primes.
    """

    depth: int
    integer_bits: int
    plan: Callable[[CKKSParameters], Plan]
    calibrated: bool = True
    work: Callable[[CKKSParameters], float] | None = None
    key_bytes: Callable[[CKKSParameters], int] = lambda params: 0
    key_levels: Sequence[int] = ()
    least_prime: int = 0


def check_degree(N: int | None) -> None:
    """Raise `PlanningError` unless N is None or a ring degree."""
    if N is not None and not (type(N) is int and N in _ALL_DEGREES):
        raise PlanningError(
            f"N = {shown(N)}: a ring degree is a power of two from {_ALL_DEGREES[0]} to "
            f"{_ALL_DEGREES[-1]}"
        )


def search(
    name: str,
    circuit_at: Callable[[int], Circuit[Plan]],
    options: PlanOptions,
    *,
    least_depth: int = 0,
    default_bits: float = DEFAULT_PRECISION_BITS,
) -> Plan:
    """The first plan of enough precision: the smallest N, then the smallest dnum or the least work.

    name: the network's. circuit_at: the circuit at a ring degree. The options `N` and `dnum`
    restrict the search to one value each. Levels are made of words where the circuit's work is
    known and `dnum` is not given. least_depth: levels that the circuit takes at any ring degree, so
    that degrees which hold too few are left out. default_bits: the precision that is needed where
    the options ask for none.

    Raises `PlanningError` when nothing fits, with the best precision that was found.
    """
    given = options.precision_bits
    needed = default_bits if given is None else float(given)
    best: Plan | None = None
    for params, circuit in _candidates(name, circuit_at, options, least_depth):
        plan = circuit.plan(params)
        if plan.predicted_bits >= needed:
            tight = given is None and default_bits > DEFAULT_PRECISION_BITS
            wanted = max(needed, COMFORTABLE_BITS) if tight else needed
            return _with_least_work(circuit, plan, params, options, wanted)
        if best is None or plan.predicted_bits > best.predicted_bits:
            best = plan
    if best is None:
        raise PlanningError(
            f"no parameters run {name!r} at {options.security_bits}-bit security"
            + (f" with N = {options.N}" if options.N else "")
            + (f" in words of {options.word_bits} bits" if options.word_bits else "")
            + ": use a larger N, a shallower network or a lower security"
        )
    calibrated = circuit.calibrated
    raise PlanningError(
        f"the best plan for {name!r} predicts {best.predicted_bits:.1f} bits of "
        f"{reference(calibrated)}, {needed:.1f} are needed: "
        + ("" if calibrated else "calibrate the network (Network.calibrated), ")
        + "ask for fewer precision_bits, a larger N, or a network with smaller activations"
    )


def reference(calibrated: bool) -> str:
    """What the predicted precision of a network with or without statistics is relative to."""
    known = "the largest logit"
    if calibrated:
        return known
    return f"{known} that could be (no statistics: relative to the interval bound)"


def _candidates(
    name: str,
    circuit_at: Callable[[int], Circuit[Plan]],
    options: PlanOptions,
    least_depth: int,
) -> Iterator[tuple[CKKSParameters, Circuit[Plan]]]:
    """The parameter sets to try, the smallest first, each with the circuit of its ring degree."""
    for N in _DEGREES if options.N is None else (options.N,):
        may_be_insecure = options.insecure_reason is not None
        if not may_be_insecure and security.max_log_qp(N, options.security_bits) == 0:
            continue
        # The most digits have the smallest special modulus.
        fewest = (least_depth, 1, N, least_depth + 1)
        if options.dnum is None and _largest_scale(*fewest, options) is None:
            continue
        circuit = circuit_at(N)
        if options.word_bits is not None:
            found = next(_of_words(circuit, N, options, _SCALE_BITS), None)
            if found is not None:
                yield found, circuit
            continue
        if circuit.work is not None and options.dnum is None:
            found = None
            if _least_key_bytes(circuit, N) <= KEY_BYTES:
                found = next(_of_words(circuit, N, options, _SCALE_BITS), None)
            if found is None or circuit.key_bytes(found) > KEY_BYTES:
                # In a chain a key serves all levels below its own.
                found = _largest_chain(circuit, N, options)
            if found is not None:
                yield found, circuit
            continue
        counts = range(1, circuit.depth + 2)
        if options.dnum is not None:
            if type(options.dnum) is not int or options.dnum not in counts:
                raise PlanningError(
                    f"dnum = {shown(options.dnum)}: {name!r} takes {circuit.depth} levels, so it "
                    f"must be from 1 to {circuit.depth + 1}"
                )
            counts = range(options.dnum, options.dnum + 1)
        for dnum in counts:
            params = _largest_scale(circuit.depth, circuit.integer_bits, N, dnum, options)
            if params is not None:
                yield params, circuit


def _least_key_bytes(circuit: Circuit[Plan], N: int) -> float:
    """No keys for levels of words take less memory: one key for each level at which one is used.

    With P no smaller than a digit, d digits of a part of a key take ``d + 1 >= 2`` times the words
    of Q_l.
    """
    levels = set(circuit.key_levels)
    used = sum(circuit.key_levels.count(level) * (level + 1) for level in levels)
    return 4 * LEAST_SCALE_BITS / WORD_BITS * used * N * 8


def _price(circuit: Circuit[Plan], params: CKKSParameters) -> tuple[float, float]:
    """How far the keys exceed `KEY_BYTES`, and the work: what parameters are compared by."""
    assert circuit.work is not None
    excess = max(0, circuit.key_bytes(params) - KEY_BYTES) if params.is_chain else 0
    return excess, circuit.work(params)


def _largest_chain(
    circuit: Circuit[Plan], N: int, options: PlanOptions
) -> CKKSParameters | None:
    """The chain of the largest scale; of nearly equal scales that of the least work."""
    best: CKKSParameters | None = None
    rank = (math.inf, math.inf, math.inf)
    for dnum in range(1, min(circuit.depth + 1, MOST_DIGITS) + 1):
        params = _largest_scale(circuit.depth, circuit.integer_bits, N, dnum, options)
        if params is None:
            continue
        found = (-round(math.log2(params.scales[-1])), *_price(circuit, params))
        if found < rank:
            best, rank = params, found
    return best


def _of_words(
    circuit: Circuit[Plan], N: int, options: PlanOptions, scales: Iterable[float]
) -> Iterator[CKKSParameters]:
    """The parameters of each of the scales that fit, with levels made of words."""
    for scale_bits in scales:
        try:
            params = CKKSParameters.build(
                circuit.depth,
                scale_bits=float(scale_bits),
                N=N,
                integer_bits=circuit.integer_bits,
                security_bits=options.security_bits,
                word_bits=options.word_bits or WORD_BITS,
                insecure_reason=options.insecure_reason,
            )
        except ParameterError:
            continue
        if min(params.q) >= circuit.least_prime:
            yield params


def _of_chains(
    circuit: Circuit[Plan], N: int, options: PlanOptions, scales: Iterable[float]
) -> Iterator[CKKSParameters]:
    """The chains of these scales and of few digits that fit."""
    for scale_bits in scales:
        for dnum in range(1, min(circuit.depth + 1, MOST_DIGITS) + 1):
            try:
                yield _chain(circuit.depth, scale_bits, N, circuit.integer_bits, dnum, options)
            except ParameterError:
                continue


def _with_least_work(
    circuit: Circuit[Plan],
    plan: Plan,
    params: CKKSParameters,
    options: PlanOptions,
    wanted: float,
) -> Plan:
    """The plan of the least work among scales that give the wanted bits, at the same ring.

    plan, params: those of the largest scale, which are kept where they give fewer bits. A bit of
    scale is a bit of precision, nearly: the plan of the scale that is chosen is looked at, too.
    """
    if circuit.work is None or options.dnum is not None or plan.predicted_bits <= wanted:
        return plan
    largest = math.log2(params.scales[-1])
    least = largest - (plan.predicted_bits - wanted)
    scales = [bits for bits in _SCALE_BITS if least <= bits < largest - 1e-6]
    if params.is_chain:
        others = list(_of_chains(circuit, params.N, options, scales))
    else:
        others = list(_of_words(circuit, params.N, options, scales))
    for other in sorted([*others, params], key=lambda made: _price(circuit, made)):
        if other is params:
            break
        found = circuit.plan(other)
        if found.predicted_bits >= wanted:
            return found
    return plan


def _largest_scale(
    depth: int, integer_bits: int, N: int, dnum: int, options: PlanOptions
) -> CKKSParameters | None:
    """The parameters with the largest scale that N and dnum allow; None if not even 2^15 fits."""

    def build(scale_bits: float) -> CKKSParameters:
        return _chain(depth, scale_bits, N, integer_bits, dnum, options)

    def is_insecure(scale_bits: float) -> bool:
        try:
            build(scale_bits)
        except InsecureParametersError:
            return True
        except ParameterError:
            return False
        return False

    # A first prime below 2^50 keeps the whole chain with the fast backends.
    fast = FAST_PRIME_BITS - 1 - integer_bits
    tried = _SCALE_BITS[max(fast, _SCALE_BITS[-1]) >= _SCALE_BITS].tolist()
    # The scales fall, and whatever is below a secure one is secure.
    for scale_bits in tried[bisect.bisect_left(tried, True, key=lambda b: not is_insecure(b)) :]:
        try:
            return build(scale_bits)
        except ParameterError:
            continue
    return None


def _chain(
    depth: int, scale_bits: float, N: int, integer_bits: int, dnum: int, options: PlanOptions
) -> CKKSParameters:
    """A chain as the options ask for; raises `he.ParameterError` where there is none."""
    return CKKSParameters.build(
        depth,
        scale_bits=float(scale_bits),
        N=N,
        integer_bits=integer_bits,
        security_bits=options.security_bits,
        dnum=dnum,
        insecure_reason=options.insecure_reason,
    )


class Magnitude(NamedTuple):
    """A bound on the size of a number that a level must hold; `what` names the number.

    power: of the level's scale, at which the number stands.
    """

    what: str
    level: int
    bound: float
    power: int = 1


def first_prime_bits(name: str, magnitudes: Iterable[Magnitude]) -> int:
    """Bits before the binary point that level 0 needs, so that no number wraps around.

    Each level above 0 adds a prime of at least `LEAST_SCALE_BITS` bits. name: the network's. Raises
    `PlanningError`, which names the number, if it is too large for any parameters.
    """
    most = 1
    for magnitude in magnitudes:
        room = math.floor(LEAST_SCALE_BITS) * magnitude.level
        needed = math.inf
        if math.isfinite(magnitude.bound):
            needed = required_integer_bits(np.full(1, magnitude.bound)) - room
        if needed > _MOST_INTEGER_BITS:
            raise PlanningError(
                f"{magnitude.what} of {name!r} may reach {magnitude.bound:.3g}, at level "
                f"{magnitude.level} at most {2.0 ** (_MOST_INTEGER_BITS - 1 + room):.3g} can be "
                f"held: calibrate the network (Network.calibrated) if it has no statistics, narrow "
                f"its input_range, or scale its layers down"
            )
        most = max(most, int(needed))
    return most


def check_held(name: str, params: CKKSParameters, magnitudes: Iterable[Magnitude]) -> None:
    """Raise `PlanningError` unless the modulus of each level holds the numbers at that level."""
    for magnitude in magnitudes:
        limit = params.value_limit(magnitude.level)
        limit /= params.scales[magnitude.level] ** (magnitude.power - 1)
        if magnitude.bound >= limit:
            raise PlanningError(
                f"{magnitude.what} of {name!r} may reach {magnitude.bound:.3g}: level "
                f"{magnitude.level} holds values below {limit:.3g}; scale the network's layers down"
            )


def required_integer_bits(bound: FloatArray) -> int:
    """Bits before the binary point that level 0 must hold, with one bit to spare.

    bound: the largest absolute value of every slot. A polynomial's coefficients are averages over
    the slots, so the mean of the slots bounds them.
    """
    return max(1, math.ceil(math.log2(max(float(np.mean(bound)), 1e-30))) + 1)
