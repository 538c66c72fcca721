"""The share of a DRAM channel's peak rate that whole limbs reach: a model of bank timings.

A limb is striped over the channels, so each channel moves the same bytes of consecutive rows, one
bank group after the other. Data flows at the peak rate except while a row is not open yet and while
the channel is refreshed. Rows of the next banks are activated ahead, as often as the activation
window allows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DRAM:
    """One channel of a memory; times in nanoseconds.

    channels: of the whole memory. channel_bytes_per_ns: the peak rate. row_bytes: of one bank.
    activate_ns: from a row's activation to its first data. precharge_ns: to close it. cycle_ns: the
    least time between two activations of a bank. window_ns: the time in which at most four rows are
    activated. refresh_ns in every interval_ns.
    """

    channels: int
    channel_bytes_per_ns: float
    row_bytes: int
    banks: int
    activate_ns: float
    precharge_ns: float
    cycle_ns: float
    window_ns: float
    refresh_ns: float
    interval_ns: float


HBM2E = DRAM(
    channels=32,
    channel_bytes_per_ns=28.8,
    row_bytes=1024,
    banks=16,
    activate_ns=28,
    precharge_ns=14,
    cycle_ns=45,
    window_ns=16,
    refresh_ns=260,
    interval_ns=3900,
)
"""Two stacks with pseudo channels of 64 bits at 3.6 Gb/s. Timings remembered from JEDEC JESD235 and
vendors' data sheets, not read again."""


def limb_ns(memory: DRAM, limb_bytes: float) -> float:
    """The nanoseconds of one limb behind others, without refresh.

    Rows are activated at most four in a window, and no bank twice in its cycle. The first rows of a
    limb are activated while the limb before it is moved.
    """
    share = limb_bytes / memory.channels
    rows = max(1.0, share / memory.row_bytes)
    data = share / memory.channel_bytes_per_ns
    by_window = rows * memory.window_ns / 4
    by_bank = rows * memory.cycle_ns / memory.banks
    return max(data, by_window, by_bank)


def efficiency(memory: DRAM, limb_bytes: float) -> float:
    """The share of the peak rate that limbs reach, with refresh and turns from reads to writes.

    One limb in fifty is written; a turn costs a precharge and an activation.
    """
    ideal = limb_bytes / memory.channels / memory.channel_bytes_per_ns
    turns = (memory.precharge_ns + memory.activate_ns) / 50
    refresh = 1 - memory.refresh_ns / memory.interval_ns
    return ideal / (limb_ns(memory, limb_bytes) + turns) * refresh
