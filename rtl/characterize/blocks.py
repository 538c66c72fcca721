"""The blocks that are measured, and the facts that their parameters state."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.lib import wiring

from ntt.modulus import find_primes
from rtl.arithmetic.addsub import AddSub
from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.arithmetic.reductions import REDUCTIONS, modular_multiplier
from rtl.arithmetic.tiling import Tile, tile_named
from rtl.characterize.stimulus import Measured, queue_of
from rtl.errors import OptionError
from rtl.units.ntt.unit import NTTUnit

WIDTHS = (28, 36, 50, 60)
NTT_SIZES = ((1024, 1), (1024, 4), (1024, 8), (4096, 1), (4096, 4), (4096, 8), (16384, 1),
             (16384, 4), (16384, 8))  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A block to measure, as plain data.

    kind: "modmul", "butterfly", "ntt", "sum" or "queue"; parameters: those of the kind, by name.
    A "tile" and "word_bits" among them replace those that suit the target.
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
        if self.kind in ("sum", "queue"):
            block = self.measured(tile)
            return block.hardware(), {"latency_cycles": getattr(block, "latency", 1)}
        multiplier = self._multiplier(tile)
        width = multiplier.width
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

    def measured(self, tile: Tile) -> Measured:
        """The block whose toggles can be counted. Raises `OptionError` for an NTT unit."""
        width = int(str(self.parameters["width"]))
        if self.kind == "sum":
            return AddSub(width)
        if self.kind == "queue":
            return queue_of(width, int(str(self.parameters["depth"])))
        if self.kind == "modmul":
            return self._multiplier(tile)
        if self.kind == "butterfly":
            return Butterfly(self._multiplier(tile))
        raise OptionError(f"{self.name} holds memories: its toggles are not counted")

    def _multiplier(self, tile: Tile) -> ModularMultiplier:
        p = self.parameters
        width, own = int(str(p["width"])), tile_named(str(p["tile"])) if "tile" in p else tile
        bits = int(str(p.get("word_bits", word_bits(width, own))))
        return modular_multiplier(str(p["reduction"]), width, own, bits)


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


def machine_blocks() -> list[Block]:
    """The parts of the lanes of a machine in standard cells, for words of 28 and of 50 bits.

    Words of 14 bits reduce every prime that has a transform at N = 8192.
    """
    multiplier = {"reduction": "word", "word_bits": 14}
    return [
        Block("sum", {"width": 28}),
        Block("sum", {"width": 50}),
        Block("queue", {"width": 28, "depth": 32}),
        Block("queue", {"width": 50, "depth": 64}),
        Block("modmul", {"width": 28, **multiplier, "tile": "14x14"}),
        Block("modmul", {"width": 50, **multiplier, "tile": "18x18"}),
    ]


BLOCK_SETS = {
    "modmul": modmul_blocks,
    "butterfly": butterfly_blocks,
    "ntt": ntt_blocks,
    "machine": machine_blocks,
}
