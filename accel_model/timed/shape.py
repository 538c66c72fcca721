"""The machine that a timed program is made for: sizes, ports, and when results are there.

Time is counted in **beats** of as many cycles as the scratchpad has banks. Row r of every slot lies
in bank r mod banks. Port p of the scratchpad meets bank (c - p) mod banks in cycle c of a beat. So
two ports never meet in a bank, whatever the slots are, and every step starts with a beat. A limb
has `beats` = N / (lanes banks) beats.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

from accel_model.errors import MachineMismatchError, TimedProgramError
from accel_model.machine.units import AutomorphismTiming, NTTTiming, generated_pointwise

KINDS = ("ntt", "pointwise", "automorphism", "count")
"""The kinds of units, in the order in which they are numbered."""

READ_CYCLES = 3
"""From a port's address at the first bank until the row is at the unit."""
COUNT_CYCLES = 16
"""From a row at the unit of overflow counts until its result."""
STAGE_CYCLES = 2
"""From a move's start until its first row leaves the memory of arrivals."""

_MOST = {"slots": 1 << 16, "arrivals": 1 << 8, "departures": 1 << 8, "moduli": 1 << 8}


def _check_power(value: int, least: int, most: int, name: str) -> None:
    if not least <= value <= most or value & (value - 1):
        sizes = [1 << k for k in range(least.bit_length() - 1, most.bit_length())]
        nearest = min(sizes, key=lambda size: abs(size - value))
        raise TimedProgramError(
            f"{name}: {value} given, a power of two from {least} to {most} is needed; the nearest "
            f"is {nearest}"
        )


@dataclass(frozen=True)
class Channel:
    """The way to external memory: an AXI4 port of `data_bits`, and the memory behind it.

    burst_beats: the longest burst. latency_cycles: from an address to its first data, and from the
    last data of a burst to its answer. outstanding: bursts that memory takes before it has
    answered the first.
    """

    data_bits: int = 128
    burst_beats: int = 64
    latency_cycles: int = 100
    outstanding: int = 8

    def __post_init__(self) -> None:
        _check_power(self.data_bits, 32, 1024, "channel bits")
        _check_power(self.burst_beats, 1, 256, "beats of a burst")
        if self.data_bits // 8 * self.burst_beats > 4096:
            longest = 4096 * 8 // self.data_bits
            raise TimedProgramError(
                f"bursts of {self.burst_beats} beats of {self.data_bits} bits cross the 4 KiB that "
                f"AXI4 allows: the longest has {longest}"
            )
        if self.latency_cycles < 1 or self.outstanding < 1:
            raise TimedProgramError(
                f"a channel's latency is {self.latency_cycles} cycles, outstanding bursts are "
                f"{self.outstanding}: both must be at least 1"
            )

    @property
    def burst_bytes(self) -> int:
        """Bytes of a full burst; limbs start at multiples of it."""
        return self.data_bits // 8 * self.burst_beats


@dataclass(frozen=True)
class Shape:
    """A machine: ring, primes, sizes, and the latencies of its multiplier and its butterfly.

    width: bits of a word. lanes: residues in a row, butterflies of an NTT unit, lanes of the other
    units. slots: limbs in the scratchpad. arrivals, departures: limbs between channel and
    scratchpad. twiddles: "stored" or "generated". Raises `TimedProgramError` for a machine that
    cannot be.
    """

    N: int
    moduli: tuple[int, ...]
    width: int
    lanes: int
    slots: int
    multiplier_latency_cycles: int
    butterfly_latency_cycles: int
    ntt_units: int = 1
    pointwise_units: int = 1
    automorphism_units: int = 1
    arrivals: int = 4
    departures: int = 2
    twiddles: str = "generated"
    channel: Channel = field(default_factory=Channel)

    def __post_init__(self) -> None:
        _check_power(self.N, 16, 1 << 16, "ring degree N")
        _check_power(self.lanes, 1, self.N // 2, "lanes")
        for name, most in _MOST.items():
            value = len(self.moduli) if name == "moduli" else getattr(self, name)
            if not 1 <= value <= most:
                raise TimedProgramError(f"{name}: {value} given, from 1 to {most} are possible")
        for kind in KINDS[:3]:
            count = getattr(self, f"{kind}_units")
            if not 1 <= count <= 16:
                raise TimedProgramError(f"{count} {kind} units: from 1 to 16 are possible")
        if self.slots < 4:
            raise TimedProgramError(f"{self.slots} slots: a step needs up to 4")
        widest = max(self.moduli).bit_length()
        if widest > self.width:
            raise TimedProgramError(
                f"words of {self.width} bits, primes of up to {widest}: use a width of {widest}"
            )
        if self.rows % self.banks:
            most = self.N // self.banks
            raise TimedProgramError(
                f"{self.lanes} lanes for N = {self.N}: a limb has {self.rows} rows, which are no "
                f"multiple of the {self.banks} banks; at most {most} lanes fit"
            )
        narrowest = min(self.moduli).bit_length() * self.lanes
        if self.channel.data_bits > narrowest:
            widest_channel = 1 << (narrowest.bit_length() - 1)
            raise TimedProgramError(
                f"a channel of {self.channel.data_bits} bits brings more than a row of {narrowest} "
                f"bits in a cycle: use {widest_channel} bits or fewer, or more lanes"
            )

    # --- sizes ----------------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """Rows of a limb."""
        return self.N // self.lanes

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The kind of every unit, by its number."""
        counts = (self.ntt_units, self.pointwise_units, self.automorphism_units, 1)
        return tuple(kind for kind, n in zip(KINDS, counts, strict=True) for _ in range(n))

    @cached_property
    def read_phases(self) -> tuple[tuple[int, ...], ...]:
        """The phases of each unit's read ports by its number; then that of departures."""
        phases, first = [], 0
        for kind in (*self.units, "departures"):
            ports = 3 if kind == "pointwise" else 1
            phases.append(tuple(range(first, first + ports)))
            first += ports
        return tuple(phases)

    @cached_property
    def banks(self) -> int:
        """Banks of the scratchpad, and cycles of a beat: a power of two, at least the ports."""
        return max(8, 1 << (self.read_phases[-1][-1]).bit_length())

    @property
    def beats(self) -> int:
        """Beats in which a limb passes a port."""
        return self.rows // self.banks

    # --- times, in cycles after the first cycle of the starting beat ----------------------------

    @cached_property
    def transform(self) -> NTTTiming:
        """The cycles of an NTT unit."""
        return NTTTiming(
            self.N, self.lanes, 2, self.twiddles,
            self.butterfly_latency_cycles, self.multiplier_latency_cycles,
        )  # fmt: skip

    def latency_cycles(self, kind: str) -> int:
        """From the first row at a unit until its first result leaves it."""
        if kind == "ntt":
            return self.rows - 1 + self.transform.latency_cycles
        if kind == "pointwise":
            factored = generated_pointwise(self.N, self.lanes, self.multiplier_latency_cycles, 1)
            return factored.latency_cycles
        if kind == "automorphism":
            return self.rows - 1 + AutomorphismTiming(self.N, self.lanes).latency_cycles
        return COUNT_CYCLES

    @cached_property
    def write_cycles(self) -> tuple[int, ...]:
        """When the first row of a result is at its write port, by unit; then that of arrivals."""
        natural = [
            phases[-1] + READ_CYCLES + self.latency_cycles(kind)
            for kind, phases in zip(self.units, self.read_phases, strict=False)
        ]
        return distinct_phases([*natural, STAGE_CYCLES], self.banks)

    def ready_beats(self, writer: int) -> int:
        """Beats from a step's start until a step that reads its result can start."""
        return -(-(self.write_cycles[writer] + 1) // self.banks)

    @cached_property
    def interval_beats(self) -> dict[str, int]:
        """The fewest beats from a step to the next on the same unit, by kind."""
        cycles = {
            "ntt": max(self.transform.interval_cycles, self.rows),
            "pointwise": self.rows,
            "automorphism": self.rows,
            "count": max(self.rows, COUNT_CYCLES),
        }
        return {kind: -(-n // self.banks) for kind, n in cycles.items()}

    @cached_property
    def refill_beats(self) -> int:
        """The fewest beats from a transform to the next but one, which takes its buffer."""
        return -(-self.latency_cycles("ntt") // self.banks) + 1

    @cached_property
    def modulus_change_beats(self) -> int:
        """The fewest beats from a pointwise step that changes the modulus to the next such step."""
        return -(-self.latency_cycles("pointwise") // self.banks)

    # --- limbs outside --------------------------------------------------------------------------

    def limb_beats(self, bits: int) -> int:
        """Channel beats of a limb whose residues have `bits` bits each."""
        return -(-self.N * bits // self.channel.data_bits)

    def limb_bytes(self, bits: int) -> int:
        """Bytes that such a limb occupies: whole bursts."""
        used = self.limb_beats(bits) * self.channel.data_bits // 8
        return -(-used // self.channel.burst_bytes) * self.channel.burst_bytes

    # --- as data --------------------------------------------------------------------------------

    def plain(self) -> dict[str, Any]:
        """The fields as JSON has them."""
        return asdict(self) | {"moduli": list(self.moduli)}

    @staticmethod
    def of(plain: dict[str, Any]) -> Shape:
        """The inverse of `plain`. Raises `TimedProgramError`."""
        names = {f.name for f in fields(Shape)}
        if set(plain) != names:
            raise TimedProgramError(f"a machine has the fields {sorted(names)}")
        channel = Channel(**plain["channel"])
        moduli = tuple(int(q) for q in plain["moduli"])
        return Shape(**(plain | {"channel": channel, "moduli": moduli}))

    @cached_property
    def fingerprint(self) -> int:
        """32 bits by which a machine knows programs that were made for it.

        The memory's latency and its outstanding bursts are left out: a machine works with any.
        """
        fixed = self.plain()
        del fixed["channel"]["latency_cycles"], fixed["channel"]["outstanding"]
        text = json.dumps(fixed, sort_keys=True)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")

    def check_moduli(self, N: int, moduli: Sequence[int]) -> None:
        """Raise `MachineMismatchError` unless the machine has this ring and these primes."""
        if self.N != N:
            raise MachineMismatchError(
                f"the machine transforms rings of N = {self.N}, the program has N = {N}: generate "
                f"a machine of N = {N}"
            )
        if missing := [q for q in moduli if q not in self.moduli]:
            raise MachineMismatchError(
                f"the machine has no tables of the prime {missing[0]}: generate one for the "
                f"program's {len(moduli)} primes"
            )


def distinct_phases(natural: Sequence[int], banks: int) -> tuple[int, ...]:
    """The given cycles, each late enough for a phase of its own, and at least a beat late."""
    taken: set[int] = set()
    found = []
    for cycle in natural:
        late = max(cycle, banks)
        while late % banks in taken:
            late += 1
        taken.add(late % banks)
        found.append(late)
    return tuple(found)
