"""Whether a software run was disturbed: other work, throttling, a hypervisor that took time."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_STAT, _CGROUP = Path("/proc/stat"), Path("/sys/fs/cgroup/cpu.stat")
LEAST_SHARE = 0.9
"""The least share of the time of a run for which its process must have had a processor."""
MOST_SPREAD = 1.5
"""The median of the runs may be this many times the shortest run."""
MOST_STOLEN = 0.02
"""The largest share of a processor's time that a hypervisor may take."""


@dataclass(frozen=True)
class Disturbance:
    """What was seen while a software run was timed.

    load_before: the load average of the last minute, None where the system has none. share:
    processor time over time, 1 at most. stolen: the share of all processors' time that a hypervisor
    took. throttled_s: seconds for which the system held the process's group back. spread: the
    median run over the shortest. threads: of the run.
    """

    load_before: float | None
    share: float
    stolen: float
    throttled_s: float
    spread: float
    threads: int

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the run does not count; empty for a run that does."""
        found = []
        if self.share < LEAST_SHARE:
            found.append(f"the process had a processor for {self.share:.0%} of the time")
        if self.stolen > MOST_STOLEN:
            found.append(f"a hypervisor took {self.stolen:.0%} of the processors' time")
        if self.throttled_s > 0:
            found.append(f"the system held the process back for {self.throttled_s:.2f} s")
        if self.spread > MOST_SPREAD:
            found.append(f"the median run took {self.spread:.1f} times the shortest")
        return tuple(found)

    def words(self) -> str:
        """One line: what was seen, and whether the run counts."""
        load = "unknown" if self.load_before is None else f"{self.load_before:.2f}"
        seen = (
            f"load {load} before, {self.share:.0%} of a processor for {self.threads} thread(s), "
            f"median {self.spread:.2f} times the shortest run"
        )
        if self.reasons:
            return f"disturbed ({'; '.join(self.reasons)}); {seen}"
        return f"undisturbed; {seen}"


@dataclass
class Watch:
    """Filled while its block runs; `result` gives what was seen."""

    threads: int
    load_before: float | None
    _begin: tuple[float, float, float, float, float] = field(default=(0.0,) * 5)
    _end: tuple[float, float, float, float, float] = field(default=(0.0,) * 5)

    def result(self, samples_s: Sequence[float]) -> Disturbance:
        """samples_s: the seconds of each timed run."""
        wall, busy, stolen, ticks, throttled = (
            after - before for before, after in zip(self._begin, self._end, strict=True)
        )
        return Disturbance(
            load_before=self.load_before,
            share=min(1.0, busy / wall) if wall > 0 else 1.0,
            stolen=stolen / ticks if ticks > 0 else 0.0,
            throttled_s=throttled,
            spread=statistics.median(samples_s) / min(samples_s),
            threads=self.threads,
        )


@contextmanager
def watched(threads: int) -> Iterator[Watch]:
    """Watch the machine while timed runs on so many threads are under way."""
    watch = Watch(threads, os.getloadavg()[0] if hasattr(os, "getloadavg") else None)
    watch._begin = _counters()
    try:
        yield watch
    finally:
        watch._end = _counters()


def _counters() -> tuple[float, float, float, float, float]:
    """(clock, processor time, stolen ticks, all ticks, throttled seconds) until now."""
    stolen = ticks = throttled = 0.0
    try:
        fields = [float(word) for word in _STAT.read_text().split("\n", 1)[0].split()[1:]]
        stolen, ticks = fields[7], sum(fields[:8])
    except (OSError, ValueError, IndexError):
        pass  # a system without /proc
    try:
        found = dict(line.split() for line in _CGROUP.read_text().splitlines())
        throttled = float(found.get("throttled_usec", 0)) * 1e-6
    except (OSError, ValueError):
        pass
    return time.perf_counter(), time.process_time(), stolen, ticks, throttled
