"""The parameters of an NTT unit, and what follows from them: times, layouts, memories.

An *offset* is a time in cycles after the issue of a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from amaranth.lib.data import ArrayLayout, StructLayout

from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.errors import OptionError
from rtl.parts.moduli_table import check_ntt_moduli
from rtl.units.geometry import check_buffers, check_geometry
from rtl.units.ntt.control import Control
from rtl.units.ntt.schedule import Schedule
from rtl.units.ntt.twiddles import GeneratedTwiddles, StoredTwiddles, TwiddleRequest, TwiddleSource
from rtl.units.stream_unit import BEATS_IN_ORDER, Row, StreamUnit

TWIDDLE_SOURCES = ("stored", "generated")


@dataclass(frozen=True)
class NTTParameters(StreamUnit):
    """The parameters of `NTTUnit`, checked. Raises as `NTTUnit` does."""

    N: int
    butterflies: int
    moduli: tuple[int, ...]
    multiplier: ModularMultiplier
    buffers: int = 1
    twiddles: str = "stored"

    def __post_init__(self) -> None:
        check_geometry(self.N, self.butterflies, "butterflies")
        check_buffers(self.buffers)
        if self.twiddles not in TWIDDLE_SOURCES:
            raise OptionError(
                f"twiddles {self.twiddles!r}: choose one of {', '.join(TWIDDLE_SOURCES)}"
            )
        multiplier = self.multiplier
        check_ntt_moduli(self.moduli, self.N, multiplier.check_modulus, multiplier.candidates)

    @property
    def beats(self) -> int:
        """Stream beats of one polynomial."""
        return self.N // self.butterflies

    # --- parts --------------------------------------------------------------------------------

    @cached_property
    def butterfly(self) -> Butterfly:
        """The butterfly of each lane."""
        # Generated factors arrive last. Each cycle that the butterfly can wait starts it earlier.
        return Butterfly(self.multiplier, late_factor=self.twiddles == "generated")

    @cached_property
    def twiddle_source(self) -> TwiddleSource:
        """The twiddle factors of every modulus, one a lane and step."""
        lane_bits = self.butterflies.bit_length() - 1
        log_N = self.N.bit_length() - 1
        request = TwiddleRequest(log_N, lane_bits, self.moduli, self.multiplier)
        stored = self.twiddles == "stored"
        return StoredTwiddles(request) if stored else GeneratedTwiddles(request)

    @cached_property
    def schedule(self) -> Schedule:
        """The steps. A row that is written in one cycle can be read in the next."""
        return Schedule(self.N, self.butterflies, self.write_offset + 1 - self.read_offset)

    @cached_property
    def control(self) -> Control:
        """The buffers, and who uses them when."""
        return Control(
            self.schedule, self.buffers, len(self.moduli), self.read_offset, self.write_offset
        )

    # --- times --------------------------------------------------------------------------------

    @property
    def _exchange_latency(self) -> int:
        """Cycles of the exchange of lanes in front of the butterflies, and of that behind them."""
        return 1 if self.butterflies > 1 else 0

    @property
    def read_latency(self) -> int:
        """Cycles from the read address of a memory to its word: the memory and a register.

        Memories of several lanes lie across the device, so their words have one more register.
        """
        return 3 if self.butterflies > 1 else 2

    @property
    def _read_to_butterfly(self) -> int:
        """Cycles from the read address to the operands: words, order of banks, order of lanes."""
        return self.read_latency + 1 + self._exchange_latency

    @property
    def read_offset(self) -> int:
        """When the read addresses are at the memories.

        Two registers after issue, or later if the twiddles, which are requested one cycle after
        issue, would not arrive in time.
        """
        to_factor = self._read_to_butterfly + self.butterfly.factor_offset
        return max(2, 1 + self.twiddle_source.latency - to_factor)

    @property
    def twiddle_lead_cycles(self) -> int:
        """Cycles by which a transform is longer because its first twiddles arrive late.

        0 for stored twiddles; for generated ones the latency of the modular multiplier less 4 (one
        butterfly) or 6 (several). Transforms that follow each other lose nothing.
        """
        return self.read_offset - 2

    @property
    def butterfly_offset(self) -> int:
        """When the operands are at the butterflies."""
        return self.read_offset + self._read_to_butterfly

    @property
    def factor_offset(self) -> int:
        """When the twiddles are at the butterflies."""
        return self.butterfly_offset + self.butterfly.factor_offset

    @property
    def write_offset(self) -> int:
        """When the results are at the memories: butterfly, order of lanes, order of banks."""
        return self.butterfly_offset + self.butterfly.latency + self._exchange_latency + 1

    @property
    def transform_cycles(self) -> int:
        """Cycles from the first step of a transform to its last write, in both directions."""
        return self.schedule.issue_cycles + self.write_offset

    @property
    def timing_rows(self) -> list[Row]:
        return [
            (
                "one transform, from the first step to the last write (`busy`)",
                f"{self.transform_cycles}",
            ),
            ("the steps and waits alone", f"{self.schedule.issue_cycles}"),
            ("from the last beat in to the first beat out", f"{self.latency_cycles}"),
            ("from a transform to the next, if neither stream waits", f"{self.interval_cycles}"),
            ("beats of a polynomial", f"{self.beats}"),
        ]

    @property
    def format_lines(self) -> list[str]:
        return [
            BEATS_IN_ORDER,
            (
                "Forward: natural order in, bit-reversed order out, A[i] = a(psi^(2 brv(i) + 1)), "
                "psi the smallest primitive 2N-th root of unity. Inverse: the other way, 1/N "
                "included."
            ),
        ]

    @property
    def latency_cycles(self) -> int:
        """Cycles from the last beat of a polynomial in to the first beat of its transform out."""
        return self.transform_cycles + self.read_latency + 5

    @property
    def interval_cycles(self) -> int:
        """Cycles from a transform to the next if neither stream waits.

        Two buffers: the steps alone. One buffer: the transform, and the rows that are drained and
        filled again.
        """
        if self.buffers == 2:
            return self.schedule.issue_cycles
        return self.transform_cycles + self.beats + 2

    # --- cost ---------------------------------------------------------------------------------

    @property
    def hard_multipliers(self) -> int:
        """Hard multipliers of the target that the unit occupies."""
        butterflies = self.butterflies * self.butterfly.hard_multipliers
        return butterflies + self.twiddle_source.hard_multipliers

    @property
    def data_memory_bits(self) -> int:
        """Bits of the buffers."""
        return self.buffers * self.N * self.multiplier.width

    @property
    def twiddle_memory_bits(self) -> int:
        """Bits of the tables of twiddle factors."""
        return self.twiddle_source.memory_bits

    # --- layouts ------------------------------------------------------------------------------

    @property
    def row_layout(self) -> ArrayLayout:
        """The residues of one beat, and of one row of a memory; lane 0 is in the lowest bits."""
        return ArrayLayout(self.multiplier.width, self.butterflies)

    @property
    def input_layout(self) -> StructLayout:
        """A beat in. The unit reads the command in the first beat of a polynomial only."""
        command = self.control.sequencer.command_layout
        return StructLayout({"data": self.row_layout, **command.members})
