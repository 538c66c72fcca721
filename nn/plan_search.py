"""The search for CKKS parameters, for both layouts: the smallest ring, then the fewest digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from he.ckks.params import FAST_PRIME_BITS, CKKSParameters
from he.errors import ParameterError
from he.rlwe import security
from nn.errors import NetworkError

FAILURE_PROBABILITY = 2.0**-40
"""How often a logit may exceed its predicted error."""

DEFAULT_PRECISION_BITS = 6.0
_DEGREES = tuple(1 << k for k in range(12, 17))
_ALL_DEGREES = tuple(1 << k for k in range(3, 18))
LEAST_SCALE_BITS = 15.0
_SCALE_BITS = np.arange(45.0, LEAST_SCALE_BITS - 0.25, -0.25)


class PlanningError(NetworkError):
    """No parameters run the network at the security and precision asked for."""


class Predicting(Protocol):
    """A plan that says how right its answers will be."""

    @property
    def predicted_bits(self) -> float:
        """Bits of the largest logit that are predicted to be right."""


Plan = TypeVar("Plan", bound=Predicting)


def check_degree(N: int | None) -> None:
    """Raise `PlanningError` for what is no ring degree."""
    if N is not None and not (isinstance(N, int) and N in _ALL_DEGREES):
        raise PlanningError(
            f"N = {N!r}: a ring degree is a power of two from {_ALL_DEGREES[0]} to "
            f"{_ALL_DEGREES[-1]}"
        )


def search(
    name: str,
    at: Callable[[int], tuple[int, int, Callable[[CKKSParameters], Plan]]],
    *,
    precision_bits: float | None,
    N: int | None,
    dnum: int | None,
    security_bits: int,
    insecure_reason: str | None,
) -> Plan:
    """The first plan that predicts `precision_bits`: the smallest N, then the smallest dnum.

    name: the network's. at: for a ring degree the circuit's depth, the bits before the point that
    its answers need, and what makes a plan of a parameter set. N, dnum: these alone.

    Raises `PlanningError` when nothing fits, with the best precision that was found.
    """
    needed = DEFAULT_PRECISION_BITS if precision_bits is None else float(precision_bits)
    best: Plan | None = None
    for degree in _DEGREES if N is None else (N,):
        if insecure_reason is None and security.max_log_qp(degree, security_bits) == 0:
            continue
        depth, integer_bits, planned = at(degree)
        if dnum is not None and not 1 <= dnum <= depth + 1:
            raise PlanningError(
                f"dnum = {dnum}: {name!r} takes {depth} levels, so it must be from 1 to {depth + 1}"
            )
        for count in range(1, depth + 2) if dnum is None else (dnum,):
            params = _largest_scale(
                depth, degree, count, integer_bits, security_bits, insecure_reason
            )
            if params is None:
                continue
            plan = planned(params)
            if plan.predicted_bits >= needed:
                return plan
            if best is None or plan.predicted_bits > best.predicted_bits:
                best = plan
    if best is None:
        raise PlanningError(
            f"no parameters run {name!r} at {security_bits}-bit security"
            + (f" with N = {N}" if N else "")
            + ": use a larger N, a shallower network or a lower security"
        )
    raise PlanningError(
        f"the best plan for {name!r} predicts {best.predicted_bits:.1f} bits of the "
        f"largest logit, {needed:.1f} are needed: ask for fewer precision_bits, a larger N, or a "
        f"network with smaller activations"
    )


def _largest_scale(
    depth: int,
    N: int,
    dnum: int,
    integer_bits: int,
    security_bits: int,
    insecure_reason: str | None,
) -> CKKSParameters | None:
    """The parameters with the largest scale that N and dnum allow; None if not even 2^15 fits."""
    # A first prime below 2^50 keeps the whole chain with the fast backends.
    fast = FAST_PRIME_BITS - 1 - integer_bits
    for scale_bits in _SCALE_BITS[max(fast, _SCALE_BITS[-1]) >= _SCALE_BITS]:
        try:
            return CKKSParameters.build(
                depth,
                scale_bits=float(scale_bits),
                N=N,
                integer_bits=integer_bits,
                security_bits=security_bits,
                dnum=dnum,
                insecure_reason=insecure_reason,
            )
        except ParameterError:
            continue
    return None
