"""Operands and constants for simulated arithmetic."""

from __future__ import annotations

import numpy as np

from ntt.modulus import is_prime
from rtl.arithmetic.modmul import ModularMultiplier


def primes_for(width: int, word_bits: int, count: int) -> list[int]:
    """The largest primes of exactly `width` bits that are 1 mod 2^word_bits."""
    step, found = 1 << word_bits, []
    candidate = ((1 << width) - 1) // step * step + 1
    while len(found) < count:
        if candidate < 1 << width and is_prime(candidate):
            found.append(candidate)
        candidate -= step
    return found


def edge_and_random(q: int, count: int, seed: int) -> np.ndarray:
    """Residues modulo q: the edges and their neighbours first, then uniform ones."""
    edges = [0, 1, 2, q - 1, q - 2, q // 2, q // 2 + 1]
    drawn = np.random.default_rng(seed).integers(0, q, count - len(edges), dtype=np.uint64)
    return np.concatenate([np.array(edges, np.uint64), drawn])


def constants_inputs(multiplier: ModularMultiplier, q: int) -> dict[str, int]:
    return {f"modulus.{name}": value for name, value in multiplier.constants(q).items()}


def padded(values: np.ndarray, latency: int) -> np.ndarray:
    return np.concatenate([values, np.zeros(latency, np.uint64)])
