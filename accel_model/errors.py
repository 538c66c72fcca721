"""Named errors of the accelerator model."""

from __future__ import annotations


class AcceleratorError(ValueError):
    """Base of every error that `accel_model` raises for bad input."""


class ProgramError(AcceleratorError):
    """An instruction or a table of a program breaks the rules of `accel_model.isa.program`."""


class ProgramFileError(AcceleratorError):
    """A file is no program file, is cut short, or has another version."""


class LoweringError(AcceleratorError):
    """A trace holds an operation that cannot be lowered to instructions.

    operation: the number of the operation, or None.
    """

    def __init__(self, message: str, operation: int | None = None) -> None:
        super().__init__(message)
        self.operation = operation


class ExecutionError(AcceleratorError):
    """The data do not fit the program, or a residue is out of range."""


class MachineFileError(AcceleratorError):
    """A figure in a machine file is missing, contradictory or out of range; names file and line."""


class MachineMismatchError(AcceleratorError):
    """A program needs something that the machine does not have."""


class CalibrationError(AcceleratorError):
    """A measurement that a machine file names does not exist, or a results file is garbled."""


class WorkloadError(AcceleratorError):
    """The files given to a command are not traces that can be told apart."""


class TimedProgramError(AcceleratorError):
    """A timed program contradicts itself: a start, a slot, a unit or an address."""


class BinaryError(AcceleratorError):
    """Bytes are no timed program: of another kind or version, cut short, or altered."""


class AssemblyError(AcceleratorError):
    """A line of a timed program's text cannot be read; names the line."""
