"""The limits of a transform: counts as by hand, and below every measurement."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import ntt
from benchmarks.operations import transform_limits, transforms


@pytest.mark.parametrize(
    ("lanes", "N", "row_passes", "block_passes"),
    [
        # 8 lanes, 9 stages outside registers: one alone, four pairs, the registers.
        (8, 1 << 12, 1, 5),
        # 13 stages: one and a pair on 2^16 words leave blocks of 2^13, another pair of 2^11.
        (8, 1 << 16, 3, 5),
        # 10 stages outside registers: a pair on the row leaves blocks of 2^11.
        (8, 1 << 13, 1, 5),
        (4, 1 << 12, 0, 6),
    ],
)
def test_passes__as_counted_by_hand(
    monkeypatch: pytest.MonkeyPatch, lanes: int, N: int, row_passes: int, block_passes: int
) -> None:
    port = SimpleNamespace(PER_STEP=8 * lanes)
    monkeypatch.setattr(transform_limits, "_port", lambda backend: port)
    assert transform_limits.passes("fma", N) == (row_passes, block_passes)


def test_passes__of_scalar_join_the_last_two_stages() -> None:
    assert transform_limits.passes("scalar", 1 << 12) == (11, 0)


@pytest.mark.parametrize("backend", ntt.available_backends())
def test_limit__is_below_what_is_measured(backend: str) -> None:
    (forward, inverse) = transforms.run([1 << 13], [backend], seconds=0.2)
    bound = transform_limits.limit(backend, 1 << 13)
    assert bound.ns == max(bound.multiply_ns, bound.traffic_ns)
    # Half of it: both are measured, on a machine that may do other work at the time.
    assert bound.ns / 2 < min(forward.best_ns_per_butterfly, inverse.best_ns_per_butterfly)
