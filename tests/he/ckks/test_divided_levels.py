"""Chains whose rescalings divide by more than a scale: what `divisor_bits` promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from he.ckks.ciphertext import Ciphertext
from he.ckks.circuits.diagonal_encoding import ArrangedDiagonals
from he.ckks.circuits.diagonals import EncodedDiagonals, encoded
from he.ckks.circuits.linear_transform import LinearTransform, SlotMatrix
from he.ckks.params import CKKSParameters
from he.errors import (
    InsecureParametersError,
    LevelMismatchError,
    ParameterError,
    ScaleMismatchError,
)
from he.rlwe import security
from he.rlwe.key_needs import KeyNeeds
from ntt.modulus import is_prime
from tests.he.conftest import TAIL, Scheme

REASON = "unit test"


@st.composite
def asked(draw) -> dict:
    depth = draw(st.integers(1, 8))
    sizes = st.floats(30, 49.9) | st.floats(72, 99)
    divisors = st.lists(sizes, min_size=depth, max_size=depth)
    return {
        "depth": depth,
        "N": 1 << draw(st.integers(6, 10)),
        "scale_bits": draw(st.lists(st.floats(20, 40), min_size=depth + 1, max_size=depth + 1)),
        "divisor_bits": draw(divisors),
        "key_levels": draw(st.lists(st.integers(0, depth), max_size=3)),
        "insecure_reason": REASON,
    }


@settings(max_examples=40)
@given(asked())
def test_divided_levels__are_as_asked(given_: dict) -> None:
    params = CKKSParameters.build(**given_)
    primes, depth = params.q + params.p, given_["depth"]
    assert len(set(primes)) == len(primes)
    assert all(is_prime(q) and q % (2 * params.N) == 1 and q < 1 << 50 for q in primes)
    assert params.scales == tuple(2.0**bits for bits in given_["scale_bits"])
    for level, bits in enumerate(given_["divisor_bits"], 1):
        assert abs(math.log2(params.divisors[level]) - bits) < 0.5
        assert params.levels[level].holds(params.levels[level - 1])
        # Special primes exceed every digit.
        P = params.special_modulus(level)
        for rows in params.digit_rows(level):
            assert math.prod(params.primes(level)[row] for row in rows) * 4 < P
        tops = {depth, *given_["key_levels"]}
        if level - 1 not in tops:
            assert params.levels[level].serves(params.levels[level - 1])
    assert CKKSParameters.from_bytes(params.to_bytes(), insecure_reason=REASON) == params
    # A factor of this scale leads to the canonical scale below.
    for power in (1, 2):
        product = params.scales[depth] ** power * params.factor_scale(depth, power)
        assert math.isclose(product / params.divisors[depth], params.scales[depth - 1])


def test_divided_levels__keep_to_the_security_table() -> None:
    divisors = [49.9] * 12
    params = CKKSParameters.build(12, N=1 << 15, scale_bits=28, divisor_bits=divisors)
    assert params.log_qp <= security.max_log_qp(1 << 15, 128)
    with pytest.raises(InsecureParametersError, match="no room for special primes"):
        CKKSParameters.build(18, N=1 << 15, scale_bits=28, divisor_bits=[49.9] * 18)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"divisor_bits": [40.0]}, "1 divisor_bits for 2 rescalings"),
        ({"divisor_bits": [40.0, 400.0]}, "a division by 2.400"),
        ({"divisor_bits": [40.0, 5.0]}, "a division by 2.5"),
        ({"divisor_bits": [40.0, 40.0], "word_bits": 50}, "divisor_bits choose"),
        ({"divisor_bits": [40.0, 40.0], "prime_bits": 61}, "divisor_bits choose"),
        ({"divisor_bits": [40.0, 40.0], "key_levels": [3]}, "a key level"),
        ({"key_levels": [1]}, "key_levels need divisor_bits"),
        (
            {"divisor_bits": [40.0, 40.0], "scale_bits": 10, "integer_bits": 1},
            r"a first modulus of 2.12: one prime of 15 to",
        ),
        ({"divisor_bits": [40.0, 40.0], "scale_bits": [30, 30, 130]}, "a scale of 130.0 bits"),
    ],
)
def test_divided_levels__refuse(options: dict, message: str) -> None:
    given_ = {"N": 256, "scale_bits": 30, "insecure_reason": REASON, **options}
    with pytest.raises(ParameterError, match=message):
        CKKSParameters.build(2, **given_)


# ------------------------------------------------------------ squares that are not rescaled


@pytest.fixture(scope="module")
def scheme() -> Scheme:
    params = CKKSParameters.build(
        4,
        N=256,
        scale_bits=[40, 28, 29, 30, 28],
        divisor_bits=[49.9, 49.9, 79.9, 49.9],
        key_levels=[2],
        insecure_reason=REASON,
    )
    return Scheme(params)


def square_of(s: Scheme, level: int, seed: int = 1) -> tuple[np.ndarray, Ciphertext]:
    x = s.random(seed).real
    ct = s.encrypt(x, level).ct
    return x * x, s.evaluator.relinearize(s.evaluator.tensor(ct, ct))


def encryption(s: Scheme, level: int) -> float:
    """The variance of a fresh ciphertext's error, with either key."""
    noise = s.params.noise_model
    fresh = noise.fresh_symmetric + noise.fresh_public + noise.encoding
    return fresh / s.params.scales[level] ** 2


@pytest.mark.parametrize("level", [4, 3, 2, 1])
def test_matrix_of_a_square__is_canonical_below(scheme: Scheme, level: int) -> None:
    s, params = scheme, scheme.params
    y, square = square_of(s, level)
    assert square.level == level
    rng = np.random.default_rng(level)
    diagonals = {k: rng.uniform(-1, 1, params.slots) for k in (0, 1, 2, 9)}
    factor = params.factor_scale(level, 2)
    arranged = ArrangedDiagonals.of(params, diagonals, level, factor=factor)
    block = encoded(EncodedDiagonals, arranged, s.encoder)
    assert block.scale == factor
    evaluator = type(s.evaluator)(params, s.generator.evaluation_keys(s.secret, block.needs))
    ((found,),) = SlotMatrix(evaluator, {(0, 0): block}).apply([[square]])
    assert (found.level, found.scale) == (level - 1, params.scales[level - 1])
    expected = sum(values * np.roll(y, -k) for k, values in diagonals.items())
    noise = params.noise_model
    # The encryption's error is doubled by the square. Rounded weights times values below 1, and the
    # rounded division; the rest is far smaller.
    variance = 4 * len(diagonals) * encryption(s, level)
    variance += len(diagonals) * noise.encoding / factor**2
    variance += 2 * noise.key_switch(level - 1) / params.scales[level - 1] ** 2
    error = np.abs(s.decrypt(found) - expected).max()
    assert error <= TAIL * math.sqrt(variance)


def test_blocks_of_different_scales__are_refused(scheme: Scheme) -> None:
    s, params = scheme, scheme.params
    ones = {0: np.ones(params.slots)}
    arranged = ArrangedDiagonals.of(params, ones, 2, factor=params.factor_scale(2, 2))
    late = encoded(EncodedDiagonals, arranged, s.encoder)
    plain = LinearTransform.encode(s.encoder, ones, 2)
    assert plain.scale == params.scales[2]
    with pytest.raises(ScaleMismatchError, match="with one factor"):
        SlotMatrix(s.evaluator, {(0, 0): plain, (0, 1): late})


@pytest.mark.parametrize(("level", "lower"), [(4, 3), (4, 2), (4, 1), (4, 0), (3, 1), (2, 1)])
def test_to_canonical__brings_a_square_down(scheme: Scheme, level: int, lower: int) -> None:
    s, params = scheme, scheme.params
    y, square = square_of(s, level)
    factor, count = params.last_factor(square.scale, level, lower)
    assert 1 <= count <= level - lower
    assert factor >= 2**20 or count == level - lower
    moved = s.evaluator.to_canonical(square, lower)
    assert moved.level == lower
    assert math.isclose(moved.scale, params.scales[lower], rel_tol=2.0**-40)
    rounding = params.noise_model.rounding / params.scales[lower] ** 2
    error = np.abs(s.decrypt(moved) - y).max()
    variance = 4 * encryption(s, level) + 2 * rounding
    assert error <= TAIL * math.sqrt(variance) + 0.5 / factor


def test_to_canonical__of_a_canonical_ciphertext_is_drop_to(scheme: Scheme) -> None:
    ct = scheme.encrypt(scheme.random(3).real, 3).ct
    for lower in (2, 1, 0):
        mine = scheme.evaluator.to_canonical(ct, lower)
        assert (mine.data == scheme.evaluator.drop_to(ct, lower).data).all()
    assert scheme.evaluator.to_canonical(ct, 3) is ct


def test_to_canonical__refuses_what_needs_a_level(scheme: Scheme) -> None:
    _, square = square_of(scheme, 2)
    with pytest.raises(ScaleMismatchError, match="canonical"):
        scheme.evaluator.to_canonical(square, 2)
    with pytest.raises(LevelMismatchError, match="cannot move to level 3"):
        scheme.evaluator.to_canonical(square, 3)
    with pytest.raises(ScaleMismatchError):
        scheme.evaluator.drop_to(square, 1)


def test_drop_to__refuses_a_scale_that_the_division_takes_away() -> None:
    """A factor that is rounded to 0 would leave nothing of any slot."""
    params = CKKSParameters.build(
        3, N=256, scale_bits=[28, 28, 28, 70], divisor_bits=[49.9, 49.9, 40],
        insecure_reason=REASON,
    )  # fmt: skip
    s = Scheme(params)
    ct = s.encrypt(s.random(4).real, 3).ct
    for move in (s.evaluator.drop_to, s.evaluator.to_canonical):
        with pytest.raises(ScaleMismatchError, match="too large to become"):
            move(ct, 2)
    with pytest.raises(ParameterError, match="above 0"):
        params.last_factor(0.0, 3, 1)


def test_keys__of_a_segment_serve_it(scheme: Scheme) -> None:
    needs = KeyNeeds.of([(0, level) for level in range(1, 5)])
    made = [level for _, level in needs.made(scheme.params)]
    assert made == [4, 2] or made == [4]
