"""The BFV operations that are timed, the libraries that have them, and the chain of the peers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from benchmarks.peers.library import Case, UnsupportedCase
from benchmarks.peers.seal_chain import SEAL_MAX_BITS, chain_parameters
from he.bfv.params import BFVParameters

PLAIN_MODULUS = 65537

OPERATIONS = ("encode", "encrypt", "decrypt", "multiply", "rotate")
"""encode: N integers. encrypt: an encoded plaintext, with the public key. decrypt: and decode.
multiply: two ciphertexts, with relinearization. rotate: the rows by one slot. All are at the top
level."""

MODULES = {"he-accel": "bfv.he_accel", "Pyfhel": "bfv.pyfhel", "seal-python": "bfv.seal_python"}
"""The modules of the libraries in `benchmarks.peers`, ours first."""

_LARGEST_PRIME_BITS = 60

C = TypeVar("C")


class BFVCase(Case):
    """A ring degree, and a number of products one after the other, modulo `PLAIN_MODULUS`."""

    @property
    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Two vectors of N integers in [-t/2, t/2], int64, the same for every library."""
        half = PLAIN_MODULUS // 2
        random = np.random.default_rng(self.N + self.depth)
        first, second = random.integers(-half, half, (2, self.N), endpoint=True)
        return first, second


def own_parameters(case: Case) -> BFVParameters:
    """A bit for each product more than `NoiseModel` needs, with the fewest digits that fit.

    Noise budgets vary by about as much from key to key, in every library.
    """
    return BFVParameters.build(
        case.depth, N=case.N, plain_modulus=PLAIN_MODULUS, spare_bits=case.depth
    )


def seal_sizes(case: Case) -> list[int]:
    """Prime sizes of a Q without our spare bits, in the fewest primes; the special one last.

    Raises `UnsupportedCase`.
    """
    own = own_parameters(case)
    bits = math.ceil(own.log_q(own.max_level)) - case.depth
    count = math.ceil(bits / _LARGEST_PRIME_BITS)
    sizes = [bits // count + (i < bits % count) for i in range(count)]
    sizes.append(max(sizes))
    limit = SEAL_MAX_BITS.get(case.N)
    if limit is None or sum(sizes) > limit:
        raise UnsupportedCase(f"{sum(sizes)} bits at N = {case.N}: SEAL allows {limit}")
    return sizes


def seal_parameters(sizes: list[int]) -> dict[str, object]:
    """A chain of `seal_sizes` as plain data for the results."""
    return {"t": PLAIN_MODULUS, **chain_parameters(sizes), "log_q": sum(sizes[:-1])}


def budgets(
    depth: int, fresh: C, square: Callable[[C], C], budget: Callable[[C], float]
) -> dict[str, object]:
    """The noise budgets of a fresh ciphertext and after `depth` squarings, in whole bits."""
    last = fresh
    for _ in range(depth):
        last = square(last)
    return {
        "budget_fresh_bits": math.floor(budget(fresh)),
        "budget_after_depth_bits": math.floor(budget(last)),
    }
