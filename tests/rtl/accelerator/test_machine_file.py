"""Machines in files, and what is refused before anything is built."""

from __future__ import annotations

import pytest

from accel_model.errors import TimedProgramError
from rtl.accelerator.machine_file import load_machine, machine_names, machine_of
from rtl.errors import GeometryError, HardwareError, MachineOptionError
from tests.accel_model.timed.random_programs import RandomProgram

TINY = {"lanes": 2, "slots": 12, "word_bits": 7, "channel": {"data_bits": 32, "burst_beats": 4}}


@pytest.fixture(scope="module")
def program():
    return RandomProgram(1, 1).program()


def test_machine_of__units_and_sizes(program):
    machine = machine_of(TINY | {"pointwise_units": 2, "reduction": "montgomery"}, program, "x")
    assert machine.shape.units.count("pointwise") == 2
    assert machine.multiplier.reduction == "montgomery"
    assert machine.write_cycles == machine.shape.write_cycles


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"lanes": 3}, GeometryError, "3 lanes for N = 64: .* the nearest is 2"),
        ({"slots": 2}, TimedProgramError, "2 slots: a step needs up to 4"),
        ({"slots": "many"}, MachineOptionError, "slots = 'many': a whole number is needed"),
        ({"slots": True}, MachineOptionError, "slots = True: a whole number is needed"),
        ({"clusters": 2}, MachineOptionError, "clusters is no option: choose from lanes"),
        ({"width": 20}, TimedProgramError, "use a width of 28"),
        ({"reduction": "barrett"}, HardwareError, "use montgomery or word"),
        ({"reduction": "magic"}, HardwareError, "'magic' does not exist"),
        ({"channel": {"data_bits": 33}}, TimedProgramError, "channel bits: 33 given"),
        ({"channel": {"speed": 3}}, MachineOptionError, "x, channel: speed is no option"),
        ({"channel": 3}, MachineOptionError, "channel = 3: a table is needed"),
    ],
)
def test_machine_of__options_that_no_machine_has(program, changes, error, words):
    with pytest.raises(error, match=words):
        machine_of(TINY | changes, program, "x")


def test_load_machine__a_file_that_is_missing_or_no_toml(program, tmp_path):
    assert machine_names() == ["large", "small"]
    with pytest.raises(MachineOptionError, match="machine 'huge' does not exist: choose one of l"):
        load_machine("huge", program)
    path = tmp_path / "m.toml"
    path.write_text("lanes = ")
    with pytest.raises(MachineOptionError, match="not a machine"):
        load_machine(str(path), program)
    path.write_text("lanes = 2\n")
    with pytest.raises(MachineOptionError, match=r"m\.toml: slots is missing"):
        load_machine(str(path), program)
