"""The cycles of the units.

The formulas follow from the structure of the hardware, independently of the blocks of `rtl`;
`python -m accel_model validate` compares them with the simulated hardware. Latencies of multipliers
and butterflies are measured, and are arguments here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Timing(Protocol):
    """The cycles of one limb in a unit."""

    @property
    def interval_cycles(self) -> int:
        """From one limb to the next, when operands arrive and results leave in time."""

    @property
    def total_cycles(self) -> int:
        """From the first residue in to the last residue out."""


# Registers of the NTT unit around its butterflies (rtl/units/ntt/parameters.py).
# The first of a pair is for one lane, the second for several.
_READ_CYCLES = (3, 4)  # memory, its register, the way to several lanes, bank order
_FRAME_CYCLES = 4  # before the transform, and behind the read of its first row
_STORED_TWIDDLE_CYCLES = (3, 6)
_GENERATED_TWIDDLE_CYCLES = 0  # beside the multiplier: three, less three of the adder ahead of it


@dataclass(frozen=True)
class NTTTiming(Timing):
    """The generated NTT unit: N points, a power of two; twiddles "stored" or "generated".

    Each stage has N / (2 butterflies) steps. A stage begins when the first row that it reads is
    written. Both directions take the same time.
    """

    N: int
    butterflies: int
    buffers: int
    twiddles: str
    butterfly_latency_cycles: int
    multiplier_latency_cycles: int

    @property
    def beats(self) -> int:
        """Cycles in which a limb enters, and in which it leaves."""
        return self.N // self.butterflies

    @property
    def _exchange(self) -> int:
        return 1 if self.butterflies > 1 else 0

    @property
    def _read_cycles(self) -> int:
        return _READ_CYCLES[self._exchange]

    @property
    def _twiddle_cycles(self) -> int:
        if self.twiddles == "generated":
            return _GENERATED_TWIDDLE_CYCLES + self.multiplier_latency_cycles
        return _STORED_TWIDDLE_CYCLES[self._exchange]

    @property
    def _read_offset(self) -> int:
        return max(2, 1 + self._twiddle_cycles - self._read_cycles - self._exchange)

    @property
    def _read_to_write(self) -> int:
        """Cycles from a step's read to its write."""
        return self._read_cycles + self.butterfly_latency_cycles + 2 * self._exchange + 1

    @property
    def issue_cycles(self) -> int:
        """From the first step to the last step, with all waits."""
        log_n, lane_bits = self.N.bit_length() - 1, self.butterflies.bit_length() - 1
        steps = self.N // (2 * self.butterflies)
        cycles = log_n * steps
        for stage in range(log_n - 1):
            row_bit, next_row_bit = max(stage - lane_bits, 0), max(stage + 1 - lane_bits, 0)
            reorder = 0 if row_bit == next_row_bit else 1 << row_bit
            cycles += max(0, self._read_to_write + 1 + reorder - steps)
        return cycles

    @property
    def transform_cycles(self) -> int:
        """From the first step to the last write."""
        return self.issue_cycles + self._read_offset + self._read_to_write

    @property
    def latency_cycles(self) -> int:
        """From the last beat in to the first beat out."""
        return self.transform_cycles + self._read_cycles + _FRAME_CYCLES

    @property
    def interval_cycles(self) -> int:
        if self.buffers == 2:
            return self.issue_cycles
        return self.transform_cycles + self.beats + 2

    @property
    def total_cycles(self) -> int:
        return 2 * self.beats - 1 + self.latency_cycles


@dataclass(frozen=True)
class PlainNTTTiming(Timing):
    """A published NTT unit: N log2(N) / (2 butterflies) cycles, and overheads.

    overhead_cycles: once in a transform. stage_overhead_cycles: once in each stage.
    """

    N: int
    butterflies: int
    overhead_cycles: int = 0
    stage_overhead_cycles: int = 0

    @property
    def interval_cycles(self) -> int:
        log_n = self.N.bit_length() - 1
        stage = -(-self.N // (2 * self.butterflies)) + self.stage_overhead_cycles
        return log_n * stage + self.overhead_cycles

    @property
    def total_cycles(self) -> int:
        return self.interval_cycles


@dataclass(frozen=True)
class PipelinedNTTTiming(Timing):
    """A transform with every stage in hardware: `lanes` residues enter and leave in a cycle."""

    N: int
    lanes: int
    overhead_cycles: int = 0

    @property
    def interval_cycles(self) -> int:
        return -(-self.N // self.lanes)

    @property
    def total_cycles(self) -> int:
        return 2 * self.interval_cycles + self.overhead_cycles


@dataclass(frozen=True)
class PointwiseTiming(Timing):
    """Limb-wise arithmetic: `lanes` residues a cycle (rtl/units/pointwise.py).

    latency_cycles: from a beat in to its result. modulus_change_cycles: the fewest cycles from a
    limb to the next limb, when their moduli differ.
    """

    N: int
    lanes: int
    latency_cycles: int
    modulus_change_cycles: int

    @property
    def beats(self) -> int:
        """Cycles in which a limb enters, and in which it leaves."""
        return -(-self.N // self.lanes)

    @property
    def interval_cycles(self) -> int:
        """From one limb to the next limb of the same modulus."""
        return self.beats

    @property
    def total_cycles(self) -> int:
        return self.beats + self.latency_cycles


def generated_pointwise(
    N: int,
    lanes: int,
    multiplier_latency_cycles: int,
    multipliers_per_lane: int,
    adder_latency_cycles: int = 3,
) -> PointwiseTiming:
    """The timing of the generated unit: input register, multipliers, adder, output queue."""
    latency = multipliers_per_lane * multiplier_latency_cycles + adder_latency_cycles + 2
    return PointwiseTiming(N, lanes, latency, latency)


@dataclass(frozen=True)
class AutomorphismTiming(Timing):
    """The generated automorphism unit: a whole limb enters, then leaves in its new order."""

    N: int
    lanes: int
    buffers: int = 2

    @property
    def beats(self) -> int:
        """Cycles in which a limb enters, and in which it leaves."""
        return -(-self.N // self.lanes)

    @property
    def latency_cycles(self) -> int:
        """From the last beat in to the first beat out: eight registers and the queue."""
        return 10

    @property
    def interval_cycles(self) -> int:
        return self.beats if self.buffers == 2 else 2 * self.beats

    @property
    def total_cycles(self) -> int:
        return 2 * self.beats - 1 + self.latency_cycles
