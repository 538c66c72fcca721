"""Named errors of the hardware generator."""

from __future__ import annotations


class HardwareError(ValueError):
    """Base of every error that `rtl` raises for bad input."""


class WidthError(HardwareError):
    """A word width is outside what a block supports."""


class GeometryError(HardwareError):
    """Ring degree, butterfly count or buffering do not fit together."""


class BlockModulusError(HardwareError):
    """A modulus does not fit a block: not prime, not NTT-friendly, too wide or too narrow."""


class OptionError(HardwareError):
    """A choice (reduction, tile, operation, ...) is not one of those that exist."""


class ToolError(HardwareError):
    """An external tool is missing or failed."""


class LibertyError(HardwareError):
    """A Liberty file cannot be read, or lacks cells that mapping needs."""


class SimulationError(HardwareError):
    """A simulated block did not answer, or its answer differs from the golden one."""


class OutputError(HardwareError):
    """An output folder cannot be used."""
