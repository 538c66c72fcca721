"""Whole networks in slots, against the networks themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.network.activation import Polynomial
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import Add, AvgPool2d, Conv2d, Flatten
from nn.packed.packed_network import (
    PackedStage,
    network_input_layout,
    pack_network,
)
from nn.packed.packing_cost import PackingCost
from nn.stages.rewriting import rewrite
from nn.stages.stage import AffineStage
from tests.nn.cleartext import evaluate, evaluate_packed
from tests.nn.networks import (
    Builder,
    evaluation_tolerance,
    images_for,
    networks,
    stage_tolerance,
)

slot_counts = st.sampled_from([8, 32, 128, 512, 2048])


def check(
    network: Network, n_slots: int, seed: int, cost: PackingCost | None = None
) -> list[PackedStage]:
    """The packed network, once it is seen to compute the network and to hang together."""
    images = images_for(network, 3, seed)
    packed = pack_network(rewrite(network), n_slots, cost)
    values = evaluate_packed(packed, images)
    last = packed[-1]
    expected = network(images)
    found = last.layout.unpack(values[last.name])
    assert found.shape == expected.shape
    # Packing only reorders sums and adds exact zeros.
    assert (np.abs(found - expected) <= evaluation_tolerance(network, images)).all()
    layouts = {INPUT: network_input_layout(rewrite(network), n_slots)}
    for item in packed:
        assert values[item.name].shape == (3, item.layout.ciphertexts, n_slots)
        for name in item.inputs:
            if item.affine is not None:
                assert item.affine.in_layout.matches(layouts[name])
            else:
                assert item.layout.matches(layouts[name])
        layouts[item.name] = item.layout
    return packed


@given(networks(), slot_counts, st.integers(0, 2**32 - 1))
def test_pack_network__computes_the_network(network: Network, n_slots: int, seed: int) -> None:
    check(network, n_slots, seed)


@given(networks(most_blocks=3), slot_counts, st.integers(0, 2**32 - 1))
def test_pack_network__every_stage_has_its_cleartext_value(
    network: Network, n_slots: int, seed: int
) -> None:
    images = images_for(network, 2, seed)
    made = rewrite(network)
    packed = pack_network(made, n_slots)
    clear, slots = evaluate(made, images), evaluate_packed(packed, images)
    known = {stage.name for stage in made}
    for item in packed:
        if item.name in known:
            found = item.layout.unpack(slots[item.name]).reshape(2, -1)
            difference = np.abs(found - clear[item.name])
            assert (difference <= stage_tolerance(item.stage, network, images)).all()


def residual_network(strided: bool) -> Network:
    """conv - act - conv + skip, with a strided convolution on the skip if asked for."""
    rng = np.random.default_rng(0)

    def conv(outputs: int, inputs: int, kernel: int, stride: int) -> Conv2d:
        weight = rng.normal(size=(outputs, inputs, kernel, kernel)) / np.sqrt(inputs) / kernel
        padding = (kernel // 2,) * 2
        return Conv2d(weight, rng.normal(size=outputs), (stride, stride), padding)

    stride = 2 if strided else 1
    channels = 8 if strided else 4
    skip = "skip" if strided else "act0"
    nodes = [
        Node("conv0", conv(4, 2, 3, 1), (INPUT,)),
        Node("act0", Polynomial([0.1, 0.5, 0.25]), ("conv0",)),
        Node("conv1", conv(channels, 4, 3, stride), ("act0",)),
        Node("act1", Polynomial([0.2, 0.4, 0.25]), ("conv1",)),
        Node("conv2", conv(channels, channels, 3, 1), ("act1",)),
        *([Node("skip", conv(8, 4, 1, 2), ("act0",))] if strided else []),
        Node("sum", Add(), ("conv2", skip)),
        Node("act2", Polynomial([0.0, 0.5, 0.25]), ("sum",)),
        Node("pool", AvgPool2d((2, 2), (2, 2)), ("act2",)),
        Node("flatten", Flatten(), ("pool",)),
    ]
    return Network("residual", (2, 8, 8), tuple(nodes), (-1.0, 1.0))


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("n_slots", [16, 64, 256, 1024])
def test_pack_network__residuals_share_a_layout_without_a_level(
    strided: bool, n_slots: int
) -> None:
    network = residual_network(strided)
    packed = check(network, n_slots, 1)
    assert [item.name for item in packed] == [stage.name for stage in rewrite(network)]


def relayouts(packed: list[PackedStage]) -> list[str]:
    return [item.name for item in packed if item.name.endswith(":relayout")]


def test_pack_network__lets_the_second_branch_of_an_add_follow_the_first() -> None:
    builder = Builder((4,), 0)
    builder.linear(4)
    first = builder.last
    builder.last = INPUT
    builder.linear(4)
    builder.add(Polynomial.square())
    builder.add(Add(), first, builder.last)
    packed = check(builder.network(), 16, 0)
    assert relayouts(packed) == []


def test_pack_network__puts_a_relayout_where_neither_branch_can_follow() -> None:
    builder = Builder((16,), 0)
    builder.linear(16)
    first = builder.last
    builder.last = INPUT
    builder.linear(16)
    builder.add(Add(), builder.last, INPUT)
    builder.add(Add(), builder.last, first)
    # Diagonals this dear spread the first map's rows over the repetitions; the second must keep
    # the input's layout, to which it is added.
    packed = check(builder.network(), 64, 0, PackingCost(diagonal=100.0))
    (name,) = relayouts(packed)
    by_name = {item.name: item for item in packed}
    assert by_name[name].stage.levels == 1
    assert by_name[name].layout.matches(by_name[first].layout)
    assert not by_name[name.removesuffix(":relayout")].layout.matches(by_name[first].layout)


def test_pack_network__gives_polynomials_their_coefficients() -> None:
    builder = Builder((2, 3, 3), 1)
    builder.polynomial(3, shared=False)
    builder.add(Polynomial([1.0, 2.0, 0.0, 0.5]))
    packed = check(builder.network(), 8, 0)
    per_channel, shared = packed
    assert per_channel.coefficients is not None
    assert shared.coefficients is not None
    assert per_channel.coefficients.shape == (per_channel.layout.ciphertexts, 4, 8)
    np.testing.assert_array_equal(
        shared.coefficients, [[1.0, 2.0, 0.0, 0.5]] * shared.layout.ciphertexts
    )


def test_pack_network__does_not_care_how_far_the_answer_spreads() -> None:
    builder = Builder((1, 28, 28), 0)
    builder.conv(16, 5, 2, 2)
    builder.polynomial(2, shared=False)
    builder.linear(64)
    builder.polynomial(2, shared=False)
    builder.linear(10)
    packed = pack_network(rewrite(builder.network((0.0, 1.0))), 4096)
    affine = [item.affine for item in packed if isinstance(item.stage, AffineStage)]
    assert [item.diagonals for item in affine if item] == [36, 64, 4]
    rotations = frozenset().union(*(item.rotations for item in packed))
    assert len(rotations) <= 40
