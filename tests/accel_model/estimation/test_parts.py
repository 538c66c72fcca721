"""Layers and kinds of operations of a real run: their shares add up."""

from __future__ import annotations

import pytest

from accel_model.estimation.parts import _covered
from accel_model.estimation.schedule import KINDS


# Sums of the same floats in other orders: a few units in the last place each.
def exactly(value: float) -> object:
    return pytest.approx(value, rel=1e-12)


def test_parts__add_up_to_the_whole(case):
    _, _, result = case
    for parts in (result.layers, result.operations):
        assert sum(part.time_s for part in parts) == exactly(result.time_s)
        assert sum(part.energy.total_j for part in parts) == exactly(result.energy.total_j)
        for name in ("arithmetic_j", "memory_j", "external_j", "leakage_j"):
            whole = getattr(result.energy, name)
            assert sum(getattr(part.energy, name) for part in parts) == exactly(whole)
        for kind in KINDS:
            busy = sum(part.busy_s[kind] for part in parts)
            assert busy == exactly(result.utilisation[kind] * result.time_s)
    assert [part.name for part in result.layers][-1] == "output"


def test_parts__bound_and_bottleneck_are_those_of_the_busiest_unit(case):
    _, _, result = case
    for part in (*result.layers, *result.operations):
        assert part.busy_s[part.bottleneck] == part.ideal_s == max(part.busy_s.values())
        # Every unit of a kind works inside the span, so it holds at least its share.
        assert part.ideal_s <= part.span_s * (1 + 1e-12)
        assert part.span_s <= result.time_s * (1 + 1e-12)


@pytest.mark.parametrize(
    ("spans", "length"),
    [([], 0), ([(1, 3)], 2), ([(4, 5), (1, 3)], 3), ([(1, 3), (2, 6), (3, 4)], 5)],
)
def test_covered__counts_no_time_twice(spans, length):
    assert _covered(spans) == length
