"""Hypothesis strategies that several packages share."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

import ntt


def primes(N: int, min_bits: int = 20, max_bits: int = 61) -> st.SearchStrategy[int]:
    """A prime q = 1 mod 2N of `min_bits` to `max_bits` bits: the largest of its size, or one of
    the next two."""
    smallest = max(min_bits, (2 * N).bit_length() + 3)
    sizes = st.integers(smallest, max_bits)
    return st.builds(lambda bits, rank: ntt.find_primes(bits, N, 3)[rank], sizes, st.integers(0, 2))


def residues(q: int) -> st.SearchStrategy[int]:
    """A residue modulo q, the edges of its range among them."""
    edges = sorted({0, 1, q // 2, q // 2 + 1, q - 2, q - 1})
    return st.one_of(st.sampled_from(edges), st.integers(0, q - 1))


def residue_rows(q: int, N: int) -> st.SearchStrategy[np.ndarray]:
    """A row of N residues modulo q: constant, sparse with edge values, or uniform by a seed."""

    def uniform(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, q, N, dtype=np.uint64)

    def sparse(entries: dict[int, int]) -> np.ndarray:
        row = np.zeros(N, dtype=np.uint64)
        for index, value in entries.items():
            row[index] = value
        return row

    constant = residues(q).map(lambda value: np.full(N, value, dtype=np.uint64))
    entries = st.dictionaries(st.integers(0, N - 1), residues(q), max_size=8)
    return st.one_of(constant, entries.map(sparse), st.integers(0, 2**32).map(uniform))
