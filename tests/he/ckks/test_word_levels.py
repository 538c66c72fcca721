"""Levels of words: what `build` with `word_bits` promises, over random depths, scales and words."""

from __future__ import annotations

import functools
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from he.ckks.params import CKKSParameters
from he.ckks.word_levels import _root, word_moduli
from he.errors import (
    CorruptBytesError,
    InsecureParametersError,
    MissingGaloisKeyError,
    ParameterError,
)
from he.rlwe import security
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator
from ntt.modulus import is_prime
from tests.he.test_serialization import rewritten

REASON = "unit test"


@st.composite
def built(draw) -> tuple[CKKSParameters, list[float], int]:
    """A parameter set, the scales that it was asked for, and its word."""
    depth, N = draw(st.integers(0, 8)), 1 << draw(st.integers(3, 11))
    # Smaller words have so few primes that the last one of a level misses its scale by half a bit.
    word_bits = draw(st.integers(math.ceil(math.log2(2 * N)) + 16, 61))
    bits = draw(st.lists(st.floats(22, 60), min_size=depth + 1, max_size=depth + 1))
    # The modulus of each level must be larger than that of the one below.
    for level in range(1, depth + 1):
        bits[level] = max(bits[level], bits[level - 1] / 2 + 15)
    params = CKKSParameters.build(
        depth, N=N, scale_bits=bits, word_bits=word_bits, insecure_reason=REASON
    )
    return params, bits, word_bits


@settings(max_examples=40)
@given(built())
def test_word_levels__are_as_asked(made: tuple[CKKSParameters, list[float], int]) -> None:
    params, bits, word_bits = made
    primes = params.q + params.p
    assert params.max_level == len(bits) - 1
    assert len(set(primes)) == len(primes)
    assert all(is_prime(q) and q % (2 * params.N) == 1 and q < 1 << word_bits for q in primes)
    for level, of_level in enumerate(params.levels):
        # The last prime brings the scale to within the gaps between primes 1 mod 2N.
        assert abs(math.log2(params.scales[level]) - bits[level]) < 0.5
        fewest = math.ceil(math.log2(params.modulus(level)) / word_bits)
        assert fewest <= of_level.limbs <= fewest + 4
        for digit in of_level.digits:
            product = math.prod(params.primes(level)[limb] for limb in digit)
            assert product < params.special_modulus(level)
        if level:
            divided = params.scales[level] ** 2 / params.divisors[level]
            assert params.scales[level - 1] == pytest.approx(divided, rel=2.0**-50)
    assert params.modulus(0) >= 2 ** (bits[0] + 5)


@pytest.mark.parametrize(
    ("depth", "bits", "N", "limbs", "chain"),
    [(5, 28, 8192, (5, 3, 3), 6), (12, 28, 16384, (8, 9, 7), 13), (5, 25, 8192, (4, 3, 3), 6)],
)
def test_word_levels__are_secure_and_take_fewer_limbs(depth, bits, N, limbs, chain) -> None:
    params = CKKSParameters.build(depth, N=N, scale_bits=bits, word_bits=50, integer_bits=7)
    assert tuple(level.limbs for level in params.levels[: -4 : -1]) == limbs
    assert limbs[0] < chain == depth + 1
    for level in range(depth + 1):
        size = params.modulus(level) * params.special_modulus(level)
        assert math.log2(size) <= security.max_log_qp(N)
    assert params.log_qp <= security.max_log_qp(N)
    assert params.security_estimate == 128


def test_word_levels__are_insecure_where_one_level_is() -> None:
    """The table is asked about each level: here about one below the top."""
    params = CKKSParameters.build(5, N=8192, scale_bits=28, word_bits=50)
    level = params.levels[4]
    every = tuple(range(len(params.p)))
    changed = (*params.levels[:4], level._replace(specials=every), params.levels[5])
    fields = {name: getattr(params, name) for name in ("N", "q", "p", "digit_limbs", "scales")}
    assert CKKSParameters(**fields, own_levels=params.levels) == params
    with pytest.raises(InsecureParametersError):
        CKKSParameters(**fields, own_levels=changed)


def test_report__has_a_line_a_level_and_tells_slow_primes() -> None:
    words = CKKSParameters.build(5, N=8192, scale_bits=28, word_bits=50)
    head, titles, *lines = words.report().splitlines()
    assert head == str(words)
    assert [int(line.split()[0]) for line in lines] == [5, 4, 3, 2, 1, 0]
    column = titles.replace("log2 ", "log2").split().index("words")
    assert [int(line.split()[column]) for line in lines] == [
        level.limbs for level in reversed(words.levels)
    ]
    assert "slow" not in words.report()
    wide = CKKSParameters.build(2, N=64, scale_bits=55, prime_bits=61, insecure_reason=REASON)
    assert "3 primes above 2^50 have slow kernels" in wide.report()
    assert "slow" not in CKKSParameters.build(
        2, N=64, scale_bits=55, insecure_reason=REASON
    ).report()


def test_word_levels__in_bytes() -> None:
    params = CKKSParameters.build(3, N=64, scale_bits=28, word_bits=40, insecure_reason=REASON)
    data = params.to_bytes()
    read = CKKSParameters.from_bytes(data, insecure_reason=REASON)
    assert read == params
    assert (read.id, read.levels) == (params.id, params.levels)
    chain = CKKSParameters.build(3, N=64, scale_bits=28, insecure_reason=REASON)
    assert chain.is_chain
    assert CKKSParameters(
        **{n: getattr(chain, n) for n in ("N", "q", "p", "digit_limbs", "scales")},
        own_levels=chain.levels,
        insecure_reason=REASON,
    ) == chain  # fmt: skip
    for change in (
        [[[0], [0], 1]], [[[0], [0]]], [[[0, 99], [0], 1]], [[[-1], [0], 1]], "levels",
        [[[True], [0], 1]], [[list(range(9999)), [0], 1]],
    ):  # fmt: skip
        altered = rewritten(data, "ckks parameters", lambda h, _, c=change: h.update(levels=c))
        with pytest.raises(CorruptBytesError):
            CKKSParameters.from_bytes(altered, insecure_reason=REASON)


def test_keys__of_each_level_are_made_sized_and_found() -> None:
    params = CKKSParameters.build(3, N=64, scale_bits=28, word_bits=50, insecure_reason=REASON)
    generator = KeyGenerator(params)
    secret = generator.secret_key()
    needs = KeyNeeds(3, {3: 3, 9: 1}, ((0, 2), (3, 1)))
    keys = generator.evaluation_keys(secret, needs)
    data = keys.to_bytes()
    assert len(data) == EvaluationKeys.serialized_bytes(params, needs)
    for found in (keys, EvaluationKeys.from_bytes(data, params)):
        for element, level in needs.levels():
            key = found.for_element(element, level) if element else found.for_relinearization(level)
            assert (key.element, key.level) == (element, level)
        with pytest.raises(MissingGaloisKeyError, match="serves level 3 and 1"):
            found.for_element(3, 2)


def test_word_levels__of_bfv_are_refused() -> None:
    from he.bfv import BFVParameters

    bfv = BFVParameters.build(2, plain_bits=17, N=64, insecure_reason=REASON)
    words = CKKSParameters.build(2, N=64, scale_bits=28, word_bits=40, insecure_reason=REASON)
    with pytest.raises(ParameterError, match="are a chain"):
        BFVParameters(
            N=64, q=words.q, p=words.p, digit_limbs=1, t=bfv.t, own_levels=words.levels,
            insecure_reason=REASON,
        )  # fmt: skip


@pytest.mark.parametrize("scale_bits", [20.25, 27.0, 27.25, 31.0, 40.5, 44.75])
def test_scales__are_those_of_rescaled_products_to_the_bit(scale_bits: float) -> None:
    """The evaluator multiplies and divides in float64, and holds scales against these."""
    params = CKKSParameters.build(
        8, N=1024, scale_bits=scale_bits, word_bits=50, insecure_reason=REASON
    )
    for level in range(1, 9):
        product = params.scales[level] * params.scales[level]
        assert product / params.divisors[level] == params.scales[level - 1]


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_root__of_numbers_beyond_floats(degree: int) -> None:
    small, large = Fraction(3**100, 7), Fraction(3**1400, 7)
    assert _root(small, degree) == float(small) ** (1 / degree)
    if degree > 2:
        assert math.isclose(
            math.log(_root(large, degree)), (1400 * math.log(3) - math.log(7)) / degree
        )


@pytest.mark.parametrize(
    ("depth", "N", "scale_bits", "word_bits", "serves"),
    [(20, 256, 21.3, 19, 21), (3, 8192, 28, 22, 25), (8, 64, 20, 16, 17)],
)
def test_word_moduli__words_with_too_few_primes_are_refused_with_those_that_serve(
    depth: int, N: int, scale_bits: float, word_bits: int, serves: int
) -> None:
    build = functools.partial(
        CKKSParameters.build, depth, N=N, scale_bits=scale_bits, insecure_reason=REASON
    )
    with pytest.raises(ParameterError, match=f"words of {serves} bits serve, of {serves - 1}"):
        build(word_bits=word_bits)
    for level, scale in enumerate(build(word_bits=serves).scales):
        assert abs(math.log2(scale) - scale_bits) < 0.5, level


def test_word_moduli__of_forty_levels() -> None:
    made = word_moduli(65536, [31.0] * 41, 38, 50, 1747)
    assert len(made.levels) == 41
