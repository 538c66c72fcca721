"""Where every residue lies and when every butterfly runs: conflict-free and hazard-free.

**Layout.** Coefficient i = (u, l): the lane l is its low log2(butterflies) bits, the row u the
rest. Row u lies in bank parity(u) (the exclusive or of its bits) at address floor(u / 2). All
lanes of a row lie side by side, so that two wide banks, one read and one write port each, serve
all butterflies.

**Stages.** Stage s pairs coefficients that differ in bit s. Where bit s belongs to the row, a step
takes the two rows that differ in it; they differ in parity, so they lie in different banks. Where
bit s belongs to the lane, a step takes the two rows that differ in bit 0, and lanes are paired
across.

**Order.** Step t of a stage takes the row pair whose bits, without the paired one, spell t. A row
pair that both stages need is then reached at most `reorder` steps earlier in the next stage than
in this one, which is half a stage at most, and mostly little. The next stage waits only as long
as that makes it read a result that is not written yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rtl.errors import GeometryError

MIN_LOG_N, MAX_LOG_N = 3, 16
MAX_BUTTERFLIES = 32


def check_geometry(N: int, butterflies: int) -> None:
    """Raise `GeometryError` unless a unit for N with so many butterflies exists."""
    sizes = [1 << k for k in range(MIN_LOG_N, MAX_LOG_N + 1)]
    if N not in sizes:
        nearest = min(sizes, key=lambda size: abs(size - N))
        raise GeometryError(
            f"N = {N}: the ring degree must be a power of two from {sizes[0]} to {sizes[-1]}; "
            f"the nearest is {nearest}"
        )
    counts = [1 << k for k in range(6) if 1 << k <= N // 2]
    if butterflies not in counts:
        nearest = min(counts, key=lambda count: abs(count - butterflies))
        raise GeometryError(
            f"{butterflies} butterflies for N = {N}: there must be a power of two of them, from 1 "
            f"to {counts[-1]}; the nearest is {nearest}"
        )


def check_buffers(buffers: int) -> None:
    """Raise `GeometryError` unless a unit can have so many buffers."""
    if buffers not in (1, 2):
        raise GeometryError(f"{buffers} buffers: 1 or 2; the nearest is {min(max(buffers, 1), 2)}")


def parity(x: int) -> int:
    """The exclusive or of the bits of x."""
    return x.bit_count() & 1


@dataclass(frozen=True)
class Step:
    """One step of a stage: the two rows it reads and writes."""

    stage: int
    step: int
    rows: tuple[int, int]


@dataclass(frozen=True)
class Schedule:
    """The steps of one transform.

    write_after: cycles after a step's start until a step that reads its results may start.
    """

    N: int
    butterflies: int
    write_after: int

    def __post_init__(self) -> None:
        check_geometry(self.N, self.butterflies)

    @property
    def log_N(self) -> int:
        return self.N.bit_length() - 1

    @property
    def lane_bits(self) -> int:
        return self.butterflies.bit_length() - 1

    @property
    def row_bits(self) -> int:
        return self.log_N - self.lane_bits

    @property
    def rows(self) -> int:
        """Rows of `butterflies` coefficients in the whole polynomial."""
        return 1 << self.row_bits

    @property
    def steps(self) -> int:
        """Steps of one stage, one a cycle: N / (2 butterflies); also the depth of a bank."""
        return self.rows // 2

    def stages(self, inverse: bool) -> range:
        """The paired bit of each stage, in order."""
        return range(self.log_N) if inverse else range(self.log_N - 1, -1, -1)

    def row_bit(self, stage: int) -> int:
        """The bit in which the two rows of a step differ."""
        return max(stage - self.lane_bits, 0)

    def reorder(self, stage: int, next_stage: int) -> int:
        """How many steps earlier a result of `stage` can be wanted in `next_stage`."""
        low = min(self.row_bit(stage), self.row_bit(next_stage))
        return 0 if self.row_bit(stage) == self.row_bit(next_stage) else 1 << low

    def wait_after(self, stage: int, inverse: bool) -> int:
        """Idle cycles between `stage` and the one that follows it."""
        following = stage + 1 if inverse else stage - 1
        if not 0 <= following < self.log_N:
            return 0
        return max(0, self.write_after + self.reorder(stage, following) - self.steps)

    @property
    def issue_cycles(self) -> int:
        """Cycles from the first step to the last, waits included; alike in both directions."""
        waits = sum(self.wait_after(stage, False) for stage in self.stages(False))
        return self.log_N * self.steps + waits

    def step(self, stage: int, step: int) -> Step:
        """Step number `step` of a stage."""
        bit = self.row_bit(stage)
        low = step & ((1 << bit) - 1)
        first = (step - low) << 1 | low
        return Step(stage, step, (first, first | 1 << bit))

    def timeline(self, inverse: bool) -> Iterator[tuple[int, Step]]:
        """(cycle, step) of a whole transform, cycle 0 being the first step."""
        cycle = 0
        for stage in self.stages(inverse):
            for step in range(self.steps):
                yield cycle, self.step(stage, step)
                cycle += 1
            cycle += self.wait_after(stage, inverse)
