"""One program, three executors: the run itself, NumPy, and the simulated hardware, as units that
are fed limb by limb and as a whole machine that runs a binary."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from accel_model.isa import Opcode, Phase
from accel_model.isa.section import OPERANDS, RESULTS, cut
from accel_model.lowering.operations import lower
from accel_model.machine import units
from rtl.accelerator.cosimulation import cosimulate
from rtl.accelerator.machine_file import load_machine, machine_names, machine_of
from rtl.generator.catalogue import BlockOptions
from rtl.programs.runner import ProgramRun, check_outputs, run_program, units_for
from rtl.programs.simulated_units import SimulatedUnits

TINY = {"lanes": 2, "slots": 16, "channel": {"data_bits": 32, "burst_beats": 8}}
KEY_SWITCH = {Phase.DECOMPOSE, Phase.KEY_PRODUCT, Phase.DIVIDE}


def operation(run, number):
    """An operation of a traced run as a program, with the limbs that the software had and those
    that it left."""
    part = cut(lower(run.trace), number, number)
    taken, left = run.kept[number]
    assert len(part.operands) == sum(data.shape[0] * data.shape[1] for data in taken)
    data = dict(run.arrays)
    data["input", OPERANDS] = np.concatenate([d.reshape(-1, d.shape[-1]) for d in taken])
    data["output", RESULTS] = np.concatenate([d.reshape(-1, d.shape[-1]) for d in left])
    return part.program, data


def run_operation(run, number, options, lanes):
    """An operation of a traced run on the simulated units: the bits that the software left."""
    program, data = operation(run, number)
    with units_for(program, options, lanes) as simulated:
        done = run_program(program, data, simulated)
    assert check_outputs(done.outputs, data) == data["output", RESULTS].size
    return program, done, simulated


def run_on_machine(program, data, machine):
    """A program on a whole machine, from one binary: all bits, and the model's cycles."""
    done = cosimulate(program, data, machine)
    done.check_cycles()
    expected = sum(array.size for (kind, _), array in data.items() if kind == "output")
    assert check_outputs(done.outputs, data) == expected
    return done


def assert_cycles_are_the_models(done: ProgramRun, simulated: SimulatedUnits) -> None:
    """Every batch took what the model's timings say: the first limb, then an interval each."""
    N, options, lanes = simulated.options.N, simulated.options, simulated.lanes
    multiplier = simulated.ntt.multiplier
    transform = units.NTTTiming(
        N, options.butterflies, options.buffers, options.twiddles,
        simulated.ntt.butterfly.latency, multiplier.latency,
    )  # fmt: skip
    pointwise = units.generated_pointwise(N, lanes, multiplier.latency, 2)
    image = units.AutomorphismTiming(N, lanes, options.buffers)
    for batch in done.batches:
        timing = {"ntt": transform, "pointwise": pointwise, "automorphism": image}[batch.unit]
        interval = timing.interval_cycles
        waits = max(0, pointwise.modulus_change_cycles - interval)
        if batch.unit == "pointwise":
            interval_cycles = (batch.limbs - 1) * interval + batch.changes * waits
        else:
            interval_cycles = (batch.limbs - 1) * interval
        assert batch.cycles == timing.total_cycles + interval_cycles, batch


def test_key_switch_of_the_mnist_run__limb_by_limb_on_the_simulated_units(mnist_run):
    """A rotation's key switch, every instruction of it on a unit, at the real size."""
    kinds = [op.kind for op in mnist_run.trace.operations]
    number = kinds.index("automorphisms")
    options = BlockOptions(butterflies=8, buffers=2, twiddles="generated")
    program, done, simulated = run_operation(mnist_run, number, options, lanes=8)
    assert program.N == 8192
    assert set(program.instructions["phase"].tolist()) >= KEY_SWITCH | {Phase.AUTOMORPHISM}
    by_unit = Counter[str]()
    for batch in done.batches:
        by_unit[batch.unit] += batch.limbs
    counts = done.counts
    assert by_unit["ntt"] == counts[Opcode.NTT] + counts[Opcode.INTT]
    assert by_unit["automorphism"] == counts[Opcode.PERMUTE]
    transfers = counts[Opcode.LOAD] + counts[Opcode.STORE]
    # The overflow of a division by two special primes is counted outside of the units.
    outside = counts[Opcode.FRACTION] + counts[Opcode.FLOOR]
    assert outside == 3 * counts[Opcode.FLOOR]
    assert by_unit.total() == len(program) - transfers - outside
    assert_cycles_are_the_models(done, simulated)


@pytest.mark.parametrize("circuit", ["one-limb digits", "wide primes"], indirect=True)
def test_every_kind_of_operation__on_the_simulated_units(circuit_run):
    program = lower(circuit_run.trace)
    options = BlockOptions(butterflies=2, reduction="montgomery")
    data = dict(circuit_run.arrays)
    data |= {("output", str(i)): array for i, array in enumerate(circuit_run.outputs)}
    with units_for(program, options, lanes=2) as simulated:
        done = run_program(program, data, simulated)
    assert check_outputs(done.outputs, data) == sum(array.size for array in circuit_run.outputs)


def test_key_switch_of_the_mnist_run__on_a_whole_machine(mnist_run):
    """The same key switch from one binary, overflow counts and external memory included."""
    kinds = [op.kind for op in mnist_run.trace.operations]
    program, data = operation(mnist_run, kinds.index("automorphisms"))
    del data["output", "0"]
    run_on_machine(program, data, load_machine("small", program))


@pytest.mark.parametrize("circuit", ["words"], indirect=True)
def test_every_kind_of_operation__on_a_whole_machine(circuit_run):
    program = lower(circuit_run.trace)
    data = dict(circuit_run.arrays)
    data |= {("output", str(i)): array for i, array in enumerate(circuit_run.outputs)}
    run_on_machine(program, data, machine_of(TINY, program, "tiny"))


def test_a_network__on_a_whole_machine(small_run):
    """An encrypted network from one binary, with values that the scratchpad cannot hold."""
    program = lower(small_run.trace)
    machine = machine_of(TINY | {"lanes": 4}, program, "tiny")
    done = run_on_machine(program, dict(small_run.arrays), machine)
    assert (done.program.placed["object"] == -1).any()


@pytest.mark.slow
def test_the_whole_mnist_run__on_the_simulated_units(mnist_run):
    """Encrypted logits of the software run, from the hardware."""
    program = lower(mnist_run.trace)
    data = dict(mnist_run.arrays)
    options = BlockOptions(butterflies=8, buffers=2, twiddles="generated")
    with units_for(program, options, lanes=8) as simulated:
        done = run_program(program, data, simulated)
    assert check_outputs(done.outputs, data) == 2 * program.N


@pytest.mark.slow
@pytest.mark.parametrize("machine", machine_names())
def test_the_whole_mnist_run__on_a_whole_machine(mnist_run, machine):
    """Encrypted logits of the software run, from one binary."""
    program = lower(mnist_run.trace)
    run_on_machine(program, dict(mnist_run.arrays), load_machine(machine, program))
