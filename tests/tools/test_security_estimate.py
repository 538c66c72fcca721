"""tools/security_estimate.py estimates the bounds that `he` enforces."""

from __future__ import annotations

from he.rlwe.sampling import STANDARD_SIGMA
from he.rlwe.security import RING_DEGREES, SECURITY_LEVELS, max_log_qp
from tools.security_estimate import BOUNDS, SIGMA


def test_bounds__are_those_of_the_security_table() -> None:
    enforced = {
        level: {N: bound for N in RING_DEGREES if (bound := max_log_qp(N, level))}
        for level in SECURITY_LEVELS
    }
    assert enforced == BOUNDS


def test_sigma__is_no_larger_than_the_default() -> None:
    assert SIGMA <= STANDARD_SIGMA
