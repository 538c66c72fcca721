"""Parameter sets: what `build` promises, and what is refused."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.params import CKKSParameters, scale_for
from he.errors import InsecureParametersError, ParameterError
from he.rlwe import security
from ntt.errors import ArithmeticLayerError, ModulusError
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
        assert params.scales[level - 1] == params.scales[level] ** 2 / params.q[level]
        # The next prime brings the scale back, to within the gaps between NTT primes.
        assert abs(math.log2(params.scales[level]) - bits) < 0.5
    # Values below 2^integer_bits fit the first prime, with a bit for the sign.
    assert params.q[0] >= 2 ** (bits + 5)
    digits = params.digit_rows(depth)
    assert [r for rows in digits for r in rows] == list(range(depth + 1))
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
    wide = CKKSParameters.build(2, N=1024, scale_bits=54, insecure_reason=REASON)
    assert max(wide.q) < 1 << 61


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
        ({"depth": 2.0}, "depth = 2.0"),
        ({"depth": 61}, "depth = 61"),
        ({"depth": 2, "integer_bits": 0}, "integer_bits = 0"),
        ({"depth": 2, "precision_bits": 20, "scale_bits": 40}, "not both"),
        ({"depth": 2, "scale_bits": 9}, "from 10 to 60"),
        ({"depth": 2, "scale_bits": 61}, "from 10 to 60"),
        ({"depth": 2, "dnum": 4}, "dnum = 4.*depth \\+ 1 = 3"),
        ({"depth": 2, "dnum": 0}, "dnum = 0"),
        ({"depth": 2, "scale_bits": 58, "N": 65536}, "first prime of 64 bits"),
        ({"depth": 2, "security_bits": 100}, "security_bits"),
    ],
)
def test_bad_arguments__are_named(arguments, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        CKKSParameters.build(**arguments)


@pytest.mark.parametrize("N", [0, 7, 12, 100, 1 << 18])
def test_bad_ring_degree__is_refused(N: int) -> None:
    with pytest.raises(ArithmeticLayerError):
        CKKSParameters.build(1, N=N, scale_bits=30, insecure_reason=REASON)


def test_bad_fields__are_refused() -> None:
    good = CKKSParameters.build(2, N=64, scale_bits=30, insecure_reason=REASON)
    for change, error in [
        ({"q": ()}, ParameterError),
        ({"p": ()}, ParameterError),
        ({"p": good.q[:1]}, ParameterError),
        ({"q": (good.q[0] + 2, *good.q[1:])}, ModulusError),
        ({"q": (101, *good.q[1:])}, ModulusError),
        ({"digit_limbs": 0}, ParameterError),
        ({"digit_limbs": 4}, ParameterError),
        ({"scales": good.scales[1:]}, ParameterError),
        ({"scales": (*good.scales[1:], math.nan)}, ParameterError),
        ({"scales": (*good.scales[1:], 0.0)}, ParameterError),
        ({"sigma": 0.0}, ParameterError),
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
