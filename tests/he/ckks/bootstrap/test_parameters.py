"""Parameter sets that bootstrap: what is promised, chosen, stored and refused."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest

import he
from he.ckks.bootstrap.bootstrapper import Bootstrapper
from he.ckks.bootstrap.circuit import BootstrapCircuit
from he.rlwe import security

REASON = "unit test"


def _built(N: int, depth: int = 2, scale_bits: float = 40, **wanted: Any) -> he.CKKSParameters:
    return he.CKKSParameters.build(
        depth, scale_bits=scale_bits, N=N, insecure_reason=REASON,
        bootstrap=he.Bootstrapping(**wanted),
    )  # fmt: skip


@pytest.mark.parametrize("N", [1 << 10, 1 << 13, 1 << 16])
@pytest.mark.parametrize("slots", [4, 256, None])
@pytest.mark.parametrize("precision_bits", [8, 14, 18])
def test_build__keeps_the_precision_that_was_asked_for(
    N: int, slots: int | None, precision_bits: int
) -> None:
    params = _built(N, slots=slots, precision_bits=precision_bits)
    assert Bootstrapper(params).precision_bits >= precision_bits - 0.1


@pytest.mark.parametrize("scale_bits", [30, 40])
@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"real": True},
        {"slots": 16},
        {"small_keys": True},
        {"slots_first": False},
        {"largest": 0.125},
    ],
)
def test_build__promises_what_is_asked_up_to_the_limit_of_the_scale(
    wanted: dict[str, Any], scale_bits: float
) -> None:
    """The last rescaling's error alone is near the wanted one: the rest leaves room for it."""
    with pytest.raises(he.ParameterError) as refused:
        _built(1 << 10, scale_bits=scale_bits, precision_bits=38, **wanted)
    found = re.search(r"a scale of 2\^\d+ keeps ([0-9.]+) bits", str(refused.value))
    assert found is not None
    most = float(found[1])
    for precision_bits in (most - 3, most - 1, most):
        params = _built(
            1 << 10, scale_bits=scale_bits, precision_bits=precision_bits, **wanted
        )
        assert Bootstrapper(params).precision_bits >= precision_bits - 0.1
    with pytest.raises(he.ParameterError) as refused:
        _built(1 << 10, scale_bits=scale_bits, precision_bits=most + 0.2, **wanted)
    found = re.search(r"take scale_bits=(\d+) or more; \d+ bits are served", str(refused.value))
    assert found is not None
    params = _built(
        1 << 10, scale_bits=int(found[1]), precision_bits=most + 0.2, **wanted
    )
    assert Bootstrapper(params).precision_bits >= most + 0.1


@pytest.mark.parametrize(("N", "depth", "scale_bits"), [(1 << 15, 5, 30), (1 << 16, 9, 40)])
def test_build__is_secure_at_every_level(N: int, depth: int, scale_bits: float) -> None:
    params = he.CKKSParameters.build(
        depth, scale_bits=scale_bits, N=N, bootstrap=he.Bootstrapping(precision_bits=10)
    )
    bootstrapper = Bootstrapper(params)
    assert bootstrapper.levels == depth
    assert params.log_qp <= security.max_log_qp(N)
    lowest = math.log2(params.modulus(0) * params.special_modulus(0))
    assert lowest <= security.max_sparse_log_qp(N)
    assert bootstrapper.failure_probability <= 2.0**-64
    scales = [math.log2(scale) for scale in params.scales]
    assert scales[bootstrapper.output_level] == pytest.approx(scale_bits, abs=0.01)
    assert max(params.q + params.p) < 1 << 50


@pytest.mark.parametrize("largest", [0.001, 0.125, 16.0, 300.0])
@pytest.mark.parametrize("wanted", [{}, {"small_keys": True}, {"slots": 16}, {"iterations": 2}])
def test_build__promises_what_is_asked_of_messages_of_any_size(
    wanted: dict[str, Any], largest: float
) -> None:
    params = _built(1 << 10, scale_bits=36, precision_bits=8, largest=largest, **wanted)
    assert Bootstrapper(params).precision_bits >= 7.9


@pytest.mark.parametrize(
    ("N", "scale_bits", "largest", "wanted", "precision_bits"),
    [
        # Where estimates alone chose circuits that fell 0.1 to 10.7 bits short.
        (1 << 15, 30, 16, {"small_keys": True}, 9.4),
        (1 << 15, 30, 256, {"real": True}, 11.9),
        (1 << 15, 30, 256, {"slots": 4096}, 6.4),
        (1 << 15, 40, 1, {"real": True}, 19.9),
        (1 << 15, 40, 1, {"slots": 4096, "real": True}, 19.9),
        (1 << 15, 45, 2, {"small_keys": True}, 21.4),
        (1 << 16, 30, 256, {}, 11.4),
        (1 << 16, 45, 1 / 64, {"slots_first": False}, 18.0),
        (1 << 15, 40, 16, {"slots": 4096}, 21.4),
    ],
)
def test_build__keeps_what_is_asked_or_names_what_is_served(
    N: int, scale_bits: float, largest: float, wanted: dict[str, Any], precision_bits: float
) -> None:
    def built(precision_bits: float) -> he.CKKSParameters:
        return he.CKKSParameters.build(
            2, scale_bits=scale_bits, N=N,
            bootstrap=he.Bootstrapping(precision_bits=precision_bits, largest=largest, **wanted),
        )  # fmt: skip

    try:
        params = built(precision_bits)
    except he.ParameterError as refused:
        found = re.search(r"; (\d+) bits are served", str(refused))
        assert found is not None
        precision_bits = int(found[1])
        params = built(precision_bits)
    assert Bootstrapper(params).precision_bits >= precision_bits - 0.1


def test_build__finds_a_ring() -> None:
    params = he.CKKSParameters.build(
        3, scale_bits=30, bootstrap=he.Bootstrapping(precision_bits=8, slots=64)
    )
    assert params.N == 1 << 15


def test_bytes__hold_the_bootstrap() -> None:
    params = _built(1 << 10, precision_bits=12, largest=2.5, real=True)
    # As bytes of those who knew neither medium keys nor two passes.
    assert params.bootstrap.stored()[3] is False
    assert len(params.bootstrap.stored()) == 11
    medium = replace(params, bootstrap=replace(params.bootstrap, keys="medium"))
    assert he.CKKSParameters.from_bytes(medium.to_bytes(), insecure_reason=REASON) == medium
    again = he.CKKSParameters.from_bytes(params.to_bytes(), insecure_reason=REASON)
    assert again == params
    assert again.bootstrap == params.bootstrap
    # One form for each circuit.
    stored = params.bootstrap.stored()
    of_keys = [[*stored[:3], keys, *stored[4:]] for keys in ("fast", "small", "none")]
    for other in ([*stored, 1], *of_keys):
        with pytest.raises(he.CorruptBytesError):
            BootstrapCircuit.read(other)
    assert again.id == params.id
    plain = he.CKKSParameters.build(2, scale_bits=40, N=1 << 10, insecure_reason=REASON)
    assert plain.bootstrap is None
    assert plain.id != params.id


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"slots": 3}, "slots = 3"),
        ({"slots": 6}, "power of two"),
        ({"precision_bits": 2}, "from 4 to 40"),
        ({"largest": 0}, "largest = 0"),
        ({"failure_bits": 0}, "failure_bits"),
        ({"levels": (1, 2, 3)}, "two numbers"),
        ({"levels": (0, 1)}, "a number of levels"),
        ({"key_bytes": 0}, "key_bytes"),
        ({"real": True, "slots_first": False}, "slots_first"),
        ({"iterations": 3}, "iterations"),
        ({"iterations": 2, "slots_first": False}, "slots_first = True"),
    ],
)
def test_bootstrapping__refuses(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(he.ParameterError, match=message):
        he.Bootstrapping(**wanted)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"slots": 1 << 10}, "N = 1024 has 512"),
        ({"levels": (10, 2)}, "at most 9"),
        (
            {"precision_bits": 36},
            r"2\^40 keeps 27.4 bits .* first: take scale_bits=\d\d or more; 27 bits are served$",
        ),
        (
            {"precision_bits": 27, "largest": 64.0, "iterations": 1},
            r"needs a cosine of scale 2\^\d.*: ask for less precision; \d+ bits are served$",
        ),
        (
            {"precision_bits": 27, "largest": 64.0, "small_keys": True, "iterations": 1},
            r"ask for less precision; \d+ bits are served \(the other order, or small_keys=False",
        ),
        (
            {"precision_bits": 30, "slots_first": False},
            "where SlotsToCoeffs comes last; 22 bits are served",
        ),
        ({"slots": 64, "iterations": 2}, "two iterations refresh all 512 slots"),
        ({"key_bytes": 1000}, r"its keys take [0-9.]+ MB \(\d+ bytes\) or more, not 1000 bytes"),
    ],
)
def test_build__refuses(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(he.ParameterError, match=message):
        _built(1 << 10, **wanted)


def test_build__takes_two_passes_where_one_does_not_do() -> None:
    asked = {"scale_bits": 50, "precision_bits": 32}
    with pytest.raises(he.ParameterError, match="ask for less precision"):
        _built(1 << 10, **asked, iterations=1)
    params = _built(1 << 10, **asked)
    assert params.bootstrap is not None
    assert params.bootstrap.iterations == 2
    assert Bootstrapper(params).precision_bits >= 32
    assert _built(1 << 10, scale_bits=50, precision_bits=12).bootstrap.iterations == 1
    again = he.CKKSParameters.from_bytes(params.to_bytes(), insecure_reason=REASON)
    assert again == params


def test_build__refuses_what_a_bootstrap_chooses() -> None:
    wanted = he.Bootstrapping()
    for chosen in ({"dnum": 1}, {"word_bits": 50}, {"integer_bits": 8}, {"special_bits": 60}):
        with pytest.raises(he.ParameterError, match="leave them out"):
            he.CKKSParameters.build(2, bootstrap=wanted, **chosen)  # type: ignore[arg-type]


def test_build__refuses_rings_that_are_too_small() -> None:
    with pytest.raises(he.InsecureParametersError, match="sparse"):
        he.CKKSParameters.build(
            1, scale_bits=30, N=1 << 14, bootstrap=he.Bootstrapping(precision_bits=8)
        )
    with pytest.raises(he.InsecureParametersError, match="no room"):
        he.CKKSParameters.build(
            30, scale_bits=40, N=1 << 15, bootstrap=he.Bootstrapping(precision_bits=8)
        )


def test_build__serves_the_precision_that_a_refusal_names() -> None:
    with pytest.raises(he.ParameterError) as refused:
        _built(1 << 10, scale_bits=48, precision_bits=36)
    found = re.search(r"; (\d+) bits are served", str(refused.value))
    assert found is not None
    served = int(found[1])
    params = _built(1 << 10, scale_bits=48, precision_bits=served)
    assert Bootstrapper(params).precision_bits >= served - 0.1
    with pytest.raises(he.ParameterError, match=f"; {served} bits are served"):
        _built(1 << 10, scale_bits=48, precision_bits=served + 1)


@pytest.mark.parametrize("small_keys", [False, True])
@pytest.mark.parametrize("N", [1 << 15, 1 << 16])
def test_build__levels_above_a_refreshed_ciphertext_are_full_words(
    N: int, small_keys: bool
) -> None:
    """A second chain: disjoint from the first, with fewer primes than it at the level above."""
    params = he.CKKSParameters.build(
        6, scale_bits=30, N=N, bootstrap=he.Bootstrapping(precision_bits=10, small_keys=small_keys)
    )
    refreshed = Bootstrapper(params).output_level
    below, above = params.levels[refreshed], params.levels[refreshed + 1]
    assert not set(below.rows) & set(above.rows)
    assert above.limbs < below.limbs
    for level in range(refreshed + 1, params.max_level):
        assert params.levels[level + 1].holds(params.levels[level])
    for level in range(params.max_level + 1):
        bits = math.log2(params.modulus(level) * params.special_modulus(level))
        assert bits <= security.max_log_qp(N)
        largest = max(
            math.prod(params.primes(level)[row] for row in rows)
            for rows in params.digit_rows(level)
        )
        assert params.special_modulus(level) > largest
