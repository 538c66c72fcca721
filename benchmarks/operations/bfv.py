"""`python -m benchmarks bfv`: BFV operations beside the peers, interleaved in one run.

All libraries get the same ring degree and the plain modulus 65537. The peers' log2(Q) is the
smallest that serves the depth by this library's noise model, cut into the fewest primes that SEAL
takes (at most 60 bits, against at most 50 here), with one special prime as large as the largest;
SEAL's default chains are longer, and slower. Ours has a bit a product more, by which budgets vary
from key to key, and the fewest key-switching digits that 128 bits of security leave room for. The
noise budget after as many squarings as the case is deep is measured by each library itself: it has
to be positive for all, and ours at least the peers'.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.operations.primitives import Suite, WrongResult
from benchmarks.peers import Case, Library
from benchmarks.peers.bfv_task import PLAIN_MODULUS, BFVCase

OPERATIONS = ("encode", "encrypt", "decrypt", "multiply", "rotate")
"""encode: N integers. encrypt: an encoded plaintext, public key. decrypt: and decode. multiply: two
ciphertexts, relinearize. rotate: the rows by one slot; all at the top level."""

MODULES = {"he-accel": "bfv_he_accel", "Pyfhel": "bfv_pyfhel", "seal-python": "bfv_seal_python"}

CASES = tuple(
    BFVCase(1 << log_N, depth)
    for log_N, depths in ((13, (2, 4)), (14, (5, 9)), (15, (11, 22)))
    for depth in depths
)
"""At each ring degree half of the largest depth, and the largest. At 2^14 and 2^15 it is the one
that still leaves room for two special primes: with one prime a digit, as at depth 10 of 2^14,
rotations gain the least."""


def check(library: Library, case: Case, operation: str) -> None:
    """Decrypt one result and compare it with what the operation means."""
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
    """Refuse libraries whose noise does not leave room for the depth, or less room than peers'."""
    left = [int(str(library.parameters["budget_after_depth_bits"])) for library in libraries]
    if min(left) < 1 or left[0] < max(left):
        raise WrongResult(
            f"noise budgets of {left} bits after {case.depth} products at N = {case.N} with "
            f"{[library.name for library in libraries]}: 1 is needed, and the first the largest"
        )


SUITE = Suite(MODULES, CASES, OPERATIONS, check, admit)
