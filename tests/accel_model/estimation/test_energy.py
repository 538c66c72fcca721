"""Energy and area: tags, and areas at another node."""

from __future__ import annotations

import pytest

from accel_model.estimation.energy import SCALING_UNCERTAINTY, area_of, scaled_area, work_of
from accel_model.estimation.estimate import estimate
from accel_model.isa import Opcode
from accel_model.lowering.operations import lower
from accel_model.machine.machine_file import CONFIGS, load_machine, parse_machine
from accel_model.validation.published_machines import area_lines
from tests.accel_model.programs import product_trace, sum_of_two

TEXT = (CONFIGS / "asic7.toml").read_text(encoding="utf-8")


def test_area__at_another_node_has_a_range_and_names_its_factor():
    machine = load_machine("f1")
    scaled = scaled_area(machine)
    # Stillmaker and Baas: 14 to 7 nm is 0.34.
    assert scaled.value == pytest.approx(0.34 * area_of(machine).total)
    spread = SCALING_UNCERTAINTY.value
    assert (scaled.least, scaled.most) == pytest.approx(
        (scaled.value * (1 - spread), scaled.value * (1 + spread))
    )
    assert "Stillmaker" in scaled.origin
    assert scaled_area(load_machine("sharp")) is None
    assert scaled_area(load_machine("ecp5")) is None
    lines = {line.split(":")[0].strip(): line for line in area_lines()}
    assert "from 36.03 to 66.92" in lines["f1"]
    assert "a factor to 7 nm is not known" in lines["cofhee"]


def test_tags__energy_rests_on_the_time_and_area_on_the_sizes():
    """No result has a better tag than the least certain figure that it is computed from."""
    program = lower(sum_of_two())
    machine = load_machine("sharp")
    assert {f.tag for name, f in machine.figures.items() if name.startswith("energy.")} == {
        "remembered"
    }
    assert machine.figures["external.latency_s"].tag == "assumed"
    assert estimate(program, machine).energy.tag == "assumed"
    # Every price of asic7 but that of memory is a sum of measurements; its sizes are choices.
    named = parse_machine(
        TEXT.replace('4.2e-7, tag = "assumed"', '4.2e-7, tag = "published"'), "m.toml"
    )
    assert {f.tag for name, f in named.figures.items() if name.startswith("area.")} == {
        "calibrated", "published",
    }  # fmt: skip
    assert named.figures["memory.bytes"].tag == "assumed"
    assert area_of(named).tag == "assumed"


def test_work__counts_every_multiplier_and_memory():
    """Generated twiddles are a second product of each butterfly, factor form one of each lane."""
    program = lower(sum_of_two())
    machine = load_machine("asic7")
    pj, through, local = work_of(program, machine)
    adds = program.instructions["opcode"] == Opcode.ADD
    N, word = program.N, machine["word.bits"]
    assert set(pj[adds]) == {N * (machine["energy.add_pj"] + machine["energy.queue_pj"])}
    assert set(through[adds]) == {3 * N * word}
    assert not local.any()
    program = lower(product_trace())
    pj, _, local = work_of(program, machine)
    N, stages = program.N, program.N.bit_length() - 1
    butterflies = N // 2 * stages
    transform = program.instructions["opcode"] == Opcode.NTT
    expected = 2 * butterflies * (machine["energy.multiply_pj"] + machine["energy.add_pj"])
    assert pj[transform] == pytest.approx(expected + N * machine["energy.queue_pj"])
    assert set(local[transform]) == {(2 * N * (stages + 1) + butterflies) * word}
    scaled = program.instructions["opcode"] == Opcode.MULSCALAR
    each = 2 * machine["energy.multiply_pj"] + machine["energy.add_pj"]
    assert pj[scaled] == pytest.approx(N * (each + machine["energy.queue_pj"]))
