"""Parameter sets: what `build` promises, and what is refused."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.construction import scale_for
from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Decryptor, Encryptor
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.errors import (
    InsecureParametersError,
    ParameterError,
    SlowPrimesWarning,
    WrongObjectError,
)
from he.rlwe import security
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator
from ntt.backends.select import available_backends
from ntt.modulus import is_prime

REASON = "unit test"
depths = st.integers(0, 12)


@given(depths, st.integers(20, 50), st.integers(3, 12), st.data())
def test_build__gives_distinct_ntt_primes_and_canonical_scales(depth, bits, log_N, data) -> None:
    N = 1 << log_N
    dnum = data.draw(st.integers(1, depth + 1))
    params = CKKSParameters.build(depth, N=N, scale_bits=bits, dnum=dnum, insecure_reason=REASON)
    primes = params.q + params.p
    assert params.max_level == depth
    assert len(set(primes)) == len(primes)
    assert all(is_prime(q) and q % (2 * N) == 1 for q in primes)
    assert params.scales[-1] == 2.0**bits
    for level in range(1, depth + 1):
        assert params.scales[level - 1] == params.scales[level] ** 2 / params.divisors[level]
        # The next prime brings the scale back, to within the gaps between NTT primes.
        assert abs(math.log2(params.scales[level]) - bits) < 0.5
    # Values below 2^integer_bits fit the first prime, with a bit for the sign.
    assert params.modulus(0) >= 2 ** (bits + 5)
    digits = params.digit_rows(depth)
    assert [r for rows in digits for r in rows] == list(range(len(params.q)))
    assert len(digits) == params.dnum <= dnum
    for rows in digits:
        # Key switching with a digit no larger than P adds no more noise than rescaling does.
        assert math.prod(params.q[r] for r in rows) < math.prod(params.p)


@given(st.integers(0, 10), st.integers(10, 26), st.sampled_from([128, 192, 256]))
def test_build__takes_the_smallest_secure_degree(depth, precision, bits) -> None:
    params = CKKSParameters.build(depth, precision_bits=precision, security_bits=bits)
    assert params.log_qp <= security.max_log_qp(params.N, bits)
    assert params.security_estimate >= bits
    assert params.scales[-1] == pytest.approx(2.0 ** scale_for(params.N, precision))
    with pytest.raises(InsecureParametersError):
        CKKSParameters.build(depth, precision_bits=precision, security_bits=bits, N=params.N // 2)


@pytest.mark.parametrize("depth", [1, 3, 4])
def test_build__counts_the_special_primes(depth: int) -> None:
    """Fewer digits need larger special primes, so they fit less often."""
    fits = []
    for dnum in range(1, depth + 2):
        try:
            params = CKKSParameters.build(depth, N=8192, scale_bits=30, dnum=dnum)
        except InsecureParametersError:
            fits.append(False)
        else:
            fits.append(True)
            assert params.log_qp <= security.max_log_qp(8192)
            assert params.dnum <= dnum
    assert fits == sorted(fits)
    assert fits[-1]


def test_build__uses_the_fast_primes_unless_the_scale_forbids() -> None:
    fast = CKKSParameters.build(5, N=1024, scale_bits=44, insecure_reason=REASON)
    assert max(fast.q + fast.p) < 1 << 50
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wide = CKKSParameters.build(2, N=1024, scale_bits=54, prime_bits=61, insecure_reason=REASON)
        seal = dataclasses.replace(wide)
    assert max(wide.q) < 1 << 61
    assert seal.q == wide.q
    # Said where they were asked for, and nowhere else.
    expected = [SlowPrimesWarning] if len(available_backends()) > 1 else []
    assert [warning.category for warning in caught] == expected


def test_insecure_parameters__need_words() -> None:
    with pytest.raises(InsecureParametersError, match=r"take N = .*insecure_reason"):
        CKKSParameters.build(5, N=4096, scale_bits=40)
    with pytest.raises(ParameterError, match="blank"):
        CKKSParameters.build(5, N=4096, scale_bits=40, insecure_reason=" ")
    params = CKKSParameters.build(5, N=4096, scale_bits=40, insecure_reason=REASON)
    assert params.security_estimate == 0
    with pytest.raises(InsecureParametersError):
        dataclasses.replace(params, insecure_reason=None)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"depth": -1}, "depth = -1"),
        ({"depth": 2.0}, "depth is 2.0"),
        ({"depth": 61}, "depth = 61"),
        ({"depth": 2, "integer_bits": 0}, "integer_bits = 0"),
        ({"depth": 2, "precision_bits": 20, "scale_bits": 40}, "not both"),
        ({"depth": 2, "scale_bits": 9}, "from 10 to 60"),
        ({"depth": 2, "scale_bits": 61}, "from 10 to 60"),
        ({"depth": 2, "dnum": 4}, "dnum = 4.*depth \\+ 1 = 3"),
        ({"depth": 2, "dnum": 0}, "dnum = 0"),
        ({"depth": 2, "prime_bits": 49}, "prime_bits = 49"),
        ({"depth": 2, "word_bits": 62}, "word_bits = 62"),
        ({"depth": 2, "word_bits": 50, "dnum": 1}, "word_bits chooses dnum"),
        ({"depth": 2, "word_bits": 50, "special_bits": 60}, "word_bits chooses dnum"),
        ({"depth": 2, "word_bits": 20, "N": 8192}, "words of 20 bits: N = 8192 needs at least"),
        ({"depth": 2, "scale_bits": [30, 30, 30]}, "need word_bits"),
        ({"depth": 2, "scale_bits": [30, 30], "word_bits": 50}, "2 scale_bits for the 3 levels"),
        ({"depth": 9, "scale_bits": 40, "N": 8192, "word_bits": 50}, "no room for special"),
        ({"depth": 2, "security_bits": 100}, "security_bits"),
        ({"depth": 2, "dnum": 1.5}, "dnum is 1.5: a whole number"),
        ({"depth": True}, "depth is True: a whole number"),
        ({"depth": 2, "N": True}, "N is True"),
        ({"depth": 2, "N": "8192"}, "N is '8192'"),
        ({"depth": 2, "integer_bits": 2.5}, "integer_bits is 2.5"),
        ({"depth": 2, "integer_bits": 31}, "integer_bits = 31: it must be from 1 to 30"),
        ({"depth": 2, "special_bits": 0}, "special_bits = 0"),
        ({"depth": 2, "special_bits": 60.5}, "special_bits is 60.5"),
        ({"depth": 2, "security_bits": 128.0}, "security_bits is 128.0"),
        ({"depth": 2, "precision_bits": math.nan}, "precision_bits is nan: a finite"),
        ({"depth": 2, "precision_bits": "20"}, "precision_bits is '20'"),
        ({"depth": 2, "precision_bits": True}, "precision_bits is True"),
        ({"depth": 2, "scale_bits": math.inf}, "scale_bits is inf"),
        ({"depth": 2, "scale_bits": 10**400}, "scale_bits is of type int"),
    ],
)
def test_bad_arguments__are_named(arguments, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        CKKSParameters.build(**arguments)


@pytest.mark.parametrize("N", [0, 7, 12, 100, 1 << 18])
def test_bad_ring_degree__is_refused(N: int) -> None:
    with pytest.raises(ParameterError, match="ring degree"):
        CKKSParameters.build(1, N=N, scale_bits=30, insecure_reason=REASON)


def test_bad_fields__are_refused() -> None:
    good = CKKSParameters.build(2, N=64, scale_bits=30, insecure_reason=REASON)
    for change, error in [
        ({"q": ()}, ParameterError),
        ({"p": ()}, ParameterError),
        ({"p": good.q[:1]}, ParameterError),
        ({"q": (good.q[0] + 2, *good.q[1:])}, ParameterError),
        ({"q": (101, *good.q[1:])}, ParameterError),
        ({"digit_limbs": 0}, ParameterError),
        ({"digit_limbs": 4}, ParameterError),
        ({"scales": good.scales[1:]}, ParameterError),
        ({"scales": (*good.scales[1:], math.nan)}, ParameterError),
        ({"scales": (*good.scales[1:], 0.0)}, ParameterError),
        ({"scales": (*good.scales[1:], 10**400)}, ParameterError),
        ({"scales": "abc"}, WrongObjectError),
        ({"sigma": 0.0}, ParameterError),
        ({"sigma": math.nan}, ParameterError),
        ({"sigma": True}, ParameterError),
        ({"N": 64.0}, ParameterError),
        ({"N": None}, ParameterError),
        ({"digit_limbs": 1.5}, ParameterError),
        ({"digit_limbs": True}, ParameterError),
        ({"q": 7}, WrongObjectError),
        ({"p": None}, WrongObjectError),
        ({"q": [float(prime) for prime in good.q]}, ParameterError),
        ({"insecure_reason": 5}, WrongObjectError),
    ]:
        with pytest.raises(error):
            dataclasses.replace(good, **change)


def test_id__names_what_ciphertexts_depend_on() -> None:
    good = CKKSParameters.build(2, N=64, scale_bits=30, insecure_reason=REASON)
    again = CKKSParameters.build(2, N=64, scale_bits=30, insecure_reason="another reason")
    assert good.id == again.id
    assert len(good.id) == 16
    others = [
        CKKSParameters.build(2, N=64, scale_bits=31, insecure_reason=REASON),
        CKKSParameters.build(2, N=128, scale_bits=30, insecure_reason=REASON),
        CKKSParameters.build(2, N=64, scale_bits=30, dnum=3, insecure_reason=REASON),
        dataclasses.replace(good, sigma=4.0),
    ]
    assert len({good.id, *(other.id for other in others)}) == 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        good.N = 128  # type: ignore[misc]


# Numbers as NumPy, JSON and argparse have them


def test_numbers_of_numpy_and_lists__make_the_same_set() -> None:
    good = CKKSParameters.build(2, N=64, scale_bits=30, dnum=2, insecure_reason=REASON)
    built = CKKSParameters.build(
        np.int64(2), N=np.array(64), scale_bits=np.float32(30), dnum=np.uint8(2),
        security_bits=np.int32(128), insecure_reason=REASON,
    )  # fmt: skip
    primes = np.array(good.q, dtype=np.uint64)
    given = CKKSParameters(
        N=np.int64(64), q=primes, p=list(good.p), digit_limbs=np.int8(good.digit_limbs),
        scales=np.array(good.scales), sigma=np.float64(3.2), insecure_reason=REASON,
    )  # fmt: skip
    primes[0] = 0  # what the caller does with the array later does not reach the set
    for params in (built, given):
        assert params == good
        assert params.id == good.id
        assert hash(params) == hash(good)
        numbers = (params.N, params.digit_limbs, params.security_bits, *params.q, *params.p)
        assert {type(number) for number in numbers} == {int}
        assert {type(number) for number in (params.sigma, *params.scales)} == {float}
        assert CKKSParameters.from_bytes(params.to_bytes(), insecure_reason=REASON) == good


def test_zero__is_not_the_default() -> None:
    none, default = (
        CKKSParameters.build(1, N=1 << 13, precision_bits=bits, insecure_reason=REASON)
        for bits in (4, None)
    )
    assert math.log2(default.scales[-1]) == pytest.approx(scale_for(1 << 13, 20))
    assert math.log2(none.scales[-1]) == pytest.approx(scale_for(1 << 13, 4))
    with pytest.raises(ParameterError, match=r"scale of 13\.4 bits"):
        CKKSParameters.build(1, N=1 << 13, precision_bits=0)


def test_copies_of_a_set__are_the_set() -> None:
    good = CKKSParameters.build(2, N=64, scale_bits=30, insecure_reason=REASON)
    assert copy.copy(good) is good
    assert copy.deepcopy([good])[0] is good
    assert pickle.loads(pickle.dumps(good)) == good


# Values that the parameters hold


def test_scales__beyond_their_modulus_are_refused() -> None:
    good = CKKSParameters.build(2, N=64, scale_bits=30, insecure_reason=REASON)
    for level, q in enumerate((good.q[0], good.q[0] * good.q[1])):
        scales = list(good.scales)
        scales[level] = 0.99 * q
        dataclasses.replace(good, scales=scales)
        scales[level] = float(q)
        with pytest.raises(ParameterError, match=f"of level {level}: .* below the modulus"):
            dataclasses.replace(good, scales=scales)
    deep = CKKSParameters.build(40, N=64, scale_bits=40, insecure_reason=REASON)
    assert deep.level_moduli[-1] == math.inf
    assert deep.level_moduli[1] == float(deep.q[0] * deep.q[1])


@pytest.mark.parametrize("precision", [10, 16, 20, 25])
@pytest.mark.parametrize("depth", range(13))
def test_integer_bits__by_default_hold_pixels_and_cost_no_speed(depth: int, precision: int) -> None:
    params = CKKSParameters.build(depth, precision_bits=precision)
    least = CKKSParameters.build(depth, precision_bits=precision, integer_bits=8)
    assert params.value_limit() > 255
    assert (params.N, params.dnum, len(params.p)) == (least.N, least.dnum, len(least.p))
    assert max(params.q + params.p) < 1 << 50


@pytest.mark.parametrize(
    ("scale_bits", "expected"), [(20, 16), (33, 15), (41, 8), (44, 5), (45, 16), (50, 16), (55, 16)]
)
def test_integer_bits__are_as_many_as_the_scale_leaves(scale_bits: int, expected: int) -> None:
    """A bit more would need a second special prime; above 2^44 the first prime is two."""
    params = CKKSParameters.build(0, N=32768, scale_bits=scale_bits)
    assert params.value_limit() == pytest.approx(params.modulus(0) / 2 / params.scales[0])
    assert max(params.q + params.p) < 1 << 50
    assert math.log2(params.value_limit()) == pytest.approx(expected, abs=0.02)
    stated = CKKSParameters.build(0, N=32768, scale_bits=scale_bits, integer_bits=3)
    assert math.log2(stated.value_limit()) == pytest.approx(3, abs=0.02)


def test_value_limit__grows_with_the_level() -> None:
    params = CKKSParameters.build(3, N=64, scale_bits=30, insecure_reason=REASON)
    limits = [params.value_limit(level) for level in range(4)]
    assert limits == sorted(limits)
    assert limits[0] == params.value_limit()
    for level in (-1, 4, 1.0, None):
        with pytest.raises(ParameterError, match="level"):
            params.value_limit(level)


def test_default_parameters__multiply_ages_and_pixels() -> None:
    """The parameters of the migration page gave 7 * 8 = -40."""
    params = CKKSParameters.build(depth=1, precision_bits=20)
    generator = KeyGenerator(params)
    secret = generator.secret_key()
    evaluator = Evaluator(params, generator.evaluation_keys(secret, KeyNeeds(relinearization=1)))
    encoder, encryptor = Encoder(params), Encryptor(params, secret)
    for left, right in [(7, 8), (-99, 99), (200, 200)]:
        a, b = (evaluator.attach(encryptor.encrypt(encoder.encode(v))) for v in (left, right))
        product = encoder.decode_real(Decryptor(params, secret).decrypt(a * b))
        assert np.abs(product - left * right).max() < 2.0**-10
