"""The reductions of `ifma` at the edges of their stated ranges and at random."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import numpy as np
import pytest
from numba import njit

import ntt
from ntt.backends import layout
from ntt.backends.ifma import arithmetic
from ntt.simd.integers import load, splat, store

WORD = 1 << 52
N = 128
PRIMES = [ntt.find_primes(bits, N, 1)[0] for bits in (20, 37, 49, 50)]
RUNS_HERE = [name for name in ntt.available_backends() if name == "ifma"]
pytestmark = pytest.mark.parametrize("backend_name", RUNS_HERE)


@njit
def shoup_lazy(out, y, w, w_shoup, row):  # type: ignore[no-untyped-def]
    negative_q, mask = arithmetic.negative(row[layout.Q]), splat(arithmetic.MASK)
    for i in range(0, out.size, 8):
        p = arithmetic.shoup_lazy(load(y, i), load(w, i), load(w_shoup, i), negative_q, mask)
        store(out, i, p)


@njit
def barrett(out, x, y, _, row):  # type: ignore[no-untyped-def]
    constants = arithmetic.barrett_constants(row)
    for i in range(0, out.size, 8):
        store(out, i, arithmetic.barrett(load(x, i), load(y, i), constants))


@njit
def fold_wide(out, low, high, _, row):  # type: ignore[no-untyped-def]
    constants = arithmetic.fold_constants(row)
    for i in range(0, out.size, 8):
        store(out, i, arithmetic.fold_wide(load(low, i), load(high, i), constants))


@njit
def reduce_high(out, high, _, __, row):  # type: ignore[no-untyped-def]
    constants = arithmetic.fold_constants(row)
    for i in range(0, out.size, 8):
        store(out, i, arithmetic.reduce_high(load(high, i), constants))


@njit
def montgomery(out, low, high, _, row):  # type: ignore[no-untyped-def]
    constants = arithmetic.montgomery_constants(row)
    for i in range(0, out.size, 8):
        store(out, i, arithmetic.montgomery(load(low, i), load(high, i), constants))


@njit
def montgomery_terms(row):  # type: ignore[no-untyped-def]
    return arithmetic.montgomery_terms(row)


def call(function: Callable[..., None], q: int, *columns: list[int]) -> list[int]:
    """`function` on columns of equal length, padded to whole vectors."""
    row = ntt.NTTTables(N, [q]).for_word(52)[0]
    length = len(columns[0])
    arrays = [np.array(c + [0] * (-length % 8), dtype=np.uint64) for c in columns]
    while len(arrays) < 3:
        arrays.append(arrays[0])
    out = np.empty_like(arrays[0])
    function(out, *arrays, row)
    return [int(v) for v in out[:length]]


def pairs(first: list[int], second: list[int], top: tuple[int, int]) -> tuple[list[int], ...]:
    """Every pair of the edges, and a thousand random ones below `top`."""
    generator = random.Random(0)
    drawn = list(itertools.product(first, second))
    drawn += [tuple(generator.randrange(t) for t in top) for _ in range(1000)]
    return tuple(list(column) for column in zip(*drawn, strict=True))


@pytest.mark.parametrize("q", PRIMES)
def test_shoup_lazy__below_2q_for_any_52_bit_word(backend_name: str, q: int) -> None:
    edges = [0, 1, q - 1, q, 2 * q - 1, 4 * q - 1, WORD - 1]
    y, w = pairs(edges, [0, 1, q // 2, q - 1], (WORD, q))
    found = call(shoup_lazy, q, y, w, [(f << 52) // q for f in w])
    assert max(found) < 2 * q
    assert [v % q for v in found] == [a * b % q for a, b in zip(y, w, strict=True)]


@pytest.mark.parametrize("q", PRIMES)
def test_barrett__every_pair_of_residues(backend_name: str, q: int) -> None:
    edges = [0, 1, 2, q // 2, q // 2 + 1, q - 2, q - 1]
    x, y = pairs(edges, edges, (q, q))
    assert call(barrett, q, x, y) == [a * b % q for a, b in zip(x, y, strict=True)]


@pytest.mark.parametrize("q", PRIMES)
def test_fold_wide__its_whole_range(backend_name: str, q: int) -> None:
    # high + low / 2^52 < 2^52 with low < 2^64 leaves high at most 2^52 - 2^12 - 1 for every low.
    top = WORD - (1 << 12) - 1
    low, high = pairs([0, 1, WORD - 1, (1 << 64) - 1], [0, 1, q, 2 * q - 1, top], (1 << 64, top))
    expected = [(h * WORD + v) % q for v, h in zip(low, high, strict=True)]
    assert call(fold_wide, q, low, high) == expected


@pytest.mark.parametrize("q", PRIMES)
def test_reduce_high__below_2q_for_any_52_bit_word(backend_name: str, q: int) -> None:
    high = [0, 1, q - 1, q, 2 * q, WORD - 1, *random.Random(1).sample(range(WORD), 1000)]
    found = call(reduce_high, q, high)
    assert max(found) < 2 * q
    assert [v % q for v in found] == [h % q for h in high]


@pytest.mark.parametrize("q", PRIMES)
def test_montgomery__divides_by_the_word(backend_name: str, q: int) -> None:
    top = (1 << 64) - WORD
    low, high = pairs(
        [0, 1, q, WORD - 1, WORD, top - 1], [0, 1, q, 2 * q - 1, 4 * q - 1], (top, 4 * q)
    )
    found = call(montgomery, q, low, high)
    for a, b, value in zip(low, high, found, strict=True):
        assert value * WORD % q == (b * WORD + a) % q
        assert (value - q) * WORD < b * WORD + a


@pytest.mark.parametrize("q", PRIMES)
def test_montgomery_terms__come_to_less_than_a_word_of_q(backend_name: str, q: int) -> None:
    terms = int(montgomery_terms(ntt.NTTTables(N, [q]).for_word(52)[0]))
    assert 4 <= terms <= 1 << 11
    assert terms * (q - 1) ** 2 < WORD * (q - 1)
    assert terms == 1 << 11 or (terms + 1) * q > WORD
