"""Galois elements and the permutations they are in the transformed domain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ntt
from he.errors import ParameterError
from he.rlwe import galois

degrees = st.integers(3, 10).map(lambda k: 1 << k)


@given(degrees, st.data())
def test_permutation__is_the_automorphism_of_the_coefficients(N, data) -> None:
    element = 2 * data.draw(st.integers(0, N - 1)) + 1
    (q,) = ntt.find_primes(30, N, 1)
    tables = ntt.NTTTables(N, [q])
    a = np.random.default_rng(element).integers(0, q, (1, N)).astype(np.uint64)
    image = np.zeros_like(a)
    for j in range(N):  # x^j -> x^(j element), and x^N = -1
        exponent = j * element % (2 * N)
        image[0, exponent % N] = (q - a[0, j]) % q if exponent >= N else a[0, j]
    expected = ntt.forward(image, tables)
    assert (ntt.forward(a, tables)[:, galois.permutation(element, N)] == expected).all()


@given(degrees, st.integers(-5000, 5000), st.integers(-5000, 5000))
def test_elements_of_rotations__multiply(N, one, two) -> None:
    product = galois.element_of_rotation(one, N) * galois.element_of_rotation(two, N) % (2 * N)
    assert product == galois.element_of_rotation(one + two, N)
    assert galois.element_of_rotation(one + N // 2, N) == galois.element_of_rotation(one, N)
    assert galois.element_of_rotation(0, N) == 1
    assert galois.element_of_conjugation(N) ** 2 % (2 * N) == 1


@pytest.mark.parametrize("element", [0, 2, 16, 17, -1])
def test_permutation__of_no_element(element: int) -> None:
    with pytest.raises(ParameterError, match="odd"):
        galois.permutation(element, 8)


@pytest.mark.parametrize("steps", [0.5, "1", None])
def test_element__of_no_rotation(steps) -> None:
    with pytest.raises(ParameterError, match="whole number"):
        galois.element_of_rotation(steps, 8)
