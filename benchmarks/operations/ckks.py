"""The suite of `python -m benchmarks primitives`: CKKS operations beside the peers."""

from __future__ import annotations

import numpy as np

from benchmarks.operations.suite import Suite, WrongResult
from benchmarks.peers.ckks.task import MODULES, OPERATIONS, ROTATIONS
from benchmarks.peers.library import Case, Library

CASES = (
    Case(1 << 13, 2),
    Case(1 << 14, 8),
    Case(1 << 15, 16),
    Case(1 << 15, 11),
    Case(1 << 13, 5, 28),
    Case(1 << 14, 12, 28),
)
"""Usable depths 2, 8, 16, and 11, where the modulus leaves room for several special primes; and the
scale of networks, at which levels of words stand beside a chain.
"""

# How far a value may be off after one operation at a scale of 2^36 or more and N = 2^15. Rounding
# errors have the standard deviation N / 6 / 2^36 = 2^-23.6, and a peer's key switch a few times as
# much; 2^-12 is enough to tell a right result from a wrong one. At 2^28 and N = 2^14 they have
# 2^-16.6, of which 2^-12 is 24 times as much.
_TOLERANCE = 2.0**-12


def check(library: Library, case: Case, operation: str) -> None:
    """Decrypt one result and compare it with the operation on the values; raises `WrongResult`."""
    result = library.operations[operation]()
    first, second = case.values
    expected = {
        "encode": None,
        "encrypt": first,
        "decrypt": first,
        "multiply": first * second,
        "rotate": np.roll(first, -1),
        "rotate16": np.roll(first, -ROTATIONS[-1]),
    }[operation]
    if expected is None:
        return
    found = result if operation == "decrypt" else library.reveal(result)
    error = float(np.abs(np.asarray(found)[: expected.size] - expected).max())
    if not error < _TOLERANCE:
        raise WrongResult(
            f"{library.name} {operation} at N = {case.N}: the error is {error:.3g}, at most "
            f"{_TOLERANCE:.3g} was expected"
        )


SUITE = Suite(MODULES, CASES, OPERATIONS, check)
