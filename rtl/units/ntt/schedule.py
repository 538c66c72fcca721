"""Where every residue lies and when every butterfly runs, without conflict and without hazard.

**Layout.** Coefficient i = (u, l): the lane l is its low log2(butterflies) bits, the row u the
rest. Row u lies in bank parity(u) (the exclusive or of its bits) at address floor(u / 2). All
lanes of a row lie side by side, so that two wide banks, one read and one write port each, serve all
butterflies.

**Stages.** Stage s pairs coefficients that differ in bit s. If bit s belongs to the row, a step
takes the two rows that differ in bit s. Their parities differ, so they lie in different banks. If
bit s belongs to the lane, a step takes the two rows that differ in the row's bit 0, and pairs lanes
within each row.

**Order.** Step t of a stage takes the row pair whose bits, without the paired one, spell t. The
next stage then reaches a row at most `reorder` steps earlier than this stage did: half a stage at
most, mostly much less. The next stage waits only as long as it would read a result that is not yet
written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rtl.units.geometry import check_geometry


def parity(x: int) -> int:
    """The exclusive or of the bits of x."""
    return x.bit_count() & 1


@dataclass(frozen=True)
class Step:
    """One step of a stage, and the two rows that it reads and writes."""

    stage: int
    step: int
    rows: tuple[int, int]


@dataclass(frozen=True)
class Schedule:
    """The steps of one transform of N points.

    write_after: cycles from a step to the first step that may read its results.
    Raises `GeometryError`.
    """

    N: int
    butterflies: int
    write_after: int

    def __post_init__(self) -> None:
        check_geometry(self.N, self.butterflies, "butterflies")

    @property
    def log_N(self) -> int:
        """Bits of the index of a coefficient; the number of stages."""
        return self.N.bit_length() - 1

    @property
    def lane_bits(self) -> int:
        """Bits of the number of a lane."""
        return self.butterflies.bit_length() - 1

    @property
    def row_bits(self) -> int:
        """Bits of the number of a row."""
        return self.log_N - self.lane_bits

    @property
    def rows(self) -> int:
        """Rows of a polynomial, of `butterflies` coefficients each."""
        return 1 << self.row_bits

    @property
    def steps(self) -> int:
        """Steps of a stage, N / (2 butterflies), one a cycle; also the depth of a bank."""
        return self.rows // 2

    def stages(self, inverse: bool) -> range:
        """The paired bit of each stage, in the order of the transform."""
        return range(self.log_N) if inverse else range(self.log_N - 1, -1, -1)

    def row_bit(self, stage: int) -> int:
        """The bit in which the two rows of a step differ."""
        return max(stage - self.lane_bits, 0)

    def reorder(self, stage: int, next_stage: int) -> int:
        """How many steps earlier `next_stage` can read a row than `stage` wrote it, at most."""
        low = min(self.row_bit(stage), self.row_bit(next_stage))
        return 0 if self.row_bit(stage) == self.row_bit(next_stage) else 1 << low

    def wait_after(self, stage: int, inverse: bool) -> int:
        """Idle cycles between `stage` and the stage after it."""
        following = stage + 1 if inverse else stage - 1
        if not 0 <= following < self.log_N:
            return 0
        return max(0, self.write_after + self.reorder(stage, following) - self.steps)

    @property
    def issue_cycles(self) -> int:
        """Cycles of all steps and waits, the same in both directions."""
        waits = sum(self.wait_after(stage, False) for stage in self.stages(False))
        return self.log_N * self.steps + waits

    def step(self, stage: int, step: int) -> Step:
        """Step `step` of a stage."""
        bit = self.row_bit(stage)
        low = step & ((1 << bit) - 1)
        first = (step - low) << 1 | low
        return Step(stage, step, (first, first | 1 << bit))

    def timeline(self, inverse: bool) -> Iterator[tuple[int, Step]]:
        """(cycle, step) of a whole transform; the first step is in cycle 0."""
        cycle = 0
        for stage in self.stages(inverse):
            for step in range(self.steps):
                yield cycle, self.step(stage, step)
                cycle += 1
            cycle += self.wait_after(stage, inverse)
