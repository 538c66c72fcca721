"""A program on a whole simulated machine: its bits against those that are expected, its cycles
against the model's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from accel_model.isa import Program
from accel_model.isa.program_data import Data
from accel_model.timed.program import TimedProgram
from accel_model.timed.scheduler import schedule
from accel_model.timed.timeline import RunTime, run_time
from rtl.accelerator.host import Host, MachineRun
from rtl.accelerator.machine import Accelerator
from rtl.accelerator.simulation.simulator import MachineSimulator, Memories
from rtl.errors import SimulationError

_MUCH_WORK = 1 << 27
"""Row words times cycles from which a model that is slower to build and faster to run pays."""


@dataclass(frozen=True)
class Cosimulation:
    """A finished run beside the model's cycles."""

    program: TimedProgram
    run: MachineRun
    model: RunTime

    @property
    def outputs(self) -> dict[str, np.ndarray]:
        """The outputs by name, uint64."""
        return self.run.outputs

    def check_cycles(self) -> None:
        """Raise `SimulationError` unless the machine took the model's cycles, exactly."""
        took = self.run.cycles, self.run.stalls
        said = self.model.cycles, self.model.stalled_beats
        if took != said:
            raise SimulationError(
                f"the machine took {took[0]} cycles and repeated {took[1]} beats, the model says "
                f"{said[0]} and {said[1]}"
            )

    def record(self, name: str) -> dict[str, Any]:
        """The run as plain data: the machine, the program with its name, and the cycles."""
        p = self.program
        return {
            "block": {"kind": "machine", **p.shape.plain(), "moduli": len(p.shape.moduli)},
            "target": f"verilator, program {name}",
            "facts": {
                "transfers": len(p.memory),
                "moves": len(p.moves),
                "compute_steps": len(p.compute),
                "model_cycles": self.model.cycles,
                "model_stalled_beats": self.model.stalled_beats,
            },
            "measured": {"cycles": self.run.cycles, "stalled_beats": self.run.stalls},
        }

    def lines(self) -> Iterator[str]:
        """Lines that say what ran, and in how many cycles."""
        p = self.program
        yield (
            f"{len(p.memory)} transfers, {len(p.moves)} moves, {len(p.compute)} steps of "
            f"{len(p.shape.units)} units"
        )
        yield f"{self.run.cycles} cycles, {self.run.stalls} beats repeated, as the model says"


def cosimulate(
    program: Program, data: Data, machine: Accelerator, memories: Memories | None = None
) -> Cosimulation:
    """Compile a program for a machine, and run it there from its bytes.

    Raises `accel_model.MachineMismatchError` for a program that does not fit, `ToolError`,
    `SimulationError`.
    """
    timed = schedule(program, machine.shape, machine.multiplier.radix)
    memories = memories or Memories(machine.shape.channel)
    model = run_time(timed, memories.channel, memories.code_latency_cycles)
    work = model.cycles * machine.shape.lanes * len(machine.shape.units)
    optimisation = "-O3" if work > _MUCH_WORK else "-O1"
    with MachineSimulator(machine, optimisation) as simulator:
        host = Host(simulator, timed, memories)
        host.load(data)
        run = host.run(data)
    return Cosimulation(timed, run, model)
