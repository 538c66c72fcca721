"""Each scalar reduction at the edges of its stated range and at random, against Python integers."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from ntt import Modulus, find_primes, reduction
from tests.strategies import residues

WORD = 1 << 64
# The smallest NTT prime, small ones, and the largest below 2^50 and 2^61; 5 is the smallest of all.
PRIMES = (5, 17, 97, *(find_primes(bits, 8, 1)[0] for bits in (20, 50, 61)))
primes = st.sampled_from(PRIMES)
words = st.one_of(st.sampled_from([0, 1, WORD - 2, WORD - 1]), st.integers(0, WORD - 1))


def call(function: Callable[..., object], *arguments: int) -> int:
    """The compiled `function` on uint64 arguments."""
    return int(function(*(np.uint64(a) for a in arguments)))  # type: ignore[call-overload]


@njit
def multiply_high(x, y):  # type: ignore[no-untyped-def]
    return reduction.multiply_high(x, y)


@given(words, words)
def test_multiply_high__is_the_upper_word(x: int, y: int) -> None:
    assert call(multiply_high, x, y) == x * y >> 64


@pytest.mark.parametrize("q", PRIMES)
def test_reduce_once__edges_of_its_range(q: int) -> None:
    for x in (0, 1, q - 1, q, q + 1, 2 * q - 1):
        assert call(reduction.reduce_once, x, q) == x % q


@given(primes, st.data())
def test_add_and_subtract__every_pair_of_residues(q: int, data: st.DataObject) -> None:
    x, y = data.draw(residues(q)), data.draw(residues(q))
    assert call(reduction.add, x, y, q) == (x + y) % q
    assert call(reduction.subtract, x, y, q) == (x - y) % q


def check_shoup(y: int, w: int, q: int) -> None:
    w_shoup = Modulus(q).shoup(w, 64)
    lazy = call(reduction.shoup_lazy, y, w, w_shoup, q)
    assert lazy < 2 * q
    assert lazy % q == w * y % q
    assert call(reduction.shoup, y, w, w_shoup, q) == w * y % q


@given(primes, words, st.data())
def test_shoup__any_word_times_any_factor(q: int, y: int, data: st.DataObject) -> None:
    check_shoup(y, data.draw(residues(q)), q)


@pytest.mark.parametrize("q", PRIMES)
def test_shoup__edges(q: int) -> None:
    lazy_edges = (0, 1, q - 1, q, 2 * q - 1, 2 * q, 4 * q - 1, WORD - q, WORD - 1)
    for y, w in itertools.product(lazy_edges, (0, 1, q // 2, q - 1)):
        check_shoup(y, w, q)


def check_barrett(x: int, y: int, q: int) -> None:
    modulus = Modulus(q)
    mu, shift = modulus.barrett_mu(64), modulus.bits - 2
    assert call(reduction.barrett, x, y, q, mu, shift) == x * y % q


@given(primes, st.data())
def test_barrett__any_two_numbers_of_n_bits(q: int, data: st.DataObject) -> None:
    top = (1 << q.bit_length()) - 1
    x, y = data.draw(st.integers(0, top)), data.draw(residues(q))
    check_barrett(x, y, q)


@pytest.mark.parametrize("q", PRIMES)
def test_barrett__edges(q: int) -> None:
    top = (1 << q.bit_length()) - 1
    for x, y in itertools.product((0, 1, q // 2, q - 1, q, top), repeat=2):
        check_barrett(x, y, q)


def check_montgomery(x: int, y: int, q: int) -> None:
    negative_inverse = Modulus(q).montgomery_negative_inverse(64)
    expected = x * y * pow(WORD, -1, q) % q
    low, high = x * y % WORD, x * y >> 64
    lazy = call(reduction.montgomery_lazy, low, high, q, negative_inverse)
    assert lazy <= high + q
    assert lazy % q == expected
    assert call(reduction.montgomery, x, y, q, negative_inverse) == expected


@given(primes, words, st.data())
def test_montgomery__a_residue_times_any_word(q: int, y: int, data: st.DataObject) -> None:
    check_montgomery(data.draw(residues(q)), y, q)


@pytest.mark.parametrize("q", PRIMES)
def test_montgomery__edges(q: int) -> None:
    for x, y in itertools.product((0, 1, q - 1), (0, 1, q - 1, q, WORD - q, WORD - 1)):
        check_montgomery(x, y, q)


@given(primes, words, words)
def test_fold_wide__any_128_bit_value(q: int, low: int, high: int) -> None:
    check_fold_wide(low, high, q)


@pytest.mark.parametrize("q", PRIMES)
def test_fold_wide__edges(q: int) -> None:
    edges = (0, 1, q - 1, q, 2 * q - 1, WORD - q, WORD - 1)
    for low, high in itertools.product(edges, repeat=2):
        check_fold_wide(low, high, q)


def check_fold_wide(low: int, high: int, q: int) -> None:
    modulus = Modulus(q)
    radix = WORD % q
    constants = (radix, modulus.shoup(radix, 64), modulus.shoup(1, 64))
    assert call(reduction.fold_wide, low, high, q, *constants) == (high * WORD + low) % q


@pytest.mark.parametrize("q", PRIMES)
def test_multiply_each__as_python_integers(q: int) -> None:
    modulus = Modulus(q)
    a = np.array([0, 1, q // 2, q - 1], dtype=np.uint64)
    out = np.empty_like(a)
    constants = (np.uint64(q), np.uint64(modulus.barrett_mu(64)), np.uint64(modulus.bits - 2))
    reduction.multiply_each(out, a, np.uint64(q - 1), *constants)
    assert out.tolist() == [int(x) * (q - 1) % q for x in a]
