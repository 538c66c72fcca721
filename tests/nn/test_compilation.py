"""`nn.compile`: plans of every kind, and options that cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nn
from nn import zoo
from nn.batched.integer_planner import PlainModulusOverflowError
from nn.batched.quantize import quantize
from tests.nn.samples import strided


def test_compile__refuses_what_cannot_be():
    rng = np.random.default_rng(2)
    network = strided(rng)
    with pytest.raises(nn.PlanningError, match="128-bit"):
        nn.compile(network, N=1024)
    with pytest.raises(nn.PlanningError, match="power of two"):
        nn.compile(network, N=5000)
    with pytest.raises(nn.PlanningError, match="from 1 to 4"):
        nn.compile(network, N=16384, dnum=9)
    with pytest.raises(nn.PlanningError, match="bits of the largest logit"):
        nn.compile(network, N=16384, precision_bits=60)


def test_compile__zoo_plans_before_any_key_exists():
    plan = nn.compile(nn.zoo.load("mnist"))
    assert plan.params.N == 8192
    assert plan.params.security_estimate >= 128
    assert plan.depth == 5
    assert plan.evaluation_key_bytes <= 100_000_000
    assert "conv1" in plan.report()


@pytest.mark.parametrize("N", [8192, 16384, 32768])
def test_compile__every_prime_suits_the_fast_backends(N):
    params = nn.compile(nn.zoo.load("mnist"), N=N).params
    assert max(params.q + params.p) < 1 << 50


def test_compile__bfv_plans_the_quantized_network():
    network = zoo.load("mnist")
    plan = nn.compile(network, scheme="bfv")
    quantized = quantize(network)
    assert plan.images == 8192
    assert (plan.inputs, plan.outputs) == (784, 10)
    assert math.prod(params.t for params in plan.params) > 2 * quantized.max_abs
    with pytest.raises(PlainModulusOverflowError):
        nn.compile(network, scheme="bfv", plain_moduli=[1073692673])


def test_compile__options_that_contradict_each_other_are_refused():
    network = zoo.load("mnist")
    for options, words in (
        ({"scheme": "bfv", "precision_bits": 6.0}, "exact"),
        ({"scheme": "bfv", "layout": "packed"}, "possible"),
        ({"scheme": "bgv"}, "possible"),
        ({"input_bits": 3}, "integers"),
    ):
        with pytest.raises(nn.PlanningError, match=words):
            nn.compile(network, **options)
