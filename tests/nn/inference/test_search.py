"""The search for parameters: the smallest ring, then the fewest digits, then the largest scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from he.ckks.params import CKKSParameters
from nn.errors import NetworkError
from nn.inference.options import PlanOptions
from nn.inference.search import (
    LEAST_SCALE_BITS,
    Circuit,
    PlanningError,
    check_degree,
    required_integer_bits,
    search,
)


@dataclass(frozen=True)
class Stub:
    """A plan whose precision depends on the parameters alone."""

    params: CKKSParameters
    predicted_bits: float


def scale_bits(params: CKKSParameters) -> float:
    return float(np.log2(params.scales[-1]))


def found(depth: int = 3, **options: object) -> Stub:
    """The search for a circuit of `depth` levels, whose precision is the scale's less 15 bits."""

    def circuit_at(N: int) -> Circuit[Stub]:
        return Circuit(depth, 5, lambda params: Stub(params, scale_bits(params) - 15))

    return search("stub", circuit_at, PlanOptions(**options))


@pytest.mark.parametrize("depth", [1, 3, 6])
@pytest.mark.parametrize("precision_bits", [2, 6, 12])
def test_search__nothing_smaller_is_precise_enough(depth: int, precision_bits: float) -> None:
    plan = found(depth, precision_bits=precision_bits)
    assert plan.predicted_bits >= precision_bits
    assert plan.params.security_estimate >= 128
    smaller = [
        {"N": plan.params.N, "dnum": dnum} for dnum in range(1, plan.params.dnum)
    ] + [{"N": 1 << k} for k in range(12, plan.params.N.bit_length() - 1)]
    for options in smaller:
        with pytest.raises(PlanningError):
            found(depth, precision_bits=precision_bits, **options)


def test_search__six_bits_are_the_default() -> None:
    assert found() == found(precision_bits=6.0)


def test_search__a_planner_may_have_another_default() -> None:
    circuit = Circuit(3, 5, lambda params: Stub(params, scale_bits(params) - 15))
    options = PlanOptions(precision_bits=12)
    expected = search("stub", lambda N: circuit, options)
    assert search("stub", lambda N: circuit, PlanOptions(), default_bits=12) == expected
    assert search("stub", lambda N: circuit, options, default_bits=2) == expected


def test_search__degrees_that_hold_too_few_levels_are_left_out() -> None:
    asked = []

    def circuit_at(N: int) -> Circuit[Stub]:
        asked.append(N)
        return Circuit(9, 5, lambda params: Stub(params, scale_bits(params) - 15))

    plan = search("stub", circuit_at, PlanOptions(), least_depth=9)
    assert plan == search("stub", circuit_at, PlanOptions())
    assert asked == [16384, 4096, 8192, 16384]


def test_search__a_larger_scale_is_not_secure_or_not_fast() -> None:
    """The next scale, a quarter of a bit larger, breaks the limit of the search."""
    params = found(precision_bits=2).params
    with pytest.raises(NetworkError):
        found(precision_bits=scale_bits(params) - 15 + 0.25, N=params.N, dnum=params.dnum)


def test_search__best_precision_is_reported() -> None:
    with pytest.raises(PlanningError, match=r"predicts \d+\.\d bits .* 60\.0 are needed"):
        found(precision_bits=60)


def test_search__no_parameters_at_all() -> None:
    with pytest.raises(PlanningError, match="256-bit security with N = 4096"):
        found(depth=9, N=4096, security_bits=256)


def test_search__insecure_parameters_need_words() -> None:
    with pytest.raises(PlanningError, match="128-bit"):
        found(N=1024)
    assert found(N=1024, insecure_reason="unit test").params.N == 1024


@pytest.mark.parametrize("dnum", [0, 5, -1])
def test_search__numbers_of_digits_that_cannot_be(dnum: int) -> None:
    with pytest.raises(PlanningError, match="from 1 to 4"):
        found(depth=3, dnum=dnum)


@pytest.mark.parametrize("N", [0, 4, 100, 1 << 18, 4096.0, "4096"])
def test_check_degree__refuses_what_is_no_ring_degree(N: object) -> None:
    with pytest.raises(PlanningError, match="power of two"):
        check_degree(N)


@pytest.mark.parametrize("N", [None, 8, 1 << 17])
def test_check_degree__accepts_ring_degrees_and_none(N: int | None) -> None:
    check_degree(N)


@pytest.mark.parametrize(
    ("largest", "bits"), [(0.0, 1), (1e-9, 1), (1.0, 1), (1.5, 2), (2.0, 2), (2.1, 3), (1000.0, 11)]
)
def test_required_integer_bits__one_bit_is_spare(largest: float, bits: int) -> None:
    assert required_integer_bits(np.full(8, largest)) == bits
    assert LEAST_SCALE_BITS == 15


def weighed(
    keys: int = 0, uses: int = 0, key_bytes: int | None = None, depth: int = 6
) -> Stub:
    """The plan of a circuit that may have levels of words; its work is that of its top level.

    keys: how many keys of the top level it uses. uses: how many at every level.
    """

    def work(params: CKKSParameters) -> float:
        return float(params.digits(depth) * len(params.primes(depth)))

    def memory(params: CKKSParameters) -> int:
        rows = len(params.primes(depth) + params.special_primes(depth))
        return keys * 16 * params.digits(depth) * rows * params.N

    def circuit_at(N: int) -> Circuit[Stub]:
        return Circuit(
            depth,
            5,
            lambda params: Stub(params, scale_bits(params) - 15),
            work=work,
            key_bytes=memory,
            key_levels=list(range(1, depth + 1)) * uses,
        )

    return search("stub", circuit_at, PlanOptions(N=16384))


def test_search__words_where_their_keys_fit() -> None:
    assert not weighed().params.is_chain


def test_search__a_chain_where_the_keys_of_words_do_not_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nn.inference.search.KEY_BYTES", 1 << 24)
    known = weighed(uses=40)
    assert known.params.is_chain
    counted = weighed(keys=40)
    assert counted.params.is_chain
    assert counted.predicted_bits >= 6


def test_search__digits_of_a_chain_follow_the_memory_of_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = weighed(keys=4, uses=10**6)
    monkeypatch.setattr("nn.inference.search.KEY_BYTES", 1)
    narrow = weighed(keys=4, uses=10**6)
    assert wide.params.is_chain
    assert narrow.params.is_chain

    def memory(params: CKKSParameters) -> int:
        rows = len(params.primes(6) + params.special_primes(6))
        return params.digits(6) * rows

    assert memory(narrow.params) <= memory(wide.params)
