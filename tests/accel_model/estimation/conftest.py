"""The small network on three machines."""

from __future__ import annotations

import pytest

from accel_model.estimation.costs import limb_bytes
from accel_model.estimation.estimate import Estimate, estimate
from accel_model.isa import Program
from accel_model.lowering.operations import lower
from accel_model.machine.description import Machine
from accel_model.machine.machine_file import load_machine


@pytest.fixture(scope="module", params=[("asic7", 40), ("asic7", 400), ("ecp5", 12)])
def case(request: pytest.FixtureRequest, small_run) -> tuple[Program, Machine, Estimate]:
    """The small network on a machine with room for so many limbs."""
    name, slots = request.param
    program, machine = lower(small_run.trace), load_machine(name)
    memory = slots * limb_bytes(program.N, machine)
    machine = machine.with_values(ntt__butterflies=4, memory__bytes=memory)
    return program, machine, estimate(program, machine)
