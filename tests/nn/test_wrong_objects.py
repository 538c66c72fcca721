"""The wrong object in every public call of `nn`: a named error, never an accident inside."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from he.errors import HEError
from nn.batched.quantize import quantize
from ntt.errors import ArithmeticLayerError
from tests.nn.networks import Builder

Call = Callable[[Any], object]
OPTIONS: dict[str, Any] = {"N": 64, "insecure_reason": "unit test"}
REALS = OPTIONS | {"precision_bits": 0}
KINDS = ["packed", "batched", "integers"]
NAMED = (nn.NetworkError, HEError, ArithmeticLayerError, FileNotFoundError)
IMAGES = np.random.default_rng(1).random((2, 1, 3, 3))
W, B, MATRIX = np.ones((2, 1, 2, 2)), np.zeros(2), np.ones((2, 2))
NORM = {"mean": B, "variance": B + 1, "gamma": B, "beta": B}


@functools.cache
def network() -> nn.Network:
    builder = Builder((1, 3, 3), 1)
    builder.linear(4)
    builder.add(nn.Polynomial([0, 0, 1]))
    builder.linear(3)
    return nn.Network("small", (1, 3, 3), tuple(builder.nodes))


class Session:
    """A plan of one kind with a client, a server, images and an answer."""

    def __init__(self, kind: str) -> None:
        wanted = {
            "packed": REALS, "batched": REALS | {"layout": "batched"},
            "integers": OPTIONS | {"scheme": "bfv"},
        }  # fmt: skip
        self.plan: Any = nn.compile(network(), **wanted[kind])
        self.client: Any = nn.Client(self.plan)
        self.keys: Any = self.client.evaluation_keys()
        self.server: Any = nn.Server(self.plan, network(), self.keys)
        self.images: Any = self.client.encrypt(IMAGES)
        self.answer: Any = self.server.run(self.images)
        packed = kind == "packed"
        self.own_client: Any = nn.PackedClient if packed else nn.BatchedClient
        self.own_server: Any = nn.PackedServer if packed else nn.BatchedServer


session = functools.cache(Session)


def wrong_objects() -> dict[str, Any]:
    """Objects of all kinds; whatever a call takes of them, it may take."""
    found: dict[str, Any] = {
        "None": None, "str": "text", "bytes": b"bytes", "bytearray": bytearray(b"x"),
        "view": memoryview(b"x"), "int": 3, "negative": -1, "huge": 1 << 70, "float": 1.5,
        "NaN": np.nan, "bool": True, "object": object(), "list": [], "list of None": [None],
        "tuple": (1, 2), "dict": {"a": 1}, "array": np.zeros(3), "array of text": np.array(["a"]),
        "class": nn.Linear, "function": len, "network": network(), "layer": nn.Flatten(),
        "parameters": session("packed").plan.params, "limits": nn.Limits(),
    }  # fmt: skip
    for kind in KINDS:
        one = session(kind)
        for name in ("plan", "client", "server", "keys", "images", "answer"):
            found[f"{name} {kind}"] = getattr(one, name)
        found[f"plan bytes {kind}"] = one.plan.to_bytes()
        found[f"image bytes {kind}"] = one.images.to_bytes()
    return found


def calls_of_sessions() -> dict[str, Call]:
    calls: dict[str, Call] = {}
    net = network()
    for kind in KINDS:
        one = session(kind)
        plan, client, server = one.plan, one.client, one.server
        calls |= {
            f"{kind}: Client(plan, x)": functools.partial(nn.Client, plan),
            f"{kind}: Client(limits=x)": lambda x, plan=plan: nn.Client(plan, limits=x),
            f"{kind}: own Client(x)": one.own_client,
            f"{kind}: own Server(x, ..)": lambda x, one=one: one.own_server(x, net, one.keys),
            f"{kind}: Server(plan, x, ..)": lambda x, one=one: nn.Server(one.plan, x, one.keys),
            f"{kind}: Server(plan, network, x)": functools.partial(nn.Server, plan, net),
            f"{kind}: Server(plan, network, [x])": lambda x, plan=plan: nn.Server(plan, net, [x]),
            f"{kind}: Server(most_images=x)": lambda x, one=one: nn.Server(
                one.plan, net, one.keys, most_images=x
            ),
            f"{kind}: Server(memory_bytes=x)": lambda x, one=one: nn.Server(
                one.plan, net, one.keys, memory_bytes=x
            ),
            f"{kind}: encrypt": client.encrypt,
            f"{kind}: decrypt": client.decrypt,
            f"{kind}: decrypt(request=x)": lambda x, one=one: one.client.decrypt(
                one.answer, request=x
            ),
            f"{kind}: run": server.run,
            f"{kind}: run(threads=x)": lambda x, one=one: one.server.run(one.images, threads=x),
            f"{kind}: run(progress=x)": lambda x, one=one: one.server.run(one.images, progress=x),
            f"{kind}: publish": lambda x, one=one: one.client.publish(x, queries=1),
            **{f"{kind}: publish({name}=x)": lambda x, one=one, name=name: one.client.publish(
                one.answer, **({"queries": 1} | {name: x})
            ) for name in ("queries", "security_bits", "request")},
            f"{kind}: Server(tracer=x)": lambda x, one=one: nn.Server(
                one.plan, net, one.keys, tracer=x
            ),
            f"{kind}: Limits().check": nn.Limits().check,
        }
        if kind == "packed":
            continue
        tensor = one.images
        calls |= {
            f"{kind}: integers": client.integers,
            f"{kind}: encrypt(progress=x)": lambda x, one=one: one.client.encrypt(
                IMAGES, progress=x
            ),
            f"{kind}: Tensor.from_bytes(x, ..)": lambda x, plan=plan: nn.BatchedTensor.from_bytes(
                x, plan
            ),
            f"{kind}: Tensor.from_bytes(.., x)": functools.partial(
                nn.BatchedTensor.from_bytes, tensor.to_bytes()
            ),
            f"{kind}: Tensor(x, ..)": lambda x, t=tensor: nn.BatchedTensor(x, t.residues, 2, 0),
            f"{kind}: Tensor(.., x, 2)": lambda x, t=tensor: nn.BatchedTensor(t.params, x, 2, 0),
            f"{kind}: Tensor(.., x, level)": lambda x, t=tensor: nn.BatchedTensor(
                t.params, t.residues, x, t.level
            ),
            f"{kind}: Tensor(.., 2, x)": lambda x, t=tensor: nn.BatchedTensor(
                t.params, t.residues, 2, x
            ),
            f"{kind}: Tensor(ids=x)": lambda x, t=tensor: nn.BatchedTensor(
                t.params, t.residues, 2, t.level, ids=x
            ),
        }
    return calls


def calls_of_plans() -> dict[str, Call]:
    packed = session("packed")
    params, data, batch = packed.plan.params, packed.plan.to_bytes(), packed.images
    read = nn.EncryptedBatch.from_bytes
    return {
        "Client(x)": nn.Client,
        "Server(x, ..)": lambda x: nn.Server(x, network(), packed.keys),
        "read_plan(x)": nn.read_plan,
        "read_plan(insecure_reason=x)": lambda x: nn.read_plan(data, insecure_reason=x),
        "InferencePlan.from_bytes(x)": nn.InferencePlan.from_bytes,
        "EncryptedBatch(x, 1)": lambda x: nn.EncryptedBatch(x, 1),
        "EncryptedBatch(.., x)": lambda x: nn.EncryptedBatch(batch.ciphertexts, x),
        "EncryptedBatch(ids=x)": lambda x: nn.EncryptedBatch(batch.ciphertexts, 1, ids=x),
        "EncryptedBatch.from_bytes(x)": lambda x: read(x, params, 1),
        "EncryptedBatch.from_bytes(.., x, 1)": lambda x: read(batch.to_bytes(), x, 1),
        "EncryptedBatch.from_bytes(.., x)": lambda x: read(batch.to_bytes(), params, x),
        **{f"Limits({name}=x)": lambda x, name=name: nn.Limits(**{name: x})
           for name in ("N", "ciphertext_bytes", "request_bytes", "table_bytes", "key_bytes")},
    }  # fmt: skip


def calls_of_compile() -> dict[str, Call]:
    ways = {
        "packed": REALS, "batched": REALS | {"layout": "batched"},
        "integers": OPTIONS | {"scheme": "bfv"},
    }  # fmt: skip
    calls: dict[str, Call] = {}
    for kind, given in ways.items():
        calls[f"compile(x) {kind}"] = lambda x, given=given: nn.compile(x, **given)
        own = ("input_bits", "weight_bits", "plain_moduli")
        names = ["security_bits", "N", "dnum", "insecure_reason", "scheme", "layout"]
        for name in (*names, *(own if kind == "integers" else ("precision_bits", "word_bits"))):
            calls[f"compile({name}=x) {kind}"] = lambda x, given=given, name=name: nn.compile(
                network(), **(given | {name: x})
            )
    return calls


def calls_of_networks() -> dict[str, Call]:
    net, nodes, flat = network(), network().nodes, nn.Flatten()
    shape = (1, 3, 3)
    return {
        "save(x, path)": lambda x: nn.save(x, "network.npz"),
        "save(network, x)": lambda x: nn.save(net, x),
        "load": nn.load,
        "fold_batch_norms": nn.fold_batch_norms,
        "quantize": quantize,
        "zoo.load": nn.zoo.load,
        "zoo.test_images": nn.zoo.test_images,
        "zoo.class_names": nn.zoo.class_names,
        "network(x)": net,
        "values": net.values,
        "calibrated": net.calibrated,
        "check_range": net.check_range,
        "node": net.node,
        "consumers": net.consumers,
        "Network(x, ..)": lambda x: nn.Network(x, shape, nodes),
        "Network(input_shape)": lambda x: nn.Network("a", x, nodes),
        "Network(nodes)": lambda x: nn.Network("a", shape, x),
        "Network([node])": lambda x: nn.Network("a", shape, [x]),
        "Network(input_range)": lambda x: nn.Network("a", shape, nodes, x),
        "Network(statistics)": lambda x: nn.Network("a", shape, nodes, (0.0, 1.0), x),
        "Network(statistics of x)": lambda x: nn.Network(
            "a", shape, nodes, (0.0, 1.0), dict.fromkeys(net.shapes, x)
        ),
        "Node(x, ..)": lambda x: nn.Node(x, flat, ("input",)),
        "Node(layer)": lambda x: nn.Node("a", x, ("input",)),
        "Node(inputs)": lambda x: nn.Node("a", flat, x),
        "Conv2d(x, ..)": lambda x: nn.Conv2d(x, B),
        "Conv2d(bias)": lambda x: nn.Conv2d(W, x),
        "Conv2d(stride)": lambda x: nn.Conv2d(W, B, x),
        "Conv2d(padding)": lambda x: nn.Conv2d(W, B, (1, 1), x),
        "Conv2d(groups)": lambda x: nn.Conv2d(W, B, groups=x),
        "Linear(x, ..)": lambda x: nn.Linear(x, B),
        "Linear(bias)": lambda x: nn.Linear(MATRIX, x),
        "AvgPool2d(x, ..)": lambda x: nn.AvgPool2d(x, (1, 1)),
        "AvgPool2d(stride)": lambda x: nn.AvgPool2d((1, 1), x),
        "AvgPool2d(padding)": lambda x: nn.AvgPool2d((2, 2), (1, 1), x),
        **{f"BatchNorm({name})": lambda x, name=name: nn.BatchNorm(**(NORM | {name: x}))
           for name in (*NORM, "epsilon")},
        "Polynomial": nn.Polynomial,
        "coefficients_for": nn.Polynomial([0, 0, 1]).coefficients_for,
    }  # fmt: skip


def calls_of_layers() -> dict[str, Call]:
    layers = (
        nn.Conv2d(W, B), nn.Linear(MATRIX, B), nn.AvgPool2d((1, 1), (1, 1)), nn.Flatten(),
        nn.Add(), nn.BatchNorm(**NORM), nn.Polynomial([0, 1, 1]),
    )  # fmt: skip
    calls: dict[str, Call] = {}
    for layer in layers:
        name = type(layer).__name__
        calls[f"{name}.output_shape"] = lambda x, one=layer: one.output_shape(*[x] * one.arity)
        calls[f"{name}.forward"] = lambda x, one=layer: one.forward(*[x] * one.arity)
    return calls


GROUPS = [calls_of_sessions, calls_of_plans, calls_of_compile, calls_of_networks, calls_of_layers]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_wrong_objects__raise_named_errors(
    group: Callable[[], dict[str, Call]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    accidents, tried = [], 0
    for call, function in group().items():
        for name, given in wrong_objects().items():
            tried += 1
            try:
                function(given)
            except NAMED as error:
                if not str(error):
                    accidents.append(f"{call} with {name}: an error without a text")
            except Exception as error:
                accidents.append(f"{call} with {name}: {type(error).__name__}: {error}")
    assert accidents == []
    assert tried > 500


def test_from_torch__takes_modules_alone() -> None:
    pytest.importorskip("torch")
    for name, given in wrong_objects().items():
        if not isinstance(given, type):
            with pytest.raises(HEError, match="module"):
                nn.from_torch(given, IMAGES)
        assert name
