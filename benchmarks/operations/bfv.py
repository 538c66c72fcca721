"""The suite of `python -m benchmarks bfv`: BFV operations beside the peers.

All libraries get the same ring degree and the plain modulus 65537. The peers' log2(Q) is the
smallest that this library's noise model allows for the depth. It is cut into the fewest primes that
SEAL takes (at most 60 bits, against at most 50 here), and one special prime is as large as the
largest of them. SEAL's default chains are longer, and slower. This library has one bit more for
each product, because noise budgets vary from key to key, and the fewest key-switching digits that
leave 128 bits of security. Each library measures the noise budget after as many squarings as the
case is deep: all budgets must be positive, and this library's budget at least as large as each
peer's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.operations.suite import Suite, WrongResult
from benchmarks.peers.bfv.task import MODULES, OPERATIONS, PLAIN_MODULUS, BFVCase
from benchmarks.peers.library import Case, Library

CASES = tuple(
    BFVCase(1 << log_N, depth)
    for log_N, depths in ((13, (2, 4)), (14, (5, 9)), (15, (11, 22)))
    for depth in depths
)
"""For each ring degree the largest depth, and half of it. The largest depth at 2^14 and 2^15 is the
one that still leaves room for two special primes: with one prime a digit, as at depth 10 of 2^14,
rotations gain the least."""


def check(library: Library, case: Case, operation: str) -> None:
    """Decrypt one result and compare it with the operation on the values; raises `WrongResult`."""
    result = library.operations[operation]()
    first, second = case.values
    rows = first.reshape(2, -1)
    expected = {
        "encode": None,
        "encrypt": first,
        "decrypt": first,
        "multiply": first * second,
        "rotate": np.roll(rows, -1, axis=1).ravel(),
    }[operation]
    if expected is None:
        return
    found = np.asarray(result if operation == "decrypt" else library.reveal(result))
    wrong = int(np.count_nonzero((found - expected) % PLAIN_MODULUS))
    if wrong:
        raise WrongResult(
            f"{library.name} {operation} at N = {case.N}: {wrong} of {expected.size} slots differ"
        )


def admit(libraries: Sequence[Library], case: Case) -> None:
    """Raise `WrongResult` unless all noise budgets are positive and the first is the largest."""
    left = [int(str(library.parameters["budget_after_depth_bits"])) for library in libraries]
    if min(left) < 1 or left[0] < max(left):
        raise WrongResult(
            f"noise budgets of {left} bits after {case.depth} products at N = {case.N} with "
            f"{[library.name for library in libraries]}: at least 1 bit is needed, and the first "
            "must be the largest"
        )


SUITE = Suite(MODULES, CASES, OPERATIONS, check, admit)
