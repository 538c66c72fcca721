"""Plans for exact integers: large enough, secure, or refused by name."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import nn
from he.errors import BatchingError
from nn.batched.integer_planner import (
    NoiseBudgetPlanningError,
    PlainModulusOverflowError,
    plan_integers,
)
from nn.batched.quantize import Square
from nn.inference.options import PlanOptions
from tests.nn.batched.samples import small_network


def test_plan__moduli_exceed_every_value_and_parameters_are_secure():
    network = small_network()
    plan = plan_integers(network)
    assert math.prod(params.t for params in plan.params) > 2 * network.max_abs
    assert all(params.security_estimate >= 128 for params in plan.params)
    assert len({params.N for params in plan.params}) == 1


def test_plan__numbers_of_digits_that_are_none_are_refused():
    for dnum in (0, -1, 31, 2.5, "2"):
        with pytest.raises(nn.PlanningError, match="from 1 to 30"):
            plan_integers(small_network(), PlanOptions(dnum=dnum))


def test_plan__plain_moduli_that_overflow_are_refused():
    network = small_network()
    chosen = tuple(params.t for params in plan_integers(network).params)
    assert plan_integers(network, PlanOptions(plain_moduli=chosen, N=8192)).params[0].t == chosen[0]
    for moduli in (chosen[:0], (65537,), (40961,)):
        with pytest.raises(PlainModulusOverflowError, match="bits are needed"):
            plan_integers(network, PlanOptions(plain_moduli=moduli))


@pytest.mark.parametrize(
    ("moduli", "words"),
    [
        ((65537,) * 5, "each of them once"),
        ((65537, -3), "whole numbers"),
        ((1 << 61, 65537), "whole numbers"),
        (("65537",), "whole numbers"),
        ((65537.5,), "whole numbers"),
    ],
)
def test_plan__what_is_no_set_of_plain_moduli_is_refused(moduli, words):
    with pytest.raises(nn.PlanningError, match=words):
        plan_integers(small_network(), PlanOptions(plain_moduli=moduli))


def test_plan__without_a_noise_budget_is_refused():
    network = small_network()
    deeper = replace(network, steps=network.steps + (Square(),) * 5)
    with pytest.raises(NoiseBudgetPlanningError, match="squares of integers"):
        plan_integers(deeper)
    with pytest.raises(NoiseBudgetPlanningError, match="larger N"):
        plan_integers(network, PlanOptions(N=1024))


def test_plan__plain_moduli_without_slots_are_refused():
    network = small_network()
    with pytest.raises(BatchingError, match="1 modulo"):
        plan_integers(network, PlanOptions(plain_moduli=((1 << 59) + 1,), N=16384))
