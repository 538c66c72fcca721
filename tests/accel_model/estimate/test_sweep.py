"""Sweeps: what is optimal, what is left out, word widths, several traces, files."""

from __future__ import annotations

import csv
import dataclasses
import json

import pytest

import ntt
from accel_model.cli.main import main
from accel_model.estimate.estimate import estimate
from accel_model.estimate.sweep import (
    STANDARD_AXES,
    Variant,
    beats,
    standard_axes,
    sweep,
    variants_of,
    with_values,
)
from accel_model.isa import program_file
from accel_model.lowering.operations import lower
from accel_model.machine.description import load_machine
from accel_model.machine.errors import MachineFileError, MachineMismatchError, WorkloadError
from he import trace as traces
from he.trace import HEOp, OpTrace, TracedKey


@pytest.fixture(scope="module")
def traced() -> OpTrace:
    """A product and its relinearization: about a hundred instructions."""
    *q, special = ntt.find_primes(30, 64, 4)
    operations = (
        HEOp("tensor", 2, (0, 1), (2,), layer="product"),
        HEOp("relinearize", 2, (2,), (3,), keys=(0,), digits=3, layer="switch"),
    )
    return OpTrace(
        N=64,
        q=tuple(map(int, q)),
        p=(int(special),),
        digit_limbs=1,
        ciphertexts=((2, 3), (2, 3), (3, 3), (2, 3)),
        plaintexts=(),
        keys=(TracedKey(0, 2, (3, 2, 4)),),
        inputs=(0, 1),
        outputs=(3,),
        operations=operations,
    )


@pytest.fixture(scope="module")
def program(traced):
    return lower(traced)


@pytest.fixture(scope="module")
def machine():
    return load_machine("asic7").with_values(ntt__butterflies=4, memory__bytes=16000)


def costs(point):
    """What a point costs; bandwidth has no area in the model, so it counts by itself."""
    result = point.result
    bandwidth = point.values["external.bytes_per_s"]
    return result.time_s, result.area.total, result.energy.total_j, bandwidth


def test_sweep__keeps_the_points_that_nothing_beats(program, machine):
    axes = {"pointwise.lanes": [2.0, 8.0, 64.0], "external.bytes_per_s": [1e9, 1e12]}
    counted = []
    points = sweep([Variant({}, program)], machine, axes, advance=counted.append)
    assert [point.values for point in points] == [
        {"pointwise.lanes": lanes, "external.bytes_per_s": rate}
        for lanes in (2, 8, 64)
        for rate in (1e9, 1e12)
    ]
    assert sum(counted) == len(points) == 6
    for point in points:
        assert point.result == estimate(program, with_values(machine, point.values))
    for point in points:
        assert point.optimal == (not any(beats(costs(other), costs(point)) for other in points))
    assert any(point.optimal for point in points)


def test_sweep__more_of_what_costs_no_area_is_no_gain(program, machine):
    free = machine.with_values(area__memory_byte=0)
    # Both hold the whole program, so the times are equal, and the areas too.
    points = sweep([Variant({}, program)], free, {"memory.bytes": [64e6, 128e6]})
    assert points[0].result.time_s == points[1].result.time_s
    assert points[0].result.area == points[1].result.area
    assert [point.optimal for point in points] == [True, False]


def test_sweep__what_does_not_fit_is_said_and_left_out(program, machine):
    said = []
    axes = {"memory.bytes": [8.0, 16000.0], "pointwise.lanes": [1.0, 2.0]}
    points = sweep([Variant({}, program)], machine, axes, report=said.append)
    assert [point.values["memory.bytes"] for point in points] == [16000, 16000]
    assert len(said) == 1
    assert said[0].startswith("2 combinations left out: asic7.toml:")
    assert "8 bytes hold 0 limbs" in said[0]
    with pytest.raises(MachineMismatchError, match="at least"):
        sweep([Variant({}, program)], machine, {"memory.bytes": [8.0]}, report=said.append)


def test_sweep__butterflies_must_be_what_a_unit_can_have(program, machine):
    with pytest.raises(MachineFileError, match="6 butterflies: a generated unit has a power of"):
        sweep([Variant({}, program)], machine, {"ntt.butterflies": [6.0]})


def test_with_values__a_narrower_word_takes_multipliers_along(machine):
    half = with_values(machine, {"word.bits": 25.0})
    for name, share in (
        ("energy.multiply_pj", 0.25),
        ("area.butterfly", 0.25),
        ("area.lane", 0.25),
        ("energy.add_pj", 0.5),
        ("energy.memory_pj_per_bit", 1),
        ("memory.bytes", 1),
    ):
        assert half[name] == pytest.approx(share * machine[name])
    assert half.figures["area.lane"].tag == "assumed"
    assert half.figures["area.lane"].origin.startswith("scaled to 25 bits")
    given = with_values(machine, {"word.bits": 25.0, "area.lane": 7.0})
    assert given["area.lane"] == 7
    assert with_values(machine, {"word.bits": 50.0})["area.lane"] == machine["area.lane"]


def test_standard_axes__half_same_and_double():
    machine = load_machine("ecp5").with_values(ntt__butterflies=4, pointwise__lanes=1)
    axes = standard_axes(machine)
    assert tuple(axes) == STANDARD_AXES
    assert axes["ntt.butterflies"] == [2, 4, 8]
    assert axes["pointwise.lanes"] == [1, 2]


def test_variants_of__are_told_apart_by_dnum_and_N(traced, program):
    limbs = len(traced.q)
    by_limbs = [dataclasses.replace(traced, digit_limbs=n) for n in (1, limbs - 1, limbs)]
    variants = variants_of((trace, program) for trace in by_limbs)
    assert [v.values["dnum"] for v in variants] == [limbs, 2, 1]
    assert {v.values["N"] for v in variants} == {traced.N}
    with pytest.raises(WorkloadError, match=f"two traces have dnum = {limbs}, N = {traced.N}"):
        variants_of([(by_limbs[0], program), (by_limbs[0], program)])


def test_command__writes_a_table_and_a_picture(traced, tmp_path, capsys):
    file, table, picture = (tmp_path / name for name in ("a.trace", "t.csv", "t.png"))
    traces.save(traced, file)
    words = ["sweep", str(file), "--machine", "ecp5", "--set", "pointwise.lanes=1,2"]
    assert main([*words, "--csv", str(table), "--plot", str(picture)]) == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert list(rows[0]) == ["pointwise.lanes", "time_s", "area_LUT", "energy_j", "optimal"]
    assert [float(row["pointwise.lanes"]) for row in rows] == [1, 2]
    assert {row["optimal"] for row in rows} <= {"0", "1"}
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(words) == 0
    assert capsys.readouterr().out == table.read_text()


def test_command__several_files_must_be_traces_that_differ(traced, program, tmp_path, capsys):
    file, copy, lowered = (tmp_path / name for name in ("a.trace", "b.trace", "a.npz"))
    for path in (file, copy):
        traces.save(traced, path)
    program_file.save(program, lowered)
    options = ["--machine", "ecp5", "--set", "pointwise.lanes=1,2"]
    assert main(["sweep", str(file), str(copy), *options]) == 2
    assert "WorkloadError: two traces have dnum" in capsys.readouterr().err
    assert main(["sweep", str(file), str(lowered), *options]) == 2
    assert "a.npz is a program, which states no dnum" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "message"),
    [("lanes=1", "ecp5 has no lanes"), ("pointwise.lanes=a", "NAME=V,V,.. is needed")],
)
def test_command__a_wrong_axis(traced, tmp_path, capsys, word, message):
    file = tmp_path / "a.trace"
    traces.save(traced, file)
    assert main(["sweep", str(file), "--machine", "ecp5", "--set", word]) == 2
    assert message in capsys.readouterr().err


def test_command__a_figure_that_is_set_twice(traced, tmp_path, capsys):
    file = tmp_path / "a.trace"
    traces.save(traced, file)
    twice = ["--set", "pointwise.lanes=1", "--set", "pointwise.lanes=2"]
    assert main(["sweep", str(file), "--machine", "ecp5", *twice]) == 2
    assert "pointwise.lanes is set before" in capsys.readouterr().err


def test_estimate__draws_and_writes_plain_data(traced, tmp_path):
    file, picture, data = (tmp_path / name for name in ("a.trace", "e.svg", "e.json"))
    traces.save(traced, file)
    words = ["estimate", str(file), "--machine", "ecp5", "--plot", str(picture)]
    assert main([*words, "--json", str(data)]) == 0
    assert "</svg>" in picture.read_text()

    def refuse(word: str) -> float:
        raise AssertionError(word)

    # parse_constant is called for Infinity and NaN, which are no JSON.
    (result,) = json.loads(data.read_text(), parse_constant=refuse)
    assert result["figures"]["clock.hz"]["tag"] == "measured"
    assert sum(part["energy"]["total_j"] for part in result["layers"]) == pytest.approx(
        result["energy"]["total_j"]
    )
