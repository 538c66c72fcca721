"""The driver on the host: it loads a program and its keys once, then runs image after image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accel_model.isa.program_data import Data
from accel_model.timed.binary import VERSION, queue_offsets, to_bytes
from accel_model.timed.image import new_image, read_outputs, write_limbs
from accel_model.timed.program import TimedProgram
from accel_model.timed.timeline import run_time
from rtl.accelerator import registers as at
from rtl.accelerator.simulation.simulator import MachineSimulator, Memories
from rtl.errors import ProgramDataError, SimulationError

_PATIENCE = 4
"""A run may take so many times the cycles of the model, before it is given up."""


@dataclass(frozen=True)
class MachineRun:
    """What a run left: outputs by name, cycles as the machine counted them, repeated beats."""

    outputs: dict[str, np.ndarray]
    cycles: int
    stalls: int


class Host:
    """A machine with a program in its memory.

    Raises `ProgramDataError` where the machine is another than the program was made for, or runs
    another version of programs.
    """

    def __init__(
        self, machine: MachineSimulator, program: TimedProgram, memories: Memories
    ) -> None:
        self.machine, self.program, self.memories = machine, program, memories
        content = to_bytes(program)
        self._code = np.frombuffer(content, np.uint8).copy()
        self._data = new_image(program)
        self._offsets = queue_offsets(content)
        version, fingerprint = machine.read(0x04), machine.read(0x08)
        if version != VERSION:
            raise ProgramDataError(
                f"the machine runs programs of version {version}, this one has version {VERSION}: "
                "generate the machine again"
            )
        if fingerprint != program.shape.fingerprint:
            raise ProgramDataError(
                f"the program was made for the machine {program.shape.fingerprint:08x}, this is "
                f"{fingerprint:08x}: compile the program for this machine"
            )

    def load(self, data: Data) -> None:
        """Write keys and plaintexts into memory; they stay for all images."""
        write_limbs(self._data, self.program, data, ("key", "plaintext"))

    def run(self, data: Data) -> MachineRun:
        """Write the inputs, run the program, read the outputs.

        Raises `SimulationError` where memory answers with an error, the program was not made for
        the machine, or the run does not end.
        """
        write_limbs(self._data, self.program, data, ("input",))
        self.start()
        expected = run_time(self.program, self.memories.channel, self.memories.code_latency_cycles)
        limit = _PATIENCE * expected.cycles + 10000
        took = self.machine.run(limit)
        status = self.machine.read(at.STATUS)
        self._check(status, took, limit)
        cycles = self.machine.read(at.CYCLES) | self.machine.read(at.CYCLES + 4) << 32
        stalls = self.machine.read(at.STALLS)
        self.machine.write(at.CONTROL, at.CLEAR)
        return MachineRun(read_outputs(self._data, self.program), cycles, stalls)

    def start(self) -> None:
        """Set the registers, and start."""
        machine = self.machine
        machine.connect(self._code, self._data, self.memories)
        machine.write(at.DATA, 0)
        machine.write(at.DATA + 4, 0)
        for number, (name, offset) in enumerate(self._offsets.items()):
            register = at.QUEUES + 12 * number
            machine.write(register, offset)
            machine.write(register + 4, 0)
            machine.write(register + 8, len(self.program.queue(name)))
        machine.write(at.CONTROL, at.START)

    def _check(self, status: int, took: int, limit: int) -> None:
        if status & at.DATA_ERROR:
            raise SimulationError(
                f"data memory answered with an error after {took} cycles: the addresses of the "
                "program and the size of memory must fit each other"
            )
        if status & at.CODE_ERROR:
            raise SimulationError(
                f"code memory answered with an error after {took} cycles: the addresses of the "
                "queues and the size of memory must fit each other"
            )
        if not status & at.DONE:
            raise SimulationError(
                f"the machine is not done after {limit} cycles, status {status:x}"
            )
        if status & at.WRONG_PROGRAM:
            raise SimulationError(
                "a unit got a row when it could take none: the program's starts are not those of "
                "this machine; compile it again"
            )
