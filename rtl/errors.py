"""The errors of `rtl`."""

from __future__ import annotations


class HardwareError(ValueError):
    """Base of every error that `rtl` raises for bad input."""


class WidthError(HardwareError):
    """A word width is outside what a block supports."""


class GeometryError(HardwareError):
    """No unit has this ring degree, this number of lanes, or this number of buffers."""


class BlockModulusError(HardwareError):
    """A modulus does not fit a block: not prime, without a transform, too wide or too narrow."""


class OptionError(HardwareError):
    """A choice (of a reduction, a tile, a target, ...) does not exist."""


class ToolError(HardwareError):
    """An external tool is missing or failed."""


class LibertyError(HardwareError):
    """A Liberty file cannot be read, or lacks cells that the mapper needs."""


class SimulationError(HardwareError):
    """A simulated block gives no answer or a wrong one, or given vectors do not fit it."""


class ProgramDataError(HardwareError):
    """The data of a program are missing or misshapen."""


class OutputError(HardwareError):
    """An output folder cannot be used."""


class MachineOptionError(HardwareError):
    """A machine file does not exist, or one of its options is unknown or of another type."""
