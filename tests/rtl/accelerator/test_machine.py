"""Whole machines: the executor's bits, the model's cycles, and what stops them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from accel_model.execution.executor import execute
from accel_model.timed.program import TimedProgram
from accel_model.timed.scheduler import schedule
from accel_model.timed.shape import Channel
from accel_model.timed.timeline import run_time
from rtl.accelerator.host import Host
from rtl.accelerator.machine import Accelerator
from rtl.accelerator.machine_file import machine_of
from rtl.accelerator.simulation.simulator import MachineSimulator, Memories
from rtl.errors import ProgramDataError, SimulationError
from tests.accel_model.timed.random_programs import MODULI, RandomProgram

TINY = {
    "lanes": 2, "slots": 12, "word_bits": 7,
    "channel": {"data_bits": 32, "burst_beats": 4, "latency_cycles": 30, "outstanding": 3},
}  # fmt: skip


def machine(N: int = 64, **changes) -> Accelerator:
    return machine_of(TINY | changes, RandomProgram(1, 1, N).program(), "tiny")


def compiled(made: RandomProgram, tiny: Accelerator) -> TimedProgram:
    return schedule(made.program(), tiny.shape, tiny.multiplier.radix)


@pytest.fixture(scope="module")
def tiny() -> Accelerator:
    return machine()


@pytest.fixture(scope="module")
def simulator(tiny) -> Iterator[MachineSimulator]:
    with MachineSimulator(tiny) as opened:
        yield opened


def channel(latency_cycles: int, outstanding: int) -> Channel:
    return Channel(32, 4, latency_cycles, outstanding)


def check(simulator, tiny, seed: int, count: int, memories: Memories) -> None:
    made = RandomProgram(seed, count, tiny.shape.N)
    program, data = made.program(), made.data()
    timed = compiled(made, tiny)
    host = Host(simulator, timed, memories)
    host.load(data)
    run = host.run(data)
    for name, expected in execute(program, data).items():
        assert np.array_equal(run.outputs[name], expected), (seed, name)
    model = run_time(timed, memories.channel, memories.code_latency_cycles)
    if not memories.pauses:
        assert (run.cycles, run.stalls) == (model.cycles, model.stalled_beats), seed


@pytest.mark.parametrize("seed", range(30))
def test_machine__bits_of_the_executor_and_cycles_of_the_model(simulator, tiny, seed):
    """Memory as the schedule has it, faster, and slower: late moves repeat beats."""
    latency, outstanding = (30, 60, 7, 3)[seed % 4], (3, 1, 8)[seed % 3]
    memories = Memories(channel(latency, outstanding), code_latency_cycles=(40, 13)[seed % 2])
    check(simulator, tiny, seed, 1 + 7 * seed % 90, memories)


TWO_OF_EACH = {"ntt_units": 2, "pointwise_units": 2, "automorphism_units": 2, "slots": 20}
FEW_PLACES = {"slots": 5, "arrivals": 1, "departures": 1}
WIDE = {"data_bits": 128, "burst_beats": 16}
slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("N", "changes"),
    [
        # Few slots and places make transfers and late moves meet in a beat.
        (64, {"reduction": "montgomery", "twiddles": "stored", **TWO_OF_EACH, **FEW_PLACES}),
        pytest.param(64, {"lanes": 4}, marks=slow),
        pytest.param(64, {"lanes": 4, "twiddles": "stored"}, marks=slow),
        pytest.param(64, {"reduction": "montgomery"}, marks=slow),
        pytest.param(256, {"lanes": 8, "channel": WIDE}, marks=slow),
        pytest.param(256, {"lanes": 8, "channel": WIDE, **TWO_OF_EACH}, marks=slow),
        pytest.param(256, {"lanes": 8, **FEW_PLACES}, marks=slow),
        pytest.param(1024, {"lanes": 8, "word_bits": 11}, marks=slow),
    ],
)
def test_machine__other_lanes_banks_units_and_rings(N, changes):
    made = machine(N, **changes)
    with MachineSimulator(made) as simulator:
        for seed in range(12):
            latency, outstanding = (30, 60, 7, 3)[seed % 4], (3, 1, 8)[seed % 3]
            memory = replace(made.shape.channel, latency_cycles=latency, outstanding=outstanding)
            memories = Memories(memory, code_latency_cycles=(40, 13)[seed % 2])
            check(simulator, made, seed, 1 + 7 * seed % 90, memories)


@pytest.mark.parametrize("seed", range(10))
def test_machine__memory_that_often_is_not_ready(simulator, tiny, seed):
    check(simulator, tiny, seed, 40, Memories(channel(30, 3), pauses=seed + 1))


def test_machine__images_one_after_another_and_a_reset_in_mid_run(simulator, tiny):
    made = RandomProgram(5, 60)
    program, data = made.program(), made.data()
    host = Host(simulator, compiled(made, tiny), Memories(channel(30, 3)))
    host.load(data)
    rng = np.random.default_rng(0)
    for image in range(3):
        if image == 1:
            host.start()
            simulator.run(700)
            simulator.reset()
        old = data["input", "x"]
        limits = [MODULI[m] for owner, m in made.externals if owner == 0]
        data["input", "x"] = np.stack(
            [rng.integers(0, q, old.shape[1], dtype=np.uint64) for q in limits]
        )
        expected = execute(program, data)
        assert np.array_equal(host.run(data).outputs["y"], expected["y"])


def test_machine__memory_that_answers_with_an_error(simulator, tiny):
    made = RandomProgram(5, 60)
    host = Host(simulator, compiled(made, tiny), Memories(channel(30, 3), fails_after=500))
    host.load(made.data())
    with pytest.raises(SimulationError, match="data memory answered with an error"):
        host.run(made.data())
    simulator.reset()


def test_machine__code_that_ends_too_early(simulator, tiny):
    made = RandomProgram(5, 60)
    host = Host(simulator, compiled(made, tiny), Memories(channel(30, 3)))
    host.load(made.data())
    host._code = host._code[:4200]
    with pytest.raises(SimulationError, match="code memory answered with an error"):
        host.run(made.data())
    simulator.reset()


def test_machine__a_program_for_another_machine(simulator):
    other = machine(slots=13)
    with pytest.raises(ProgramDataError, match="compile the program for this machine"):
        Host(simulator, compiled(RandomProgram(1, 4), other), Memories(channel(30, 3)))
