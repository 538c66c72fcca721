"""`nn.compile`: plans of every kind, and options that cannot be."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import he
import nn
from nn import zoo
from nn.batched.integer_planner import PlainModulusOverflowError
from nn.batched.quantize import quantize
from tests.nn.samples import strided

REASON = "unit test"


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


@pytest.mark.parametrize("layout", ["packed", "batched"])
def test_compile__primes_of_short_words(layout):
    """For machines of 28 bits: the same ring and precision, and answers as predicted."""
    network = strided(np.random.default_rng(2))
    images = np.random.default_rng(3).uniform(0, 1, (3, *network.input_shape))
    network = network.calibrated(images)
    options = {"N": 256, "insecure_reason": REASON, "layout": layout}
    plan = nn.compile(network, word_bits=28, **options)
    sets = plan.params if layout == "batched" else (plan.params,)
    assert max(q for params in sets for q in params.q + params.p) < 1 << 28
    assert abs(plan.predicted_bits - nn.compile(network, **options).predicted_bits) < 4
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    logits = client.decrypt(server.run(client.encrypt(images)))
    expected = network(images).reshape(logits.shape)
    assert (np.abs(logits - expected) <= plan.predicted_error).all()


def test_compile__words_that_cannot_be():
    network = strided(np.random.default_rng(2))
    for bits in (15, 62):
        with pytest.raises(he.ParameterError, match=f"word_bits = {bits}: it must be from 16 to"):
            nn.compile(network, word_bits=bits)
    with pytest.raises(nn.PlanningError, match="word_bits = 28 and dnum = 2: levels of"):
        nn.compile(network, word_bits=28, dnum=2)
    with pytest.raises(nn.PlanningError, match="word_bits = 28: only scheme='ckks'"):
        nn.compile(network, scheme="bfv", word_bits=28)
    with pytest.raises(nn.PlanningError, match="bootstraps chooses its primes"):
        nn.compile(network, word_bits=28, bootstrap=True)
    with pytest.raises(nn.PlanningError, match="in words of 16 bits: use a larger N"):
        nn.compile(network, word_bits=16)


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


@pytest.mark.parametrize("layout", ["packed", "batched"])
def test_compile__warns_of_a_network_without_statistics(layout: str) -> None:
    network = strided(np.random.default_rng(1))
    options = {"layout": layout, "N": 256, "insecure_reason": REASON}
    with pytest.warns(nn.UncalibratedWarning, match="relative to the interval bound") as caught:
        plan = nn.compile(network, **options)
    assert [warning.filename for warning in caught] == [__file__]
    assert not plan.calibrated
    assert np.array_equal(plan.predicted_error, plan.worst_case_error)
    images = np.random.default_rng(2).uniform(0, 1, (20, 1, 8, 8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calibrated = nn.compile(network.calibrated(images), **options)
    assert calibrated.calibrated
    assert calibrated.largest_logit < plan.largest_logit
    for made, word in ((plan, "no statistics"), (calibrated, "of the largest logit")):
        if isinstance(made, nn.InferencePlan):
            assert word in made.report()


def test_compile__says_what_the_best_precision_is_relative_to() -> None:
    network = strided(np.random.default_rng(1))
    options = {"N": 256, "insecure_reason": REASON, "precision_bits": 60}
    with pytest.raises(nn.PlanningError, match="no statistics: relative to the interval bound"):
        nn.compile(network, **options)
    calibrated = network.calibrated(np.ones((2, 1, 8, 8)))
    with pytest.raises(nn.PlanningError, match="bits of the largest logit, 60"):
        nn.compile(calibrated, **options)


def test_compile__of_a_network_that_answers_0_is_refused() -> None:
    nodes = (nn.Node("fc", nn.Linear(np.zeros((2, 3)), np.zeros(2)), ("input",)),)
    network = nn.Network("nothing", (3,), nodes).calibrated(np.ones((2, 3)))
    with pytest.raises(nn.PlanningError, match="predicts -inf bits"):
        nn.compile(network, N=256, insecure_reason=REASON)
