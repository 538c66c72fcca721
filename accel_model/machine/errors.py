"""Named errors of machine descriptions and calibration."""

from __future__ import annotations

from accel_model.errors import AcceleratorError


class MachineFileError(AcceleratorError):
    """A machine file lacks, contradicts or overstates something; names the file and the line."""


class MachineMismatchError(AcceleratorError):
    """A program needs what the machine has not got."""


class CalibrationError(AcceleratorError):
    """A measurement that is asked for does not exist, or a results file cannot be read."""


class WorkloadError(AcceleratorError):
    """A file is neither a trace nor a program."""
