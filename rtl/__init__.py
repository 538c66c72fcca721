"""The accelerator's hardware: parameter objects that compute, count cycles, and become Verilog.

>>> import rtl
>>> from ntt.modulus import find_primes
>>> multiplier, primes = rtl.WordMontgomery(width=50, word_bits=18), find_primes(50, 1 << 17, 1)
>>> unit = rtl.NTTUnit(N=1024, butterflies=8, moduli=primes, multiplier=multiplier)
>>> unit.transform_cycles, unit.hard_multipliers
(670, 120)

`unit.golden(..)` is the exact answer of the hardware. The Verilog, its memory images and a
datasheet go to a new folder:

    rtl.write_folder(unit, "unit", Path("out"))

`python -m rtl` generates, simulates and measures blocks, and runs programs on simulated units. The
package needs the extra `he-accel[rtl]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntt.lazy import lazy_names

if TYPE_CHECKING:
    from rtl.arithmetic.addsub import AddSub, PairOperation
    from rtl.arithmetic.barrett import Barrett
    from rtl.arithmetic.butterfly import Butterfly
    from rtl.arithmetic.modmul import ModularMultiplier
    from rtl.arithmetic.montgomery import Montgomery, WordMontgomery
    from rtl.arithmetic.reductions import modular_multiplier
    from rtl.errors import (
        BlockModulusError,
        GeometryError,
        HardwareError,
        LibertyError,
        OptionError,
        OutputError,
        ProgramDataError,
        SimulationError,
        ToolError,
        WidthError,
    )
    from rtl.generator.catalogue import BlockOptions
    from rtl.generator.output_folder import write_folder
    from rtl.parts.block import Block
    from rtl.programs.runner import ProgramRun, check_outputs, run_program, units_for
    from rtl.programs.simulated_units import SimulatedUnits
    from rtl.units.automorphism import AutomorphismUnit
    from rtl.units.expander import SeedExpander
    from rtl.units.ntt.unit import NTTUnit
    from rtl.units.pointwise import LimbOperation, PointwiseUnit
    from rtl.verilog.design import Design, emit

__all__ = [
    "AddSub",
    "AutomorphismUnit",
    "Barrett",
    "Block",
    "BlockModulusError",
    "BlockOptions",
    "Butterfly",
    "Design",
    "GeometryError",
    "HardwareError",
    "LibertyError",
    "LimbOperation",
    "ModularMultiplier",
    "Montgomery",
    "NTTUnit",
    "OptionError",
    "OutputError",
    "PairOperation",
    "PointwiseUnit",
    "ProgramDataError",
    "ProgramRun",
    "SeedExpander",
    "SimulatedUnits",
    "SimulationError",
    "ToolError",
    "WidthError",
    "WordMontgomery",
    "check_outputs",
    "emit",
    "modular_multiplier",
    "run_program",
    "units_for",
    "write_folder",
]

# A module is loaded when one of its names is first used, so that `python -m rtl` can say which tool
# is missing where the extra is not installed.
__getattr__, __dir__ = lazy_names(
    "rtl",
    {
        "arithmetic.addsub": "AddSub PairOperation",
        "arithmetic.barrett": "Barrett",
        "arithmetic.butterfly": "Butterfly",
        "arithmetic.modmul": "ModularMultiplier",
        "arithmetic.montgomery": "Montgomery WordMontgomery",
        "arithmetic.reductions": "modular_multiplier",
        "errors": (
            "BlockModulusError GeometryError HardwareError LibertyError OptionError OutputError "
            "ProgramDataError SimulationError ToolError WidthError"
        ),
        "generator.catalogue": "BlockOptions",
        "generator.output_folder": "write_folder",
        "parts.block": "Block",
        "programs.runner": "ProgramRun check_outputs run_program units_for",
        "programs.simulated_units": "SimulatedUnits",
        "units.automorphism": "AutomorphismUnit",
        "units.expander": "SeedExpander",
        "units.ntt.unit": "NTTUnit",
        "units.pointwise": "LimbOperation PointwiseUnit",
        "verilog.design": "Design emit",
    },
)
