"""Networks that are too deep for their levels: plans that bootstrap, and their runs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import he
import nn
from he.trace import Tracer
from nn.approximation.replacement import Method, times_sign
from nn.approximation.samples import Samples
from nn.network.activation import Polynomial
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import Add, Layer, Linear
from nn.network.nonlinear import ScalarFunction
from nn.packed.bootstrap_facts import bootstrap_facts
from nn.packed.plan_picture import svg_picture, text_picture

REASON = "unit test"
OPTIONS = {"N": 512, "precision_bits": 3, "insecure_reason": REASON, "bootstrap": True}
IMAGES = 3


def deep_network(layers: int = 11, width: int = 8) -> Network:
    """Residual layers of degree 2 and 3, whose values are far above 1."""
    rng = np.random.default_rng(3)
    nodes: list[Node] = []

    def add(name: str, layer: Layer, *inputs: str) -> str:
        nodes.append(Node(name, layer, inputs))
        return name

    last = INPUT
    for k in range(layers):
        weight = rng.normal(size=(width, width)) / np.sqrt(width)
        if k == 0:
            weight *= 8
        inner = add(f"fc{k}", Linear(weight, rng.normal(size=width)), last)
        powers = [0.0, 0.7, 0.02] if k % 2 else [0.1, 0.6, 0.0, 0.001]
        inner = add(f"act{k}", Polynomial(powers), inner)
        last = add(f"add{k}", Add(), inner, last) if k % 3 == 2 else inner
    add("out", Linear(rng.normal(size=(3, width)) / np.sqrt(width), np.zeros(3)), last)
    network = Network("deep", (width,), tuple(nodes), (-1.0, 1.0))
    return network.calibrated(rng.uniform(-1, 1, (64, width)))


@pytest.fixture(scope="module")
def network() -> Network:
    return deep_network()


@pytest.fixture(scope="module")
def plan(network: Network) -> nn.InferencePlan:
    with pytest.MonkeyPatch.context() as patch:
        # Insecure rings hold any number of levels, so few are allowed.
        patch.setattr("nn.packed.bootstrap_planner.MOST_DEPTH", 4)
        return nn.compile(network, **OPTIONS)


@pytest.fixture(scope="module")
def run(network: Network, plan: nn.InferencePlan) -> tuple[nn.AnyClient, he.EvaluationKeys, object]:
    client = nn.Client(plan)
    return client, client.evaluation_keys(), client.encrypt(images_of(network))


def images_of(network: Network) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (IMAGES, *network.input_shape))


def test_bootstraps__answers_are_within_the_prediction(network, plan, run) -> None:
    client, keys, batch = run
    assert plan.bootstraps >= 1
    answer = nn.Server(plan, network, keys).run(batch)
    error = np.abs(client.decrypt(answer) - network(images_of(network)))
    assert (error <= plan.predicted_error).all()
    # A bound covers seven deviations and the worst of the calibration images; these are three.
    assert plan.predicted_error.max() <= 1000 * error.max()


def test_bootstraps__a_plan_from_bytes_gives_the_same_bits(network, plan, run) -> None:
    _, keys, batch = run
    stored = plan.to_bytes()
    read = nn.read_plan(stored, insecure_reason=REASON)
    assert read.to_bytes() == stored
    assert read.id == plan.id
    assert (read.bootstraps, read.input_level) == (plan.bootstraps, plan.input_level)
    octets = keys.to_bytes()
    first, second = (nn.Server(given, network, octets).run(batch) for given in (plan, read))
    for mine, its in zip(first.ciphertexts, second.ciphertexts, strict=True):
        assert (mine.data == its.data).all()


def test_bootstraps__keys_are_those_of_the_network_and_of_the_bootstrap(network, plan) -> None:
    facts = bootstrap_facts(plan.params)
    united = he.KeyNeeds.union([plan.needs, facts.needs]).without_served(plan.params)
    assert united == plan.needs
    fewer = he.KeyNeeds(
        plan.needs.relinearization,
        {element: level for element, level in plan.needs.galois.items() if element > 0},
        plan.needs.lower,
    )
    if fewer != plan.needs:
        generator = he.KeyGenerator(plan.params)
        lacking = generator.evaluation_keys(generator.secret_key(), fewer)
        with pytest.raises(he.MissingKeyError):
            nn.Server(plan, network, lacking)


def test_bootstraps__failures_add_up(plan) -> None:
    facts = bootstrap_facts(plan.params)
    added = plan.bootstraps * facts.failure_probability
    assert plan.failure_probability == 2.0**-40 + added
    assert f"2^{math.log2(added):.0f}" in plan.report()


def test_bootstraps__pictures_show_them(plan) -> None:
    names = [stage.name for stage in plan.stages if stage.kind == "bootstrap"]
    text, svg = text_picture(plan), svg_picture(plan)
    assert f"{plan.bootstraps} bootstrap" in text
    assert f"{plan.bootstraps} bootstrap" in plan.report()
    for name in names:
        assert name in text
        assert name[:24] in svg


def test_bootstraps__the_trace_of_a_plan_is_that_of_a_run(network, plan, run) -> None:
    _, keys, batch = run
    tracer = Tracer(plan.params, network.name)
    one = nn.EncryptedBatch(batch.ciphertexts[: batch.per_image], batch.per_image)
    nn.PackedServer(plan, network, keys, tracer=tracer).run(one)
    assert plan.trace() == tracer.trace()
    read = nn.read_plan(plan.to_bytes(), insecure_reason=REASON)
    assert read.trace(network) == tracer.trace()


def test_bootstraps__progress_names_each(network, plan, run) -> None:
    _, keys, batch = run
    seen = []

    class Progress:
        def start(self, stage: str) -> None:
            seen.append(stage)

        def advance(self) -> None:
            pass

        def done(self, level: int) -> None:
            pass

    nn.Server(plan, network, keys).run(batch, progress=Progress())
    assert seen == [stage.name for stage in plan.stages]


@pytest.mark.parametrize(
    ("place", "value"), [("level_in", 0), ("level_out", 1), ("diagonals", 3), ("rotations", -1)]
)
def test_read_plan__refuses_bootstraps_that_parameters_have_not(plan, place, value) -> None:
    stages = tuple(
        replace(stage, **{place: value}) if stage.kind == "bootstrap" else stage
        for stage in plan.stages
    )
    altered = replace(plan, stages=stages)
    with pytest.raises(he.SerializationError):
        nn.read_plan(altered.to_bytes(), insecure_reason=REASON)


def relu_network() -> tuple[Network, Network]:
    """Two ReLUs, and the same with x sign(x) in their place, whose factors take 4 and 5 levels."""
    rng = np.random.default_rng(4)
    sign = Method(bits=8.0).sign
    samples = Samples(np.array([-4.0]), np.array([4.0]), np.zeros((1, 1)))
    exact: list[Node] = []
    made: list[Node] = []
    last = INPUT
    for k in range(2):
        weights = rng.normal(size=(8, 8)) / 3, rng.normal(size=8) / 4
        linear = Node(f"fc{k}", Linear(*weights), (last,))
        last = f"relu{k}"
        exact += [linear, Node(last, ScalarFunction("relu"), (linear.name,))]
        made += [linear, *times_sign(last, linear.name, (0.5, 0.5), sign, samples).nodes]
    out = Node("out", Linear(rng.normal(size=(3, 8)), np.zeros(3)), (last,))
    networks = [Network("relu", (8,), (*nodes, out), (-1.0, 1.0)) for nodes in (exact, made)]
    return networks[0], networks[1].calibrated(rng.uniform(-1, 1, (64, 8)))


def test_bootstraps__between_the_factors_of_a_composite_sign(monkeypatch) -> None:
    monkeypatch.setattr("nn.packed.bootstrap_planner.MOST_DEPTH", 6)
    exact, network = relu_network()
    plan = nn.compile(network, **OPTIONS)
    refreshed = {stage.name for stage in plan.stages if stage.kind == "bootstrap"}
    assert refreshed & {f"relu{k}.sign1:bootstrap" for k in range(2)}
    client = nn.Client(plan)
    images = images_of(network)
    server = nn.Server(plan, network, client.evaluation_keys())
    logits = client.decrypt(server.run(client.encrypt(images)))
    assert (np.abs(logits - network(images)) <= plan.predicted_error).all()
    # Eight bits of a range of 4 in each ReLU, times the weights behind it.
    assert np.abs(logits - exact(images)).max() < 0.25


def test_read_plan__refuses_a_plan_whose_bootstraps_are_left_out(plan) -> None:
    stages = tuple(stage for stage in plan.stages if stage.kind != "bootstrap")
    with pytest.raises(he.SerializationError):
        nn.read_plan(replace(plan, stages=stages).to_bytes(), insecure_reason=REASON)


def test_compile__no_bootstrap_where_none_is_needed(network) -> None:
    shallow = deep_network(layers=1)
    plan = nn.compile(shallow, **OPTIONS)
    assert plan.bootstraps == 0
    assert plan.params.bootstrap is None


def test_compile__says_which_stage_is_too_deep(network, monkeypatch) -> None:
    monkeypatch.setattr("nn.packed.bootstrap_planner.MOST_DEPTH", 1)
    with pytest.raises(nn.PlanningError, match=r"'act0' takes 2 levels"):
        nn.compile(network, **OPTIONS)


def test_compile__bootstraps_need_the_packed_layout(network) -> None:
    with pytest.raises(nn.PlanningError, match="packed"):
        nn.compile(network, layout="batched", bootstrap=True)
    with pytest.raises(nn.PlanningError, match="dnum"):
        nn.compile(network, dnum=2, bootstrap=True, N=512, insecure_reason=REASON)
    with pytest.raises(he.WrongObjectError, match="bootstrap"):
        nn.compile(network, bootstrap="yes")
