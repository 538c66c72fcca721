"""The way through the levels, as text and as SVG."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

import nn
from nn.network.activation import Polynomial
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import Linear
from nn.packed.plan_picture import stage_rows, svg_picture, text_picture
from nn.packed.work import packed_work


@pytest.fixture(scope="module")
def plan() -> nn.InferencePlan:
    rng = np.random.default_rng(0)
    nodes = (
        Node("first <&>", Linear(rng.normal(size=(4, 8)), rng.normal(size=4)), (INPUT,)),
        Node("act", Polynomial([0.1, 0.5, 0.25]), ("first <&>",)),
        Node("last", Linear(rng.normal(size=(2, 4)), rng.normal(size=2)), ("act",)),
    )
    network = Network("small", (8,), nodes, (-1.0, 1.0))
    network = network.calibrated(rng.uniform(-1, 1, (8, 8)))
    return nn.compile(network, N=256, insecure_reason="unit test")


def test_stage_rows__bits_fall_with_the_levels(plan: nn.InferencePlan) -> None:
    rows = stage_rows(plan)
    assert [row.plan for row in rows] == list(plan.stages)
    bits = [row.bits for row in rows]
    assert bits == sorted(bits, reverse=True)
    assert all(row.milliseconds is not None and row.milliseconds > 0 for row in rows)
    assert plan.packed is not None
    levels = {stage.name: stage.level_out for stage in plan.stages} | {"input": plan.depth}
    assert packed_work(plan.packed, levels, plan.params) > 0


def test_stage_rows__of_a_plan_from_bytes_have_no_time(plan: nn.InferencePlan) -> None:
    assert {row.milliseconds for row in stage_rows(replace(plan, packed=None))} == {None}
    assert "one thread" not in text_picture(replace(plan, packed=None))


def test_text_picture__names_every_stage(plan: nn.InferencePlan) -> None:
    lines = text_picture(plan).splitlines()
    assert [line.split("  ")[0] for line in lines[1:-1]] == [s.name for s in plan.stages]
    assert "one thread" in lines[-1]


def test_svg_picture__is_a_document_that_names_every_stage(plan: nn.InferencePlan) -> None:
    root = ElementTree.fromstring(svg_picture(plan))
    words = [element.text for element in root.iter() if element.tag.endswith("text")]
    for stage in plan.stages:
        assert stage.name in words
