"""The blocks that are measured, and the facts that their parameters state."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.lib import wiring

from ntt.modulus import find_primes
from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.reductions import REDUCTIONS, modular_multiplier
from rtl.arithmetic.tiling import Tile
from rtl.units.ntt.unit import NTTUnit

WIDTHS = (28, 36, 50, 60)
NTT_SIZES = ((1024, 1), (1024, 4), (1024, 8), (4096, 1), (4096, 4), (4096, 8), (16384, 1),
             (16384, 4), (16384, 8))  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A block to measure, as plain data.

    kind: "modmul", "butterfly" or "ntt"; parameters: those of the kind, by name.
    """

    kind: str
    parameters: dict[str, object]

    @property
    def name(self) -> str:
        """A short, unique name, for files and progress."""
        return "-".join(str(part) for part in (self.kind, *self.parameters.values()))

    def build(self, tile: Tile) -> tuple[wiring.Component, dict[str, object]]:
        """The hardware, with multiplications cut for `tile`, and the facts that it states."""
        p = self.parameters
        width, reduction = int(str(p["width"])), str(p["reduction"])
        multiplier = modular_multiplier(reduction, width, tile, word_bits(width, tile))
        facts: dict[str, object] = {"multiplier": multiplier.describe()}
        if self.kind == "modmul":
            facts |= {"latency_cycles": multiplier.latency}
            return multiplier.hardware(), facts
        if self.kind == "butterfly":
            butterfly = Butterfly(multiplier)
            return butterfly.hardware(), facts | {"latency_cycles": butterfly.latency}
        N, butterflies = int(str(p["N"])), int(str(p["butterflies"]))
        moduli = find_primes(width, 1 << 17, 1)
        unit = NTTUnit(
            N, butterflies, moduli, multiplier, int(str(p["buffers"])), str(p["twiddles"])
        )
        facts |= {
            "moduli": list(moduli),
            "transform_cycles": unit.transform_cycles,
            "latency_cycles": unit.latency_cycles,
            "interval_cycles": unit.interval_cycles,
            "data_memory_bits": unit.data_memory_bits,
            "twiddle_memory_bits": unit.twiddle_memory_bits,
        }
        return unit.hardware(), facts


def word_bits(width: int, tile: Tile) -> int:
    """The bits of a word of the word-level reduction that suit the tile.

    The fewest words that fit the short side of the tile, of equal size.
    """
    longest = min(tile.b_bits or 18, 18)
    steps = -(-width // longest)
    return min(-(-width // steps), width - 1)


def modmul_blocks() -> list[Block]:
    """Every modular multiplier at every one of `WIDTHS`."""
    return [
        Block("modmul", {"reduction": reduction, "width": width})
        for width in WIDTHS
        for reduction in REDUCTIONS
    ]


def butterfly_blocks() -> list[Block]:
    """The butterfly with word-level Montgomery reduction at every one of `WIDTHS`."""
    return [Block("butterfly", {"reduction": "word", "width": width}) for width in WIDTHS]


def ntt_blocks(buffers: int = 1, twiddles: str = "stored") -> list[Block]:
    """The NTT unit of 50 bits at every one of `NTT_SIZES`."""
    return [
        Block(
            "ntt",
            {
                "N": N,
                "butterflies": butterflies,
                "reduction": "word",
                "width": 50,
                "buffers": buffers,
                "twiddles": twiddles,
            },
        )
        for N, butterflies in NTT_SIZES
    ]


BLOCK_SETS = {"modmul": modmul_blocks, "butterfly": butterfly_blocks, "ntt": ntt_blocks}
