"""Polynomials of ciphertexts against their cleartext meaning, within a derived error."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.ciphertext import Ciphertext
from he.ckks.circuits.polynomial import Polynomial, divide
from he.ckks.circuits.polynomial_evaluation import EncodedPolynomial, evaluate_polynomial
from he.ckks.evaluator import Evaluator
from he.ckks.noise import tail_factor
from he.ckks.params import CKKSParameters
from he.errors import (
    EncodingError,
    LevelExhaustedError,
    LevelMismatchError,
    MissingRelinearizationKeyError,
    ParameterError,
    ParametersMismatchError,
    ScaleMismatchError,
)

TAIL = tail_factor(2.0**-50)
seeds = st.integers(0, 2**32 - 1)
bases = st.sampled_from(["power", "chebyshev"])
kinds = st.sampled_from(["dense", "odd", "even", "sparse", "integer leader", "slots", "complex"])


def draw(s, seed: int, degree: int, kind: str) -> list[np.ndarray]:
    """Coefficients up to 1 in size."""
    rng = np.random.default_rng(seed)
    c = [np.array(v) for v in rng.uniform(-1, 1, degree + 1)]
    for i in range(degree):
        skipped = {"odd": i % 2 == 0, "even": i % 2 == 1, "sparse": rng.integers(3) > 0}
        if skipped.get(kind, False):
            c[i] = np.array(0.0)
        if kind == "slots" and rng.integers(2):
            c[i] = s.random(int(rng.integers(2**32)), real=True)
    if kind == "integer leader":
        c[degree] = np.array(float(rng.choice([-2, -1, 1, 3])))
    if kind == "complex":
        c[degree] = np.array(1j)
    return c


def error_bound(s, polynomial: Polynomial, fresh: float) -> float:
    """For |x| <= 1, whatever the number of basis elements that are held ready.

    With |B_i| <= 1 a product B_a B_b is off by E_a + E_b + e (twice the first two and E_(a-b) in
    the Chebyshev basis), a sum by sum |c_i| E_i + e, and a split p = q B_g + r by |q| E_g + E(q) +
    E(r), where |q| is at most the sum of its coefficients; e is one rescaling with its operands'
    rounding.
    """
    degree = polynomial.degree
    chebyshev = polynomial.basis == "chebyshev"
    variance = s.noise.product_rescale(s.params.max_level) + (degree + 1) * s.noise.encoding
    e = (TAIL * np.sqrt(variance) + degree + 1) / min(s.params.scales)

    @functools.cache
    def element(i: int) -> float:
        if i <= 1:
            return i * (fresh + e)
        a = 1 << (i - 1).bit_length() - 1
        b = i - a
        if chebyshev:
            return 2 * (element(a) + element(b)) + element(a - b) + 2 * e
        return element(a) + element(b) + e

    def total(c: list[np.ndarray]) -> float:
        sizes = [float(np.abs(v).max()) for v in c]
        flat = sum(size * element(i) for i, size in enumerate(sizes)) + e
        if len(c) <= 2:
            return flat
        g = 1 << (len(c) - 1).bit_length() - 1
        quotient, rest = divide(c, g, polynomial.basis)
        size = sum(float(np.abs(v).max()) for v in quotient)
        return max(flat, size * element(g) + total(quotient) + total(rest))

    return total(list(polynomial.coefficients))


@given(st.sampled_from(["small", "two digits"]), seeds, st.integers(1, 15), bases, kinds)
def test_apply__is_the_polynomial_of_every_slot(schemes, name, seed, degree, basis, kind) -> None:
    s = schemes(name)
    polynomial = Polynomial(draw(s, seed, degree, kind), basis)
    x = s.encrypt(s.random(seed, real=True))
    encoded = EncodedPolynomial(s.encoder, polynomial, x.ct.level)
    keys = s.generator.evaluation_keys(s.secret, encoded.needs)
    y = encoded.apply(Evaluator(s.params, keys), x.ct)
    level = x.ct.level - polynomial.depth
    assert (y.level, y.parts, y.scale) == (level, 2, s.params.scales[level])
    bound = error_bound(s, polynomial, x.bound)
    assert s.error(y, polynomial(x.slots)) <= bound


@given(seeds, st.integers(1, 7), bases)
def test_apply__agrees_with_the_plain_sum_of_powers(small, seed, degree, basis) -> None:
    """The slow twin: every basis element from the one before, each times its coefficient."""
    s, ev = small, small.evaluator
    polynomial = Polynomial(draw(s, seed, degree, "dense"), basis)
    x = s.encrypt(s.random(seed, real=True))
    fast = evaluate_polynomial(ev, x.ct, polynomial)
    elements: list[Ciphertext | None] = [None, x.ct]
    for i in range(2, degree + 1):
        a = 1 << (i - 1).bit_length() - 1
        product = ev.multiply(elements[a], elements[i - a])
        if basis == "chebyshev":
            product = ev.add(product, product)
            lower = elements[2 * a - i]
            product = ev.subtract(product, 1 if lower is None else lower)
        elements.append(product)
    terms = [
        ev.multiply(element, float(c))
        for element, c in zip(elements[1:], polynomial.coefficients[1:], strict=True)
    ]
    slow = functools.reduce(ev.add, terms) + float(polynomial.coefficients[0])
    # Operands that have to drop a level are rounded once more in the slow way.
    bound = 3 * error_bound(s, polynomial, x.bound)
    assert s.error(fast, s.decrypt(slow)) <= bound


@given(seeds, st.sampled_from([(-1.0, 1.0), (-4.0, 4.0), (0.0, 1.0), (2.0, 4.0), (-1.0, 7.0)]))
def test_interval__is_mapped(small, seed, interval) -> None:
    s = small
    low, high = interval
    polynomial = Polynomial.interpolate(np.tanh, 7, interval)
    slots = (low + high) / 2 + (high - low) / 2 * s.random(seed, real=True)
    x = s.encrypt(slots)
    y = evaluate_polynomial(s.evaluator, x.ct, polynomial)
    assert y.level == x.ct.level - polynomial.depth
    # The map multiplies the error of x, and of the constant it subtracts, by 2 / (high - low).
    fresh = (x.bound + 0.5 / x.ct.scale) * max(1, 2 / (high - low))
    rounded = 0.5 * np.abs(slots).max() / min(s.params.scales)
    assert s.error(y, polynomial(slots)) <= error_bound(s, polynomial, fresh + rounded)


def test_high_degree__at_many_levels(schemes) -> None:
    params = CKKSParameters.build(
        5, N=256, scale_bits=45, prime_bits=61, dnum=3, insecure_reason="unit test"
    )
    s = type(schemes("small"))(params)
    for basis, degree in (("power", 31), ("chebyshev", 31), ("chebyshev", 16), ("power", 32)):
        kind = "integer leader" if degree == 32 else "dense"
        polynomial = Polynomial(draw(s, degree, degree, kind), basis)
        assert polynomial.depth == 5
        x = s.encrypt(s.random(degree, real=True))
        y = evaluate_polynomial(s.evaluator, x.ct, polynomial)
        assert y.level == 0
        assert s.error(y, polynomial(x.slots)) <= error_bound(s, polynomial, x.bound)


def test_encode__refuses_what_cannot_be_evaluated(small) -> None:
    with pytest.raises(ParameterError, match="constant"):
        EncodedPolynomial(small.encoder, Polynomial([2.0]), 4)
    with pytest.raises(LevelExhaustedError, match=r"degree 16 takes 5 levels.*at level 4"):
        EncodedPolynomial(small.encoder, Polynomial([0.5] * 17), 4)
    with pytest.raises(LevelMismatchError, match="level 9"):
        EncodedPolynomial(small.encoder, Polynomial([0, 1.0]), 9)
    with pytest.raises(EncodingError, match="coefficient"):
        EncodedPolynomial(small.encoder, Polynomial([0, 1e40]), 1)
    with pytest.raises(EncodingError, match="at most 128"):
        EncodedPolynomial(small.encoder, Polynomial([0, np.ones(129)]), 1)


def test_apply__refuses_foreign_operands(schemes, small) -> None:
    encoded = EncodedPolynomial(small.encoder, Polynomial([0.1, 0.2, 0.3]), 3)
    x = small.encrypt(small.random(1)).ct
    ev = small.evaluator
    with pytest.raises(LevelMismatchError, match="level 3, the ciphertext is at level 4"):
        encoded.apply(ev, x)
    low = ev.drop_to(x, 3)
    with pytest.raises(ScaleMismatchError, match="canonical"):
        encoded.apply(ev, ev.multiply_plain(low, small.encoder.encode(1.0, 3), rescale=False))
    with pytest.raises(ParameterError, match="relinearize"):
        encoded.apply(ev, ev.tensor(low, low))
    with pytest.raises(MissingRelinearizationKeyError):
        encoded.apply(Evaluator(small.params), low)
    other = schemes("two digits")
    with pytest.raises(ParametersMismatchError):
        encoded.apply(other.evaluator, other.encrypt(other.random(1), 3).ct)
