"""The NTT unit: both transforms on the same memories and butterflies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout, StructLayout

import ntt
from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.errors import OptionError
from rtl.parts.moduli_table import check_ntt_moduli
from rtl.units.ntt.control import Control
from rtl.units.ntt.schedule import Schedule, check_buffers, check_geometry
from rtl.units.ntt.twiddles import GeneratedTwiddles, StoredTwiddles, TwiddleRequest, TwiddleSource

TWIDDLE_SOURCES = ("stored", "generated")


@dataclass(frozen=True)
class NTTUnit:
    """Negacyclic NTT of `N` points on so many `butterflies`, and its inverse.

    Forward: natural order in, bit-reversed order out, as `ntt.forward`; inverse: the other way,
    1/N included, as `ntt.inverse`. Each transform names its modulus, out of the table `moduli`,
    and its direction. A stream beat carries `butterflies` neighbouring coefficients.

    buffers: 1, or 2 to fill and drain one while the other is transformed.
    twiddles: "stored" in memory, or "generated" by one more modular multiplier a butterfly.

    Raises `GeometryError`, `BlockModulusError`, `OptionError`.
    """

    N: int
    butterflies: int
    moduli: tuple[int, ...]
    multiplier: ModularMultiplier
    buffers: int = 1
    twiddles: str = "stored"

    def __post_init__(self) -> None:
        check_geometry(self.N, self.butterflies)
        check_buffers(self.buffers)
        if self.twiddles not in TWIDDLE_SOURCES:
            raise OptionError(
                f"twiddles {self.twiddles!r}: choose one of {', '.join(TWIDDLE_SOURCES)}"
            )
        multiplier = self.multiplier
        check_ntt_moduli(self.moduli, self.N, multiplier.check_modulus, multiplier.candidates)

    @cached_property
    def butterfly(self) -> Butterfly:
        # Generated factors are the slowest to come: every cycle of theirs delays the first step.
        return Butterfly(self.multiplier, late_factor=self.twiddles == "generated")

    @cached_property
    def request(self) -> TwiddleRequest:
        lane_bits = self.butterflies.bit_length() - 1
        return TwiddleRequest(self.N.bit_length() - 1, lane_bits, self.moduli, self.multiplier)

    @cached_property
    def twiddle_source(self) -> TwiddleSource:
        if self.twiddles == "stored":
            return StoredTwiddles(self.request)
        return GeneratedTwiddles(self.request)

    # --- time: each step's accesses, in cycles after its issue -------------------------------

    @property
    def _exchange_latency(self) -> int:
        """Pairing lanes across takes a register each way."""
        return 1 if self.butterflies > 1 else 0

    @property
    def read_latency(self) -> int:
        """From read addresses at the memories: memory and its register. Memories of rows of several
        lanes lie across the device, and their words have a cycle more for the way."""
        return 3 if self.butterflies > 1 else 2

    @property
    def _read_to_butterfly(self) -> int:
        """From read addresses at the memories: words read, bank order, lane order."""
        return self.read_latency + 1 + self._exchange_latency

    @property
    def read_offset(self) -> int:
        """Read addresses are at the memories: two registers on, or when twiddles, which are asked
        for one cycle after issue, are in time."""
        to_factor = self._read_to_butterfly + self.butterfly.factor_offset
        return max(2, 1 + self.twiddle_source.latency - to_factor)

    @property
    def twiddle_lead_cycles(self) -> int:
        """What one transform takes longer because its first twiddles come late: 0 when stored, the
        modular multiplier's latency less four or six when generated. Back to back it costs
        nothing."""
        return self.read_offset - 2

    @property
    def butterfly_offset(self) -> int:
        """Operands are at the butterflies."""
        return self.read_offset + self._read_to_butterfly

    @property
    def factor_offset(self) -> int:
        """Twiddles are at the butterflies."""
        return self.butterfly_offset + self.butterfly.factor_offset

    @property
    def write_offset(self) -> int:
        """Writes are at the memories: butterfly, lane order, bank order."""
        return self.butterfly_offset + self.butterfly.latency + self._exchange_latency + 1

    @cached_property
    def schedule(self) -> Schedule:
        """A row written in one cycle can be read in the next."""
        return Schedule(self.N, self.butterflies, self.write_offset + 1 - self.read_offset)

    @property
    def transform_cycles(self) -> int:
        """One transform, from the first step's issue to the last write; either direction."""
        return self.schedule.issue_cycles + self.write_offset

    @property
    def latency_cycles(self) -> int:
        """From the last beat taken in until the first beat is offered."""
        return self.transform_cycles + self.read_latency + 5

    @property
    def beats(self) -> int:
        """Stream beats of one polynomial."""
        return self.N // self.butterflies

    @property
    def interval_cycles(self) -> int:
        """From transform to transform when both streams keep up: with two buffers, the steps
        alone; with one, also filling behind the draining rows."""
        if self.buffers == 2:
            return self.schedule.issue_cycles
        return self.transform_cycles + self.beats + 2

    # --- meaning ------------------------------------------------------------------------------

    @cached_property
    def tables(self) -> ntt.NTTTables:
        return ntt.NTTTables(self.N, self.moduli)

    def golden(self, x: np.ndarray, modulus: int, inverse: bool) -> np.ndarray:
        """The transform of x, uint64 (N,), modulo entry `modulus` of the table, by `ntt`."""
        rows = np.array([modulus])
        transform = ntt.inverse if inverse else ntt.forward
        result: np.ndarray = transform(x[None, :], self.tables, rows)[0]
        return result

    # --- cost ---------------------------------------------------------------------------------

    @property
    def hard_multipliers(self) -> int:
        return (
            self.butterflies * self.butterfly.hard_multipliers
            + self.twiddle_source.hard_multipliers
        )

    @property
    def data_memory_bits(self) -> int:
        return self.buffers * self.N * self.multiplier.width

    @property
    def twiddle_memory_bits(self) -> int:
        return self.twiddle_source.memory_bits

    # --- hardware -----------------------------------------------------------------------------

    @cached_property
    def control(self) -> Control:
        return Control(
            self.schedule, self.buffers, len(self.moduli), self.read_offset, self.write_offset
        )

    @property
    def row_layout(self) -> ArrayLayout:
        return ArrayLayout(self.multiplier.width, self.butterflies)

    @property
    def input_layout(self) -> StructLayout:
        """A beat in. `modulus` and `inverse` count in the first beat of a polynomial only."""
        return StructLayout(
            {"data": self.row_layout, **self.control.sequencer.command_layout.members}
        )

    @property
    def output_layout(self) -> StructLayout:
        """A beat out; `last` marks the last of a polynomial."""
        return StructLayout({"data": self.row_layout, "last": 1})

    def hardware(self) -> wiring.Component:
        from rtl.units.ntt.datapath import NTTUnitHardware

        return NTTUnitHardware(self)
