"""Bytes of batched tensors: the same again, or a named error, whatever they are."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import he
import nn
from he.format import container
from nn import BatchedClient, BatchedServer, BatchedTensor
from tests.nn.networks import Builder

REASON = "unit test"


def compiled(seed=1):
    builder = Builder((3,), seed)
    builder.linear(3)
    builder.add(nn.Polynomial([0, 0, 1]))
    builder.linear(2)
    network = nn.Network("small", (3,), tuple(builder.nodes))
    return network, nn.compile(
        network, layout="batched", N=64, insecure_reason=REASON, precision_bits=0
    )


@pytest.fixture(scope="module")
def plan():
    return compiled()[1]


@pytest.fixture(scope="module")
def tensors(plan):
    """Fresh images, whose bytes hold seeds, and answers."""
    client = BatchedClient(plan)
    server = BatchedServer(plan, compiled()[0], client.evaluation_keys())
    images = client.encrypt(np.random.default_rng(1).random((5, 3)))
    return {"images": images, "answers": server.run(images)}


@pytest.mark.parametrize("kind", ["images", "answers"])
def test_bytes__come_back_the_same(plan, tensors, kind):
    tensor = tensors[kind]
    again = BatchedTensor.from_bytes(tensor.to_bytes(), plan)
    assert len(again) == len(tensor) == 5
    assert (again.level, again.elements) == (tensor.level, tensor.elements)
    assert (again.residues[0].data == tensor.residues[0].data).all()
    assert again.to_bytes() == tensor.to_bytes()


@pytest.mark.parametrize("kind", ["images", "answers"])
@given(
    place=st.integers(0, 1 << 20),
    change=st.sampled_from(["flip", "cut", "insert"]),
    byte=st.integers(1, 255),
)
def test_bytes__altered_ones_are_refused(plan, tensors, kind, place, change, byte):
    data = tensors[kind].to_bytes()
    at = place % len(data)
    altered = {
        "flip": data[:at] + bytes([data[at] ^ byte]) + data[at + 1 :],
        "cut": data[:at] + data[at + byte :],
        "insert": data[:at] + bytes([byte]) + data[at:],
    }[change]
    with pytest.raises(he.SerializationError):
        BatchedTensor.from_bytes(altered, plan)


LIES = {
    "no images": ("images", 0),
    "more images than slots": ("images", 33),
    "images as text": ("images", "5"),
    "fewer elements": ("elements", 1),
    "as many elements as fit no memory": ("elements", 1 << 40),
    "a level below": ("level", 0),
    "a level above": ("level", 9),
    "seeds that are none": ("seeded", False),
    "seeded as a number": ("seeded", 1),
    "no parameter sets": ("params", []),
}


@pytest.mark.parametrize("lie", LIES)
def test_bytes__intact_ones_that_lie_are_refused(plan, tensors, lie):
    name, value = LIES[lie]
    contents = container.unpack(tensors["images"].to_bytes(), "batched tensor")
    header = contents.header | {name: value}
    data = container.pack("batched tensor", header, contents.sections)
    with pytest.raises((he.SerializationError, he.ParametersMismatchError)):
        BatchedTensor.from_bytes(data, plan)


def test_bytes__sections_that_do_not_match_are_refused(plan, tensors):
    contents = container.unpack(tensors["images"].to_bytes(), "batched tensor")
    short = bytes(contents.octets("0/1"))[:-1]
    seeds = bytes(contents.octets("0/seeds"))
    for change in (
        {"0/1": short},
        {"0/1": b""},
        {"0/1": b"\xff" * (len(short) + 1)},  # residues beyond their primes
        {"0/seeds": seeds[:-1]},
        {"0/9": short},
    ):
        data = container.pack("batched tensor", contents.header, contents.sections | change)
        with pytest.raises(he.SerializationError):
            BatchedTensor.from_bytes(data, plan)
    left = {name: section for name, section in contents.sections.items() if name != "0/2"}
    with pytest.raises(he.SerializationError, match="sections"):
        BatchedTensor.from_bytes(container.pack("batched tensor", contents.header, left), plan)


def test_bytes__of_another_plan_or_object_are_refused(plan, tensors):
    network = compiled()[0]
    stranger = nn.compile(
        network, layout="batched", N=128, insecure_reason=REASON, precision_bits=0
    )
    with pytest.raises(he.ParametersMismatchError, match="other parameter sets"):
        BatchedTensor.from_bytes(tensors["images"].to_bytes(), stranger)
    key = BatchedClient(plan).evaluation_keys()[0]
    with pytest.raises(he.ForeignBytesError):
        BatchedTensor.from_bytes(key.to_bytes(), plan)
    for nothing in (b"", b"\0" * 100):
        with pytest.raises(he.SerializationError):
            BatchedTensor.from_bytes(nothing, plan)


@given(data=st.binary(max_size=300))
def test_bytes__that_are_anything_are_refused(plan, data):
    with contextlib.suppress(he.SerializationError):
        BatchedTensor.from_bytes(data, plan)
        pytest.fail("random bytes were read")


@pytest.mark.parametrize("kind", ["images", "answers"])
def test_residues__are_read_only(tensors, kind):
    """Bytes of images hold seeds in place of part 1, so the residues must not change."""
    with pytest.raises(ValueError, match="read-only"):
        tensors[kind].residues[0].data[...] = 0
