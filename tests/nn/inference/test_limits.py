"""What a client does for a plan at most."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import he
import nn
from he.rlwe.rns import context
from nn.errors import LimitError
from nn.inference.limits import DEFAULT_LIMITS
from nn.packed.layout import TensorLayout
from ntt.modulus import find_primes
from tests.nn.networks import Builder

REASON = "unit test"
KINDS = ["packed", "batched", "integers"]


def network() -> nn.Network:
    builder = Builder((1, 3, 3), 1)
    builder.linear(4)
    builder.add(nn.Polynomial([0, 0, 1]))
    builder.linear(2)
    return nn.Network("small", (1, 3, 3), tuple(builder.nodes))


def compiled(kind: str, N: int = 64) -> nn.InferencePlan | nn.BatchedPlan:
    options: dict[str, Any] = {"N": N, "insecure_reason": REASON}
    if kind == "integers":
        return nn.compile(network(), scheme="bfv", **options)
    return nn.compile(network(), layout=kind, precision_bits=0, **options)


@pytest.fixture(scope="module", params=KINDS)
def plan(request: pytest.FixtureRequest) -> nn.InferencePlan | nn.BatchedPlan:
    return compiled(request.param)


def client_tables(params: Any) -> int:
    """The bytes of the twiddles of every prime: powers of a root and of its inverse, each with its
    companion."""
    tables = context(params).tables
    rows = tables.for_word(52)
    assert len(rows) == len(params.q + params.p)
    return len(rows) * 4 * params.N * rows.itemsize


def needed(plan: nn.InferencePlan | nn.BatchedPlan) -> dict[str, int]:
    """What a client really makes for the plan."""
    client = nn.Client(plan)
    batch = client.encrypt(np.zeros((1, 1, 3, 3)))
    answer = nn.Server(plan, network(), client.evaluation_keys()).run(batch)
    keys: Any = client.evaluation_keys()
    ciphertexts = 2 * 8 * plan.parameter_sets[0].N * plan.parameter_sets[0].levels[-1].limbs
    count = max(len(getattr(x, "ciphertexts", ())) or x.elements for x in (batch, answer))
    return {
        "N": plan.parameter_sets[0].N,
        "ciphertext_bytes": ciphertexts,
        "request_bytes": ciphertexts * count * len(plan.parameter_sets),
        "table_bytes": sum(
            (client_tables(params) + 8 * params.N * len(params.q + params.p))
            for params in plan.parameter_sets
        ),
        "key_bytes": sum(len(k.to_bytes()) for k in (keys if isinstance(keys, list) else [keys])),
    }


def test_limits__hold_at_what_a_plan_needs_and_refuse_one_less(plan) -> None:
    exact = needed(plan)
    nn.Client(plan, limits=nn.Limits(**exact))
    for name, number in exact.items():
        with pytest.raises(LimitError, match=rf"limits=nn\.Limits\({name}={number}\)"):
            nn.Client(plan, limits=nn.Limits(**{**exact, name: number - 1}))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("options", [{}, {"layout": "batched"}, {"scheme": "bfv"}], ids=str)
def test_limits__by_default_hold_the_zoo(name: str, options: dict[str, Any]) -> None:
    DEFAULT_LIMITS.check(nn.compile(nn.zoo.load(name), **options))


def huge(galois: int, ciphertexts: int) -> nn.InferencePlan:
    """The bytes of a small plan that is well-formed and asks for a lot."""
    small, N, limbs = compiled("packed"), 1 << 16, 24
    q = find_primes(50, N, limbs)
    scales = (2.0**45,) * limbs
    params = he.CKKSParameters(
        N=N, q=q, p=find_primes(49, N, limbs), digit_limbs=1, scales=scales,
        insecure_reason=REASON,
    )  # fmt: skip
    slots, top = N // 2, limbs - 1
    spread = np.arange(ciphertexts, dtype=np.int64) * slots
    affine = replace(
        small.stages[0],
        level_in=top,
        level_out=top - 1,
        rotations=galois,
        ciphertexts=1,
        predicted_error=1e-3,
    )
    return replace(
        small,
        params=params,
        input_layout=TensorLayout((ciphertexts,), slots, ciphertexts, slots, spread),
        output_layout=TensorLayout((2,), slots, 1, slots, np.arange(2)),
        stages=(affine,),
        needs=he.KeyNeeds(None, {2 * k + 1: top for k in range(galois)}),
        predicted_error=np.ones(2),
    )


@pytest.mark.parametrize(
    ("galois", "ciphertexts", "limit"),
    [(500, 1, "key_bytes"), (1, 1000, "request_bytes")],
)
def test_limits__a_few_kilobytes_that_ask_for_gigabytes_are_refused_at_once(
    galois: int, ciphertexts: int, limit: str
) -> None:
    data = huge(galois, ciphertexts).to_bytes()
    assert len(data) < 30_000
    plan = nn.read_plan(data, insecure_reason=REASON)
    begin = time.perf_counter()
    with pytest.raises(LimitError, match=limit):
        nn.Client(plan)
    assert time.perf_counter() - begin < 1


def test_limits__the_largest_ring_is_for_who_asks(plan) -> None:
    with pytest.raises(LimitError, match="degree 64"):
        nn.Client(plan, limits=nn.Limits(N=32))


@pytest.mark.parametrize("number", [0, -1, 1.5, "8", None, True, float("inf")])
def test_limits__are_whole_numbers(number: Any) -> None:
    for name in ("N", "ciphertext_bytes", "request_bytes", "key_bytes"):
        with pytest.raises(he.ParameterError, match=name):
            nn.Limits(**{name: number})
    assert nn.Limits(N=np.int64(64)) == nn.Limits(N=64)


@pytest.mark.parametrize("limits", [None, 8, {"N": 8}, nn.Limits])
def test_client__takes_limits_alone(plan, limits: Any) -> None:
    with pytest.raises(he.WrongObjectError, match="limits"):
        nn.Client(plan, limits=limits)
