"""he.rlwe.security: the table's shape, the edges of every cell, and the refusals."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.bfv import BFVParameters
from he.ckks.params import CKKSParameters
from he.errors import InsecureParametersError, ParameterError
from he.format.container import pack
from he.rlwe.security import (
    SECURITY_LEVELS,
    TABLE_SIGMA,
    check,
    check_sparse,
    estimate_security,
    max_log_qp,
    max_sparse_log_qp,
    smallest_secure_N,
)

DEGREES = [1 << log_n for log_n in range(10, 18)]
LISTED = [(N, bits) for N in DEGREES for bits in SECURITY_LEVELS if max_log_qp(N, bits)]


@pytest.mark.parametrize(
    ("N", "bound"), [(8192, 214), (16384, 430), (32768, 868), (65536, 1747), (131072, 3523)]
)
def test_max_log_qp__at_128_bits_is_the_published_bound(N: int, bound: int) -> None:
    assert max_log_qp(N) == bound
    # The 2018 standard's table was more generous; none of its cells may come back.
    assert max_log_qp(N) < {8192: 218, 16384: 438, 32768: 881}.get(N, 1 << 30)


@pytest.mark.parametrize("security_bits", SECURITY_LEVELS)
def test_max_log_qp__grows_slightly_faster_than_N(security_bits: int) -> None:
    bounds = [bound for N in DEGREES if (bound := max_log_qp(N, security_bits))]
    for smaller, larger in pairwise(bounds):
        assert 2 * smaller <= larger <= 2 * smaller + smaller // 12


@pytest.mark.parametrize("N", DEGREES)
def test_max_log_qp__falls_with_the_security_level(N: int) -> None:
    assert max_log_qp(N, 128) > max_log_qp(N, 192) >= max_log_qp(N, 256)


@pytest.mark.parametrize("N", [0, 8, 512, 1000, 12288, 262144])
def test_max_log_qp__is_zero_where_no_modulus_is_listed(N: int) -> None:
    assert max_log_qp(N) == 0
    assert estimate_security(N, 1) == 0


@pytest.mark.parametrize("security_bits", [0, 80, 127, 129, 512])
def test_max_log_qp__refuses_unlisted_levels(security_bits: int) -> None:
    with pytest.raises(ParameterError, match="128, 192, 256"):
        max_log_qp(8192, security_bits)


@pytest.mark.parametrize(("N", "security_bits"), LISTED)
def test_check__accepts_the_bound_and_refuses_the_next_bit(N: int, security_bits: int) -> None:
    bound = max_log_qp(N, security_bits)
    assert check(N, bound, security_bits) >= security_bits
    assert estimate_security(N, bound) >= security_bits
    with pytest.raises(InsecureParametersError, match=f"at most {bound}"):
        check(N, bound + 0.01, security_bits)
    assert estimate_security(N, bound + 0.01) < security_bits


def test_check__names_actual_needed_and_way_out() -> None:
    with pytest.raises(InsecureParametersError) as caught:
        check(8192, 218.4)
    message = str(caught.value)
    for part in ("218.4 bits", "N = 8192", "at most 214", "take N = 16384", "insecure_reason"):
        assert part in message


def test_check__says_when_no_degree_is_large_enough() -> None:
    with pytest.raises(InsecureParametersError, match="no N of the table"):
        check(131072, 4000)


@pytest.mark.parametrize("N", [512, 12288])
def test_check__refuses_unlisted_degrees(N: int) -> None:
    with pytest.raises(InsecureParametersError, match="power of two from 1024 to 131072"):
        check(N, 20)


def test_check__lets_a_stated_reason_pass() -> None:
    assert check(16, 100, insecure_reason="unit test") == 0
    assert check(8192, 150, 256, insecure_reason="unit test") == 128


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_check__refuses_a_blank_reason(reason: str) -> None:
    with pytest.raises(ParameterError, match="blank"):
        check(8192, 100, insecure_reason=reason)


@pytest.mark.parametrize("log_qp", [0, -1, float("nan")])
def test_check__refuses_log_qp_that_is_not_positive(log_qp: float) -> None:
    for call in (check, estimate_security):
        with pytest.raises(ParameterError, match="positive"):
            call(8192, log_qp)
    with pytest.raises(ParameterError, match="positive"):
        smallest_secure_N(log_qp)


@given(st.floats(1, 3523), st.sampled_from(SECURITY_LEVELS))
def test_smallest_secure_N__is_secure_and_smallest(log_qp: float, security_bits: int) -> None:
    degrees = [N for N in DEGREES if log_qp <= max_log_qp(N, security_bits)]
    if degrees:
        assert smallest_secure_N(log_qp, security_bits) == degrees[0]
    else:
        with pytest.raises(InsecureParametersError, match="131072"):
            smallest_secure_N(log_qp, security_bits)


# The error is part of the check: the table holds for 3.19 and more


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0, 3.1899])
def test_check__refuses_a_smaller_error_than_the_tables(sigma: float) -> None:
    with pytest.raises(InsecureParametersError, match=r"sigma = .* 3\.19 or more.*insecure_reason"):
        check(8192, 100, sigma=sigma)
    assert estimate_security(8192, 100, sigma) == 0
    assert check(8192, 100, sigma=sigma, insecure_reason="unit test") == 0


@pytest.mark.parametrize("sigma", [TABLE_SIGMA, 3.2, 64])
def test_check__accepts_the_tables_error_and_larger_ones(sigma: float) -> None:
    assert check(8192, 214, sigma=sigma) == 128
    assert estimate_security(8192, 214, sigma) == 128


def params_of(sigma: float, reason: str | None) -> CKKSParameters:
    secure = CKKSParameters.build(1)
    return dataclasses.replace(secure, sigma=sigma, insecure_reason=reason)


def test_parameters__with_a_small_error_are_refused_when_made_and_when_read() -> None:
    with pytest.raises(InsecureParametersError, match=r"sigma = 0\.5"):
        params_of(0.5, None)
    weak = params_of(0.5, "unit test")
    assert weak.security_estimate == 0
    with pytest.raises(InsecureParametersError, match=r"sigma 0\.5.*'unit test'"):
        CKKSParameters.from_bytes(weak.to_bytes())
    assert CKKSParameters.from_bytes(weak.to_bytes(), insecure_reason="unit test") == weak
    exact = BFVParameters.build(1)
    with pytest.raises(InsecureParametersError, match=r"sigma = 1"):
        dataclasses.replace(exact, sigma=1)


def test_bytes__with_a_small_error_and_no_reason_are_refused() -> None:
    """What no constructor makes: a writer that leaves its reason out."""
    weak = params_of(0.5, "unit test")
    header = {**weak._encoded()[0], "insecure_reason": ""}
    with pytest.raises(InsecureParametersError, match=r"sigma = 0\.5"):
        CKKSParameters.from_bytes(pack(weak.kind, header, {}))


def test_check_sparse__refuses_moduli_that_nobody_estimated() -> None:
    assert max_sparse_log_qp(1 << 15) == 100
    assert max_sparse_log_qp(1 << 14) == 0
    assert max_sparse_log_qp(1 << 16, 192) == 0
    check_sparse(1 << 15, 100)
    check_sparse(1 << 10, 500, insecure_reason="unit test")
    for N, log_qp, bits in ((1 << 15, 100.5, 128), (1 << 14, 20, 128), (1 << 16, 90, 192)):
        with pytest.raises(InsecureParametersError, match="sparse secret of weight 32"):
            check_sparse(N, log_qp, bits)
