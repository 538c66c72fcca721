"""The units of a whole accelerator, each placed and routed with the parameters that it has there.

    python -m rtl.characterize.machine FILE [KIND ..]

The accelerator is for rings of N = 8192, on the larger ECP5. Every prime with a transform of this
size is 1 mod 2^14, so that words of 14 bits serve all primes. The table has eight moduli. Two
butterflies with generated twiddles and two lanes of arithmetic use 136 of the 156 multipliers of
the device; automorphisms use two more.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from amaranth.lib import wiring

from ntt.modulus import find_primes
from ntt.terminal import CommandParser, run_command, say
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.arithmetic.reductions import modular_multiplier
from rtl.arithmetic.tiling import Tile
from rtl.characterize.blocks import Block
from rtl.characterize.jobs import Job, run_jobs
from rtl.errors import HardwareError, OptionError
from rtl.files import check_writable
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import PointwiseUnit

N, WIDTH, WORD_BITS, MODULI = 8192, 50, 14, 8
BUTTERFLIES = LANES = 2


@dataclass(frozen=True)
class Unit(Block):
    """One unit of the accelerator; `parameters` are the names under which the model finds it."""

    def build(self, tile: Tile) -> tuple[wiring.Component, dict[str, object]]:
        multiplier = modular_multiplier("word", WIDTH, tile, WORD_BITS)
        moduli = find_primes(WIDTH, N, MODULI)
        facts: dict[str, object] = {
            "multiplier": multiplier.describe(),
            "moduli": list(moduli),
            "multiplier_latency_cycles": multiplier.latency,
        }
        if self.kind == "pointwise":
            return PointwiseUnit(LANES, moduli, multiplier).hardware(), facts
        if self.kind == "automorphism":
            return AutomorphismUnit(N, LANES, moduli, WIDTH, buffers=1).hardware(), facts
        return self._ntt(moduli, multiplier, facts)

    def _ntt(
        self, moduli: tuple[int, ...], multiplier: ModularMultiplier, facts: dict[str, object]
    ) -> tuple[wiring.Component, dict[str, object]]:
        unit = NTTUnit(N, BUTTERFLIES, moduli, multiplier, 2, "generated")
        return unit.hardware(), facts | {
            "butterfly_latency_cycles": unit.butterfly.latency,
            "transform_cycles": unit.transform_cycles,
            "interval_cycles": unit.interval_cycles,
        }


def units() -> list[Block]:
    """The three units, with the parameters under which their results are found."""
    common: dict[str, object] = {"reduction": "word", "word_bits": WORD_BITS, "width": WIDTH}
    return [
        Unit("pointwise", {"lanes": LANES, **common, "moduli": MODULI}),
        Unit("automorphism", {"N": N, "lanes": LANES, "width": WIDTH, "buffers": 1}),
        Unit(
            "ntt",
            {
                "N": N,
                "butterflies": BUTTERFLIES,
                **common,
                "moduli": MODULI,
                "buffers": 2,
                "twiddles": "generated",
            },
        ),
    ]


def main() -> int:
    """Measure the kinds of units that the command line names; returns the exit status."""
    kinds = [unit.kind for unit in units()]
    parser = CommandParser(description="The units of a whole accelerator, placed and routed.")
    parser.add_argument("file", type=Path, help="results file")
    parser.add_argument("kind", nargs="*", help=f"only these of {', '.join(kinds)}")
    options = parser.parse_args()
    if unknown := set(options.kind) - set(kinds):
        raise OptionError(f"no unit is called {', '.join(sorted(unknown))}: {', '.join(kinds)} are")
    check_writable(options.file)
    wanted = options.kind or kinds
    jobs = [Job(unit, "ecp5", seeds=(1,)) for unit in units() if unit.kind in wanted]
    run_jobs(jobs, options.file, say)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, HardwareError))
