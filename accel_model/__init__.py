"""Time, energy and area of an encrypted computation on an accelerator.

The trace of a run is lowered to a program of instructions on limbs. The program can be executed in
NumPy, to the same bits as the run, and estimated on the model of a machine.

>>> import accel_model
>>> machine = accel_model.load_machine("asic7")
>>> machine.title
'A 7 nm accelerator, 50-bit words, the structure of our own units, four clusters'

With a trace that `python -m nn trace --network mnist -o mnist.trace` recorded:

    program = accel_model.lower(he.trace.load("mnist.trace"))
    result = accel_model.estimate(program, machine)
    print(result.time_s, result.energy.total_j, result.bottleneck)
"""

from accel_model.errors import (
    AcceleratorError,
    AssemblyError,
    BinaryError,
    CalibrationError,
    ExecutionError,
    LoweringError,
    MachineFileError,
    MachineMismatchError,
    ProgramError,
    ProgramFileError,
    TimedProgramError,
    WorkloadError,
)
from accel_model.estimation.estimate import Estimate, estimate
from accel_model.execution.executor import execute
from accel_model.isa import Program
from accel_model.isa.program_file import load as load_program
from accel_model.isa.program_file import save as save_program
from accel_model.lowering.operations import lower
from accel_model.machine.description import Machine
from accel_model.machine.figures import Figure
from accel_model.machine.machine_file import load_machine, machine_names

__all__ = [
    "AcceleratorError",
    "AssemblyError",
    "BinaryError",
    "CalibrationError",
    "Estimate",
    "ExecutionError",
    "Figure",
    "LoweringError",
    "Machine",
    "MachineFileError",
    "MachineMismatchError",
    "Program",
    "ProgramError",
    "ProgramFileError",
    "TimedProgramError",
    "WorkloadError",
    "estimate",
    "execute",
    "load_machine",
    "load_program",
    "lower",
    "machine_names",
    "save_program",
]
