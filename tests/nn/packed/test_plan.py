"""Packed plans as bytes: the same plan again, or a named error."""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import he
import nn
from he.format import container
from nn.packed.layout import TensorLayout
from nn.packed.plan import _layout_header
from tests.nn.samples import NETWORKS, residual

REASON = "unit test"
KIND = "inference plan"


@functools.cache
def compiled(make: Any = residual, N: int = 512) -> nn.InferencePlan:
    rng = np.random.default_rng(5)
    network = make(rng)
    network = network.calibrated(rng.uniform(0, 1, (20, *network.input_shape)))
    return nn.compile(network, N=N, precision_bits=2, insecure_reason=REASON)


def read(data: bytes) -> nn.InferencePlan:
    return nn.InferencePlan.from_bytes(data, insecure_reason=REASON)


def lied(sections: dict[str, Any] | None = None, **changes: Any) -> bytes:
    contents = container.unpack(compiled().to_bytes(), KIND)
    return container.pack(KIND, contents.header | changes, contents.sections | (sections or {}))


def stage_lied(number: int, **changes: Any) -> bytes:
    stages = [dict(vars(stage)) for stage in compiled().stages]
    stages[number] |= changes
    return lied(stages=[list(stage.values()) for stage in stages])


def layout_lied(which: int, **changes: Any) -> bytes:
    names = ("shape", "n_slots", "ciphertexts", "period")
    layouts = [
        dict(zip(names, _layout_header(layout), strict=True))
        for layout in (compiled().input_layout, compiled().output_layout)
    ]
    layouts[which] |= changes
    return lied(layouts=[list(layout.values()) for layout in layouts])


@pytest.mark.parametrize("N", [64, 512])
@pytest.mark.parametrize("make", NETWORKS)
def test_bytes__come_back_as_the_same_plan(make: Any, N: int) -> None:
    plan = compiled(make, N)
    again = read(plan.to_bytes())
    for field in fields(plan):
        mine, theirs = getattr(plan, field.name), getattr(again, field.name)
        if isinstance(mine, TensorLayout):
            assert mine.matches(theirs)
            assert mine.shape == theirs.shape
        elif isinstance(mine, np.ndarray):
            assert np.array_equal(mine, theirs)
        elif field.name != "packed":
            assert mine == theirs
    assert again.to_bytes() == plan.to_bytes()
    assert again.report() == plan.report()


def test_bytes__in_any_buffer_are_read() -> None:
    plan = nn.compile(nn.zoo.load("mnist"))
    data = plan.to_bytes()
    for buffer in (data, bytearray(data), memoryview(data)):
        assert nn.PackedClient(buffer).plan.params == plan.params


@pytest.mark.parametrize(
    "changes",
    [
        {"network": b"name"},
        {"fingerprint": b""},
        {"fingerprint": bytes(17)},
        {"input_range": [0.0]},
        {"input_range": [0, 1]},
        {"input_range": [1.0, 0.0]},
        {"input_range": [0.0, float("nan")]},
        {"input_range": [-float("inf"), 1.0]},
        {"stages": []},
        {"stages": [1]},
        {"stages": [["conv", "affine"]]},
        {"stages": {}},
        {"largest_logit": -1.0},
        {"largest_logit": float("nan")},
        {"largest_logit": float("inf")},
        {"largest_logit": 1e30},
        {"largest_logit": 1},
        {"failure_probability": 0.0},
        {"failure_probability": 0.5},
        {"failure_probability": float("nan")},
        {"layouts": []},
        {"layouts": [1, 2]},
    ],
    ids=lambda changes: "-".join(f"{k} {v}" for k, v in changes.items()),
)
def test_bytes__that_lie_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(he.SerializationError):
        read(lied(**changes))


@pytest.mark.parametrize(
    "errors",
    [
        np.array([np.nan, 1, 1]),
        np.array([np.inf, 1, 1]),
        np.array([-1.0, 1, 1]),
        np.array([0.0, 1, 1]),
        np.array([1e-12, 1, 1]),
        np.ones((3, 1)),
        np.ones(2),
        np.ones(4),
        np.ones(3, dtype=np.float32),
        np.ones(3, dtype=np.int64),
        np.ones(0),
        b"",
    ],
    ids=repr,
)
def test_bytes__the_promised_error_is_one_that_can_be_kept(errors: Any) -> None:
    with pytest.raises(he.SerializationError):
        read(lied({"predicted error": errors}))


def test_bytes__no_plan_promises_less_than_the_rounding_of_its_own_answers() -> None:
    """An error that fits the last stage, whose error is a lie, too."""
    plan = compiled()
    contents = container.unpack(plan.to_bytes(), KIND)
    stages = [stage.item for stage in plan.stages]
    stages[-1][-2] = plan.stages[-1].predicted_error / 1e4
    lie = {"predicted error": plan.predicted_error / 1e4}
    data = container.pack(KIND, contents.header | {"stages": stages}, contents.sections | lie)
    with pytest.raises(he.CorruptBytesError, match="the parameters' own"):
        read(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "conv2"},
        {"name": 1},
        {"kind": "relu"},
        {"kind": "add"},
        {"kind": "square"},
        {"level_in": 1},
        {"level_in": 99},
        {"level_in": True},
        {"level_out": -1},
        {"level_out": 0},
        {"rotations": -1},
        {"rotations": 1 << 40},
        {"diagonals": -1},
        {"ciphertexts": 0},
        {"predicted_error": 0.0},
        {"predicted_error": -1.0},
        {"predicted_error": float("nan")},
        {"predicted_error": float("inf")},
        {"predicted_error": 1},
        {"weight_bytes": -1},
        {"weight_bytes": 1.0},
        {"weight_bytes": True},
    ],
    ids=str,
)
def test_bytes__stages_that_lie_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(he.SerializationError):
        read(stage_lied(0, **changes))


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ({1: {"level_out": 4}}, "of every square, or of none"),
        (
            {1: {"level_out": 4}, 3: {"kind": "product", "level_out": 1}, 4: {"level_out": 2}},
            "other products",
        ),
        ({1: {"level_out": 4}, 4: {"kind": "polynomial"}}, "other products"),
    ],
)
def test_bytes__squares_are_all_rescaled_or_none(stages: dict[int, Any], message: str) -> None:
    given = [dict(vars(stage)) for stage in compiled().stages]
    for number, changes in stages.items():
        given[number] |= changes
    with pytest.raises(he.CorruptBytesError, match=message):
        read(lied(stages=[list(stage.values()) for stage in given]))


def test_bytes__the_last_stage_and_the_answer_must_agree() -> None:
    plan = compiled()
    with pytest.raises(he.CorruptBytesError, match="last stage does not exceed"):
        read(lied({"predicted error": plan.predicted_error / 2}))
    with pytest.raises(he.CorruptBytesError, match="ciphertexts of the last stage"):
        read(stage_lied(-1, ciphertexts=9))
    with pytest.raises(he.CorruptBytesError, match="last stage does not exceed"):
        read(stage_lied(-1, predicted_error=2 * plan.stages[-1].predicted_error))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "changes",
    [
        {"shape": []},
        {"shape": [-1]},
        {"shape": [1 << 62, 1 << 62, 4]},
        {"shape": [64.0]},
        {"shape": "64"},
        {"n_slots": 512},
        {"n_slots": 255},
        {"n_slots": 256.0},
        {"n_slots": 1 << 62},
        {"ciphertexts": 0},
        {"ciphertexts": 4096},
        {"ciphertexts": True},
        {"period": 0},
        {"period": 512},
        {"period": 1 << 62},
        {"period": 3},
    ],
    ids=str,
)
def test_bytes__layouts_that_lie_are_refused(which: int, changes: dict[str, Any]) -> None:
    with pytest.raises(he.SerializationError):
        read(layout_lied(which, **changes))


@pytest.mark.parametrize("name", ["input positions", "output positions"])
def test_bytes__positions_that_lie_are_refused(name: str) -> None:
    layout = getattr(compiled(), name.replace(" positions", "_layout"))
    wrong = [
        layout.positions + 256,
        layout.positions - 1,
        np.zeros_like(layout.positions),
        layout.positions[:-1],
        layout.positions.astype(np.int32),
        layout.positions.astype(np.float64),
        layout.positions.reshape(-1, 1),
        b"",
    ]
    for positions in wrong:
        with pytest.raises(he.SerializationError):
            read(lied({name: positions}))


def test_bytes__keys_that_no_stage_uses_are_refused() -> None:
    plan = compiled()
    level, galois = plan.params.max_level, dict(plan.needs.galois)
    wrong = [
        he.KeyNeeds(None, galois),
        he.KeyNeeds(level, galois),
        he.KeyNeeds(plan.needs.relinearization, {}),
        he.KeyNeeds(plan.needs.relinearization, {2 * k + 1: level for k in range(200)}),
    ]
    for needs in wrong:
        with pytest.raises(he.CorruptBytesError, match="key"):
            read(lied({"needs": needs.to_bytes()}))


def test_bytes__the_worst_case_is_never_better_than_the_error() -> None:
    plan = compiled()
    lie = {"worst case error": plan.predicted_error / 2}
    assert np.array_equal(read(lied(lie)).worst_case_error, plan.predicted_error)
    for wrong in (np.full(3, np.nan), np.ones(2), np.ones(3, dtype=np.float32)):
        with pytest.raises(he.CorruptBytesError):
            read(lied({"worst case error": wrong}))
    assert np.isinf(read(lied({"worst case error": np.full(3, np.inf)})).worst_case_error).all()


def test_bytes__of_a_network_without_statistics_say_so() -> None:
    plan = nn.compile(residual(np.random.default_rng(5)), N=512, insecure_reason=REASON)
    again = read(plan.to_bytes())
    assert not again.calibrated
    assert again.report() == plan.report()
    assert np.array_equal(again.worst_case_error, plan.predicted_error)
    with pytest.raises(he.CorruptBytesError):
        read(lied(calibrated=1))


def test_bytes__of_the_first_plans_promise_the_worst_case() -> None:
    """Version 1 has neither a worst case nor a word on statistics: its error was the worst case."""
    contents = container.unpack(compiled().to_bytes(), KIND)
    later = ("version", "calibrated", "worst case error")
    header = {name: x for name, x in contents.header.items() if name not in later}
    sections = {name: x for name, x in contents.sections.items() if name not in later}
    assert len(header) + 2 == len(contents.header)
    data = container.pack(KIND, header, sections)
    old = read(data)
    assert np.array_equal(old.worst_case_error, old.predicted_error)
    assert old.calibrated
    assert old.to_bytes() == data


@pytest.mark.parametrize("version", [0, 4, "2", None, 2.0, True])
def test_bytes__of_later_versions_are_refused(version: object) -> None:
    contents = container.unpack(compiled().to_bytes(), KIND)
    header = contents.header | {"version": version}
    with pytest.raises(he.VersionError, match="this release reads 1 to 3"):
        read(container.pack(KIND, header, contents.sections))


def test_bytes__sections_are_those_of_a_plan() -> None:
    contents = container.unpack(compiled().to_bytes(), KIND)
    for name in contents.sections:
        fewer = {other: data for other, data in contents.sections.items() if other != name}
        with pytest.raises(he.CorruptBytesError):
            read(container.pack(KIND, contents.header, fewer))
    with pytest.raises(he.CorruptBytesError):
        read(lied({"more": b"bytes"}))


def test_bytes__without_the_bytes_of_weights_are_read() -> None:
    """Plans of before said nothing of weights."""
    plan = compiled()
    earlier = read(lied(stages=[stage.item[:-1] for stage in plan.stages]))
    assert [stage.weight_bytes for stage in earlier.stages] == [None] * len(plan.stages)
    assert earlier.weight_bytes is None
    assert "not stated" in earlier.report()
    assert [stage.item for stage in earlier.stages] == [stage.item[:-1] for stage in plan.stages]
    assert read(earlier.to_bytes()).stages == earlier.stages
    assert read(plan.to_bytes()).weight_bytes == plan.weight_bytes > 0
    index = [stage.kind == "affine" for stage in plan.stages].index(False)
    with pytest.raises(he.CorruptBytesError, match="size of the weights"):
        read(stage_lied(index, weight_bytes=8))
