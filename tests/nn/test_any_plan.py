"""`nn.Client`, `nn.Server` and `nn.read_plan` for plans of every kind."""

from __future__ import annotations

import numpy as np
import pytest

import he
import nn
from he.trace import Tracer
from tests.nn.networks import Builder

REASON = "unit test"
KINDS = ["packed", "batched", "integers"]
CLIENTS = {"packed": nn.PackedClient, "batched": nn.BatchedClient, "integers": nn.BatchedClient}
SERVERS = {"packed": nn.PackedServer, "batched": nn.BatchedServer, "integers": nn.BatchedServer}


def network() -> nn.Network:
    builder = Builder((1, 3, 3), 1)
    builder.linear(4)
    builder.add(nn.Polynomial([0, 0, 1]))
    builder.linear(2)
    return nn.Network("small", (1, 3, 3), tuple(builder.nodes))


def compiled(kind: str) -> nn.InferencePlan | nn.BatchedPlan:
    options = {"N": 64, "insecure_reason": REASON}
    if kind == "integers":
        return nn.compile(network(), scheme="bfv", **options)
    return nn.compile(network(), layout=kind, precision_bits=0, **options)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def plan(kind: str) -> nn.InferencePlan | nn.BatchedPlan:
    return compiled(kind)


def test_client_and_server__are_those_of_the_plan(kind, plan):
    client = nn.Client(plan)
    server = nn.Server(plan, network(), client.evaluation_keys())
    assert type(client) is CLIENTS[kind]
    assert type(server) is SERVERS[kind]
    assert client.plan is server.plan is plan


def test_isinstance__holds_for_clients_and_servers_of_every_kind(plan):
    client = nn.Client(plan)
    server = nn.Server(plan, network(), client.evaluation_keys())
    assert isinstance(client, nn.Client)
    assert isinstance(client, nn.AnyClient)
    assert isinstance(server, nn.Server)
    assert isinstance(server, nn.AnyServer)
    for other, kinds in ((client, nn.Server), (server, nn.Client), (plan, nn.Client)):
        assert not isinstance(other, kinds)


def test_run__only_bytes_travel(plan):
    """The same calls for every kind, and nothing but bytes between the two sides."""
    images = np.random.default_rng(1).random((3, 1, 3, 3))
    client = nn.Client(plan)
    keys = client.evaluation_keys()
    sent = [key.to_bytes() for key in keys] if isinstance(keys, list) else keys.to_bytes()
    server = nn.Server(plan, network(), sent)
    answer = server.run(client.encrypt(images).to_bytes()).to_bytes()
    logits = client.decrypt(answer)
    again = nn.Client(plan, client.secret_key_bytes())
    assert logits.shape == (3, 2)
    assert (again.decrypt(answer) == logits).all()


def test_read_plan__gives_the_same_plan(plan):
    read = nn.read_plan(plan.to_bytes(), insecure_reason=REASON)
    assert type(read) is type(plan)
    assert read.to_bytes() == plan.to_bytes()


def test_read_plan__an_insecure_plan_needs_words(plan):
    with pytest.raises(he.InsecureParametersError):
        nn.read_plan(plan.to_bytes())
    with pytest.raises(he.InsecureParametersError):
        nn.Client(plan.to_bytes())
    with pytest.raises(he.InsecureParametersError):
        nn.Server(plan.to_bytes(), network(), b"")


@pytest.mark.parametrize(
    ("options", "kind"),
    [({}, "packed"), ({"layout": "batched"}, "batched"), ({"scheme": "bfv"}, "integers")],
)
def test_client__takes_the_bytes_of_secure_plans(options, kind):
    plan = nn.compile(nn.zoo.load("mnist"), **options)
    client = nn.Client(plan.to_bytes())
    assert type(client) is CLIENTS[kind]
    assert client.plan.params == plan.params


def test_read_plan__refuses_other_bytes(plan):
    data = plan.to_bytes()
    for other in (b"", data[:20], data[:-1], data + b"0", b"x" + data):
        with pytest.raises(he.SerializationError):
            nn.read_plan(other)
    params = plan.params if isinstance(plan, nn.InferencePlan) else plan.params[0]
    with pytest.raises(he.ForeignBytesError, match="plan"):
        nn.read_plan(params.to_bytes())


@pytest.mark.parametrize("other", [None, 3, "plan", network()], ids=lambda x: type(x).__name__)
def test_client_and_server__refuse_what_is_no_plan(other):
    with pytest.raises(nn.NetworkError, match=r"a plan of nn\.compile"):
        nn.Client(other)
    with pytest.raises(nn.NetworkError, match=r"a plan of nn\.compile"):
        nn.Server(other, network(), b"")


def test_server__traces_the_packed_layout_alone():
    plan = compiled("batched")
    tracer = Tracer(compiled("packed").params)
    keys = nn.Client(plan).evaluation_keys()
    with pytest.raises(nn.NetworkError, match="packed layout"):
        nn.Server(plan, network(), keys, tracer=tracer)


@pytest.mark.parametrize("option", ["memory_bytes", "weights_folder"])
def test_server__keeps_weights_of_the_packed_layout_alone(option, tmp_path):
    values = {"memory_bytes": 1 << 30, "weights_folder": tmp_path}
    plan = compiled("batched")
    keys = nn.Client(plan).evaluation_keys()
    with pytest.raises(nn.NetworkError, match="packed layout only"):
        nn.Server(plan, network(), keys, **{option: values[option]})
    plan = compiled("packed")
    keys = nn.Client(plan).evaluation_keys()
    assert isinstance(nn.Server(plan, network(), keys, **{option: values[option]}), nn.Server)


def test_sides_of_one_kind__refuse_plans_of_the_other():
    packed, batched = compiled("packed"), compiled("batched")
    for make in (nn.PackedClient, lambda plan: nn.PackedServer(plan, network(), b"")):
        with pytest.raises(nn.NetworkError, match="packed plan is needed"):
            make(batched)
    for make in (nn.BatchedClient, lambda plan: nn.BatchedServer(plan, network(), [])):
        with pytest.raises(nn.NetworkError, match="batched plan is needed"):
            make(packed)
