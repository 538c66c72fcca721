from __future__ import annotations

import galois
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntt import find_primes, oracle, primitive_root

N = 16
Q = find_primes(50, N, 1)[0]
FIELD = galois.GF(Q)
polynomials = st.lists(st.integers(0, Q - 1), min_size=N, max_size=N)


def poly(a: list[int]) -> galois.Poly:
    return galois.Poly(FIELD(a), order="asc")


@given(polynomials)
def test_forward__evaluates_at_the_odd_powers_of_the_root(a: list[int]) -> None:
    psi = FIELD(primitive_root(Q, 2 * N))
    points = [psi ** (2 * oracle.bit_reverse(i, 4) + 1) for i in range(N)]
    assert oracle.forward(a, Q) == [int(poly(a)(x)) for x in points]


@given(polynomials)
def test_inverse__undoes_forward(a: list[int]) -> None:
    assert oracle.inverse(oracle.forward(a, Q), Q) == a


@given(polynomials, polynomials)
def test_negacyclic_product__is_the_product_modulo_x_to_the_N_plus_one(
    a: list[int], b: list[int]
) -> None:
    ring = galois.Poly.Degrees([N, 0], [1, 1], field=FIELD)
    product = (poly(a) * poly(b)) % ring
    expected = [int(c) for c in product.coefficients(N, order="asc")]
    assert oracle.negacyclic_product(a, b, Q) == expected


@given(polynomials, st.integers(0, N - 1).map(lambda k: 2 * k + 1))
def test_automorphism__substitutes_a_power_of_x(a: list[int], element: int) -> None:
    ring = galois.Poly.Degrees([N, 0], [1, 1], field=FIELD)
    power = galois.Poly.Degrees([element], [1], field=FIELD) % ring
    image, term = galois.Poly.Zero(FIELD), galois.Poly.One(FIELD)
    for c in a:
        image, term = image + term * galois.Poly([c], field=FIELD), (term * power) % ring
    expected = [int(c) for c in image.coefficients(N, order="asc")]
    assert oracle.automorphism(a, element, Q) == expected


@pytest.mark.parametrize(("i", "bits", "expected"), [(0, 0, 0), (1, 3, 4), (6, 3, 3), (5, 4, 10)])
def test_bit_reverse__known_values(i: int, bits: int, expected: int) -> None:
    assert oracle.bit_reverse(i, bits) == expected
