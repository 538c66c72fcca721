"""Named errors of the accelerator model."""

from __future__ import annotations


class AcceleratorError(ValueError):
    """Base of every error that `accel_model` raises for bad input."""


class ProgramError(AcceleratorError):
    """A program is malformed: an instruction names what does not exist, or breaks the rules."""


class ProgramFileError(AcceleratorError):
    """A program file is of another version, cut short, or no program file at all."""


class LoweringError(AcceleratorError):
    """A trace holds an operation that cannot be lowered to instructions.

    operation: its number, if one is to blame.
    """

    def __init__(self, message: str, operation: int | None = None) -> None:
        super().__init__(message)
        self.operation = operation


class ExecutionError(AcceleratorError):
    """The data given to a program do not fit it, or an operand is out of range."""


class MachineFileError(AcceleratorError):
    """A machine file lacks, contradicts or overstates something; names the file and the line."""


class MachineMismatchError(AcceleratorError):
    """A program needs something that the machine does not have."""


class CalibrationError(AcceleratorError):
    """A measurement that a machine file names does not exist, or a results file is garbled."""


class WorkloadError(AcceleratorError):
    """The files given to a command are not traces that can be told apart."""
