"""Limb arithmetic in NumPy beside Python integers and the definition of the transform."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_model.errors import ExecutionError
from accel_model.execution.arithmetic import LimbArithmetic, smallest_root
from he.rlwe import galois
from ntt import find_primes, oracle
from ntt.modulus import primitive_root
from tests.strategies import primes, residue_rows

N = 16
ARITHMETIC = LimbArithmetic(N)


@st.composite
def limbs(draw: st.DrawFn) -> tuple[int, np.ndarray, np.ndarray]:
    q = draw(primes(N))
    return q, draw(residue_rows(q, N)), draw(residue_rows(q, N))


@given(limbs())
def test_operations__are_those_of_integers(drawn: tuple[int, np.ndarray, np.ndarray]) -> None:
    q, a, b = drawn
    pairs = [(int(x), int(y)) for x, y in zip(a, b, strict=True)]
    assert ARITHMETIC.add(a, b, q).tolist() == [(x + y) % q for x, y in pairs]
    assert ARITHMETIC.subtract(a, b, q).tolist() == [(x - y) % q for x, y in pairs]
    assert ARITHMETIC.multiply(a, b, q).tolist() == [x * y % q for x, y in pairs]
    scalar = int(b[0])
    assert ARITHMETIC.multiply(a, scalar, q).tolist() == [x * scalar % q for x, _ in pairs]


@given(limbs())
def test_transforms__are_those_of_the_definition(
    drawn: tuple[int, np.ndarray, np.ndarray],
) -> None:
    q, a, _ = drawn
    forward = ARITHMETIC.forward(a, q)
    assert forward.tolist() == oracle.forward(a.tolist(), q)
    assert ARITHMETIC.inverse(forward, q).tolist() == a.tolist()
    assert ARITHMETIC.inverse(a, q).tolist() == oracle.inverse(a.tolist(), q)


@pytest.mark.parametrize("bits", [30, 49, 50, 51, 61])
def test_multiply__at_the_edges_of_the_range(bits: int) -> None:
    """Quotients next to a whole number, where float64 may fall on either side."""
    q = find_primes(bits, N, 1)[0]
    rng = np.random.default_rng(bits)
    a = rng.integers(1, q, 2000, dtype=np.uint64)
    b = np.array([pow(int(x), -1, q) * k % q for x in a for k in (1, q - 1)], dtype=np.uint64)
    expected = [1, q - 1] * 2000
    assert ARITHMETIC.multiply(np.repeat(a, 2), b, q).tolist() == expected


@pytest.mark.parametrize("bits", [20, 50, 61])
def test_smallest_root__is_that_of_ntt(bits: int) -> None:
    q = find_primes(bits, 256, 1)[0]
    assert smallest_root(q, 512) == primitive_root(q, 512)


@pytest.mark.parametrize("q", [97, 33 * 65, 65 * 129])
def test_smallest_root__of_a_modulus_that_has_none(q: int) -> None:
    with pytest.raises(ExecutionError, match="1 modulo 64 is needed"):
        smallest_root(q, 64)


@pytest.mark.parametrize("element", [3, 9, 2 * N - 1])
def test_permutation__is_that_of_the_galois_element(element: int) -> None:
    assert ARITHMETIC.permutation(element).tolist() == galois.permutation(element, N).tolist()
