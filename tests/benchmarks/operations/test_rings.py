"""The benchmark of large rings: what it counts, and that it measures every operation."""

from __future__ import annotations

import pytest

import ntt
from benchmarks.operations import ring_costs, rings
from benchmarks.operations.ring_costs import Cost, Rates, Shape
from benchmarks.operations.rings import RingCase

# N = 2^16, 28 limbs in four digits, seven special limbs.
SHAPE = Shape(28, 7, (7, 7, 7, 7))


def test_rotate__counts_by_hand() -> None:
    cost = ring_costs.rotate(SHAPE)
    # Each digit is raised to 28 other limbs; both parts are divided by P.
    assert cost.forward == 4 * 28 + 2 * 28
    assert cost.inverse == 28 + 2 * 7
    # Conversions from 7 limbs, the key, and divisions with 7 terms and their overflow.
    assert cost.products == 4 * 28 * 7 + 2 * 4 * 35 + 2 * 28 * 8
    operand, result, digits, key = 2 * 28, 2 * 28, 4 * 35, 2 * 4 * 35
    assert cost.rows == operand + result + 2 * digits + key + 2 * 2 * 35


def test_rescale__counts_by_hand() -> None:
    assert ring_costs.rescale(SHAPE) == Cost(2 * 27, 2, 2 * 27, 2 * (28 + 27))


def test_hoisted__shares_the_decomposition() -> None:
    one, many = ring_costs.hoisted(SHAPE, 1), ring_costs.hoisted(SHAPE, 8)
    assert one == ring_costs.rotate(SHAPE)
    assert 8 * (one.inverse - many.inverse) == 7 * SHAPE.limbs


def test_cost__times_at_rates() -> None:
    rates = Rates(forward_s=1.0, inverse_s=10.0, product_s=100.0, row_s=1000.0)
    cost = Cost(1, 2, 3, 4)
    assert cost.transforms_s(rates) == 21
    assert cost.products_s(rates) == 300
    assert cost.bytes_s(rates) == 4000


def test_run__has_a_row_for_every_operation() -> None:
    case = RingCase(1 << 10, 4, 2, insecure_reason="test")
    rows = rings.run([case], seconds=0.01)
    assert [row.operation for row in rows] == ["rescale", "rotate", "rotate, one of 8", "multiply"]
    for row in rows:
        assert (row.N, row.limbs, row.dnum, row.threads) == (1 << 10, 4, 2, 1)
        assert 0 < row.best_s <= row.median_s
        assert row.cost_s == pytest.approx(row.transforms_s + row.products_s + row.bytes_s)
        assert min(row.transforms_s, row.products_s, row.bytes_s) > 0
    assert ntt.get_threads() == ntt.machine_threads()
