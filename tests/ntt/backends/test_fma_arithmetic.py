"""Float64 arithmetic modulo q at the edges of its stated ranges, and the bounds of its passes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from numba import njit

import ntt
from ntt.backends.fma import arithmetic, transform
from ntt.simd.floats import LANES, load, splat, store

N = 128
EXACT = 1 << 53
PRIMES = [ntt.find_primes(bits, N, 1)[0] for bits in (20, 37, 49, 50)]
RUNS_HERE = [name for name in ntt.available_backends() if name == "fma"]
on_this_cpu = pytest.mark.parametrize("backend_name", RUNS_HERE)


@njit
def multiply_lazy(out, y, w, w_quotient, row):  # type: ignore[no-untyped-def]
    modulus = arithmetic.field(row)
    for i in range(0, out.size, LANES):
        p = arithmetic.multiply_lazy(load(y, i), load(w, i), load(w_quotient, i), modulus)
        store(out, i, p)


@njit
def multiply(out, x, y, _, row):  # type: ignore[no-untyped-def]
    modulus = arithmetic.field(row)
    for i in range(0, out.size, LANES):
        store(out, i, arithmetic.multiply(load(x, i), load(y, i), modulus))


@njit
def reduce(out, x, _, __, row):  # type: ignore[no-untyped-def]
    modulus = arithmetic.field(row)
    for i in range(0, out.size, LANES):
        store(out, i, arithmetic.reduce(load(x, i), modulus))


@njit
def canonical(out, x, _, __, row):  # type: ignore[no-untyped-def]
    modulus = arithmetic.field(row)
    for i in range(0, out.size, LANES):
        store(out, i, arithmetic.canonical(load(x, i), modulus))


@njit
def sum_of_products(out, x, y, carried, row):  # type: ignore[no-untyped-def]
    """x, y, carried hold one value for all lanes each; TERMS products on top of `carried`."""
    modulus, wide = arithmetic.field(row), arithmetic.start(row)
    total, error = wide, load(carried, 0)
    for t in range(arithmetic.TERMS):
        a, b = load(x, t * LANES), load(y, t * LANES)
        total, error = arithmetic.accumulate(total, error, a, b)
    store(out, 0, arithmetic.fold(total, error, wide, modulus))


def bits_of(column: list[float]) -> np.ndarray:
    return np.array(column + [0.0] * (-len(column) % LANES), dtype=np.float64).view(np.uint64)


def call(function: Callable[..., None], q: int, *columns: list[float]) -> list[int]:
    """`function` on columns of equal length, padded to whole vectors; whole numbers out."""
    row = ntt.NTTTables(N, [q]).for_word(53)[0]
    arrays = [bits_of(column) for column in columns]
    while len(arrays) < 3:
        arrays.append(arrays[0])
    out = np.zeros_like(arrays[0])
    function(out, *arrays, row)
    found = out.view(np.float64)[: len(columns[0])].tolist()
    assert all(value.is_integer() for value in found)
    return [int(value) for value in found]


def pairs(
    first: list[int], second: list[int], below: tuple[int, int]
) -> tuple[list[int], list[int]]:
    """Every pair of the edges, and a thousand random ones of absolute value below `below`."""
    generator = random.Random(0)
    drawn = list(itertools.product(first, second))
    drawn += [
        (
            generator.randint(1 - below[0], below[0] - 1),
            generator.randint(1 - below[1], below[1] - 1),
        )
        for _ in range(1000)
    ]
    return [a for a, _ in drawn], [b for _, b in drawn]


@on_this_cpu
@pytest.mark.parametrize("q", PRIMES)
def test_multiply_lazy__stays_within_its_bound(backend_name: str, q: int) -> None:
    top = min(8 * q, EXACT)
    y, w = pairs(
        [0, 1, -1, q - 1, -q, 4 * q, top - 1, 1 - top], [0, 1, q // 2, -(q // 2)], (top, q)
    )
    found = call(multiply_lazy, q, [float(v) for v in y], [float(v) for v in w], [v / q for v in w])
    for value, a, b in zip(found, y, w, strict=True):
        assert (value - a * b) % q == 0
        bound = Fraction(1, 2) + Fraction(abs(a * b), q << 52) * (1 + Fraction(1, 1 << 50))
        assert abs(value) <= bound * q


@on_this_cpu
@pytest.mark.parametrize("q", PRIMES)
def test_multiply__every_pair_of_residues(backend_name: str, q: int) -> None:
    edges = [0, 1, 2, q // 2, q // 2 + 1, q - 2, q - 1]
    x, y = pairs(edges, edges, (q, q))
    x, y = [abs(v) for v in x], [abs(v) for v in y]
    found = call(multiply, q, [float(v) for v in x], [float(v) for v in y])
    assert found == [a * b % q for a, b in zip(x, y, strict=True)]


@on_this_cpu
@pytest.mark.parametrize("q", PRIMES)
def test_reduce__any_exact_whole_number(backend_name: str, q: int) -> None:
    edges = [0, 1, q // 2, q // 2 + 1, q - 1, q, 2 * q - 1, EXACT - 1, EXACT]
    x = [sign * v for v in edges for sign in (1, -1)]
    x += [random.Random(k).randint(-EXACT, EXACT) for k in range(1000)]
    reduced = call(reduce, q, [float(v) for v in x])
    assert all((r - v) % q == 0 for r, v in zip(reduced, x, strict=True))
    assert max(abs(r) for r in reduced) <= q / 2 + 2


@on_this_cpu
@pytest.mark.parametrize("q", PRIMES)
def test_canonical__next_to_every_multiple_of_q(backend_name: str, q: int) -> None:
    top = (1 << 51) - 1  # the largest that the docstring allows
    multiples = range(0, top, q) if top // q < 8 else [k * q for k in (0, 1, 2, 3, top // q)]
    edges = {m + d for m in multiples for d in (-2, -1, 0, 1, 2)} | {top - 1, top}
    x = [sign * v for v in sorted(edges) for sign in (1, -1) if abs(v) <= top]
    x += [random.Random(k).randint(-top, top) for k in range(1000)]
    assert call(canonical, q, [float(v) for v in x]) == [v % q for v in x]


@on_this_cpu
@pytest.mark.parametrize("q", PRIMES)
@pytest.mark.parametrize("top", ["all largest", "random"])
def test_fold__of_as_many_products_as_allowed(backend_name: str, q: int, top: str) -> None:
    generator = random.Random(q)
    for _ in range(100 if top == "random" else 1):
        limits = ((1 << 50) - 1, q - 1)
        terms = [
            limits if top == "all largest" else tuple(generator.randint(0, v) for v in limits)
            for _ in range(arithmetic.TERMS)
        ]
        x = [float(a) for a, _ in terms for _ in range(LANES)]
        y = [float(b) for _, b in terms for _ in range(LANES)]
        found = call(sum_of_products, q, x, y, [float(q - 1)] * len(x))[0]
        assert (found - sum(a * b for a, b in terms) - (q - 1)) % q == 0
        assert abs(found) <= q / 2 + 2


def grown(bound: Fraction) -> Fraction:
    """What a product of a value below bound q with a twiddle is below, in units of q."""
    return Fraction(1, 2) + bound / 8 * (1 + Fraction(1, 1 << 50))


HALF = Fraction(1, 2) + Fraction(1, 8)  # a reduced value, generously: q/2 + 2 <= 5/8 q for q >= 17


@pytest.mark.parametrize("modulus_bits", [5, 49, 50])
@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("log_N", range(6, 18))
def test_forward__no_value_reaches_8q(lanes: int, log_N: int, modulus_bits: int) -> None:
    smallest, largest = 1 << (modulus_bits - 1), 1 << modulus_bits
    half = Fraction(1, 2) + Fraction(2, smallest)
    stages = log_N - (lanes.bit_length() - 1)
    bound, count = Fraction(1), 0
    for _ in range(2 - stages % 2):  # the first pass
        bound += grown(bound)
    for passes in range((stages - 1) // 2, 0, -1):
        left = half if passes % transform._PASSES_PER_REDUCTION == 2 else bound
        bound = left + grown(bound)
        assert bound < 8
        bound += grown(bound)
        assert bound < 8
        count += 1
    assert 2 * count + 2 - stages % 2 == stages
    for _ in range(lanes.bit_length() - 2):  # inside registers
        bound += grown(bound)
        assert bound < 8
    bound = half + grown(bound)  # the last stage reduces its left inputs
    assert bound * largest <= 1 << 51  # what `canonical` takes


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("log_N", range(6, 18))
def test_inverse__no_value_reaches_8q(lanes: int, log_N: int) -> None:
    # Inside registers sums double from below q, log2(lanes) times; differences are as large.
    doubled = Fraction(lanes)
    assert doubled <= 8  # 8 (q - 1) < 2^53
    bound = max(HALF, grown(doubled))
    for _ in range((log_N - (lanes.bit_length() - 1)) // 2):
        assert 4 * bound < 8
        bound = max(HALF, 2 * grown(2 * bound), grown(4 * bound))
    assert 4 * bound < 8


def test_splat__fills_every_lane() -> None:
    @njit
    def fill(out):  # type: ignore[no-untyped-def]
        store(out, 0, splat(3.0))

    out = np.zeros(LANES, dtype=np.uint64)
    fill(out)
    assert (out.view(np.float64) == 3.0).all()
