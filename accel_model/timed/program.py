"""Timed programs: three queues of instructions with starts, and where limbs lie in memory.

- **memory**: limbs between external memory and the memories of arrivals and departures;
- **moves**: limbs between these and the scratchpad;
- **compute**: one unit's work on limbs in the scratchpad.

A start is a beat (`accel_model.timed.shape`). Each queue is ordered by start. Time stands still
while a move waits for external memory: a move needs `need` finished fetches (or writes).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accel_model.errors import TimedProgramError
from accel_model.isa import OBJECT_KINDS, ExternalObject
from accel_model.timed.shape import Shape

INSTRUCTION_BYTES = 32


class Compute(enum.IntEnum):
    """What a unit does; all modulo the modulus of the step."""

    NTT = 0
    """target = the forward transform of a"""
    INTT = 1
    """target = the inverse transform of a"""
    MULTIPLY = 2
    """target = a b / R, R being the radix of the multiplier: b is in factor form"""
    MULTIPLY_ADD = 3
    """target = a b / R + c"""
    ADD = 4
    """target = a + b"""
    SUBTRACT = 5
    """target = a - b"""
    PERMUTE = 6
    """target = the automorphism of a whose Galois element is `scalar`"""
    COUNT = 7
    """one step of an overflow count: the running sum of a / q in float64; the last step leaves the
    whole part in target"""


class Move(enum.IntEnum):
    """The direction of a move."""

    ARRIVE = 0
    """slot = the limb at `staging` among the arrivals, after `need` fetches"""
    DEPART = 1
    """the limb at `staging` among the departures = slot, after `need` writes"""


class Memory(enum.IntEnum):
    """The direction of a transfer."""

    FETCH = 0
    WRITE = 1


class Flag(enum.IntFlag):
    """How a pointwise step takes its operands, and where an overflow count begins and ends."""

    SCALAR_B = 1
    """b is `scalar` in every lane"""
    SCALAR_C = 2
    """c is `addend` in every lane"""
    ZERO_A = 4
    """a is 0"""
    FIRST = 8
    LAST = 16


COMPUTE = np.dtype(
    [
        ("start", "<u4"),
        ("opcode", "u1"),
        ("unit", "u1"),  # number in Shape.units
        ("modulus", "u1"),  # place in Shape.moduli
        ("flags", "u1"),
        ("target", "<u2"),  # slots
        ("a", "<u2"),
        ("b", "<u2"),
        ("c", "<u2"),
        ("scalar", "<u8"),
        ("addend", "<u8"),
    ]
)
MOVE = np.dtype(
    [
        ("start", "<u4"),
        ("opcode", "u1"),
        ("staging", "u1"),
        ("slot", "<u2"),
        ("need", "<u4"),
        ("unused", "u1", (20,)),
    ]
)
MEMORY = np.dtype(
    [
        ("start", "<u4"),
        ("opcode", "u1"),
        ("staging", "u1"),
        ("modulus", "u1"),  # place in Shape.moduli: its bits are those of a packed residue
        ("unused", "u1"),
        ("address", "<u8"),  # bytes from the start of the data
        ("beats", "<u4"),  # of the channel
        ("unused_2", "u1", (12,)),
    ]
)
QUEUES = {"memory": MEMORY, "moves": MOVE, "compute": COMPUTE}
assert all(dtype.itemsize == INSTRUCTION_BYTES for dtype in QUEUES.values())

PLACED = np.dtype(
    [
        ("object", "<i4"),  # index in TimedProgram.objects, or -1: a limb that is spilled
        ("limb", "<i4"),  # row of the object's array, flattened to (limbs, N)
        ("modulus", "<u2"),
        ("factored", "?"),  # kept in factor form
        ("address", "<u8"),
    ]
)

_KIND_OF = {
    Compute.NTT: "ntt",
    Compute.INTT: "ntt",
    Compute.PERMUTE: "automorphism",
    Compute.COUNT: "count",
}


def kind_of(opcode: int) -> str:
    """The kind of unit that a compute opcode needs."""
    return _KIND_OF.get(Compute(opcode), "pointwise")


@dataclass(frozen=True, eq=False)
class TimedProgram:
    """Queues for the machine `shape`, and the limbs outside. Raises `TimedProgramError`.

    memory, moves, compute: dtypes `MEMORY`, `MOVE`, `COMPUTE`. placed: dtype `PLACED`, the limbs in
    external memory, which has `data_bytes` bytes. radix: that of the multiplier, which brings a
    residue to factor form.
    """

    shape: Shape
    radix: int
    objects: tuple[ExternalObject, ...]
    placed: np.ndarray
    memory: np.ndarray
    moves: np.ndarray
    compute: np.ndarray
    data_bytes: int

    def __post_init__(self) -> None:
        for name, dtype in (("placed", PLACED), *QUEUES.items()):
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != 1:
                raise TimedProgramError(
                    f"{name}: {array.dtype} of {array.ndim} axes given, a vector of {dtype} needed"
                )
            array.setflags(write=False)
        _check(self)

    def __repr__(self) -> str:
        return (
            f"TimedProgram({len(self.memory)} transfers, {len(self.moves)} moves, "
            f"{len(self.compute)} computations, {self.data_bytes} bytes)"
        )

    def queue(self, name: str) -> np.ndarray:
        """One of `QUEUES` by name."""
        array: np.ndarray = getattr(self, name)
        return array


def _check(p: TimedProgram) -> None:
    shape = p.shape
    for name in QUEUES:
        starts = p.queue(name)["start"].astype(np.int64)
        _all(name, np.diff(starts, prepend=1) >= 0, "starts must not go back, and are at least 1")
    compute, moves, memory = p.compute, p.moves, p.memory
    _all("compute", compute["opcode"] < len(Compute), "no such opcode")
    _all("compute", compute["unit"] < len(shape.units), f"there are {len(shape.units)} units")
    _all("compute", compute["flags"] < 32, "no such flags")
    kinds = np.array([shape.units.index(kind_of(o)) for o in Compute])
    have = np.array([shape.units.index(kind) for kind in shape.units])
    right = have[compute["unit"]] == kinds[compute["opcode"]]
    _all("compute", right, "the unit is of another kind")
    for slot in ("target", "a", "b", "c"):
        _all("compute", compute[slot] < shape.slots, f"there are {shape.slots} slots")
    for name in ("compute", "memory"):
        known = p.queue(name)["modulus"] < len(shape.moduli)
        _all(name, known, f"there are {len(shape.moduli)} moduli")
    q = np.array(shape.moduli, np.uint64)[compute["modulus"]]
    permutes = compute["opcode"] == Compute.PERMUTE
    odd = (compute["scalar"] % 2 == 1) & (compute["scalar"] < 2 * shape.N)
    _all("compute", np.where(permutes, odd, compute["scalar"] < q), "no such constant")
    _all("compute", compute["addend"] < q, "the addend is not below the modulus")
    for name, queue in (("moves", moves), ("memory", memory)):
        _all(name, queue["opcode"] < 2, "no such opcode")
        room = np.where(queue["opcode"] == 0, shape.arrivals, shape.departures)
        _all(name, queue["staging"] < room, "no such place of arrivals or departures")
    _all("moves", moves["slot"] < shape.slots, f"there are {shape.slots} slots")
    bits = np.array([q.bit_length() for q in shape.moduli])[memory["modulus"]]
    beats = -(-shape.N * bits // shape.channel.data_bits)
    _all("memory", memory["beats"] == beats, "a limb of this modulus has another length")
    aligned = memory["address"] % shape.channel.burst_bytes == 0
    ends = memory["address"].astype(np.int64) + beats * shape.channel.data_bits // 8
    _all("memory", aligned & (ends <= p.data_bytes), "the address is outside of the data")
    if any(o.kind not in OBJECT_KINDS for o in p.objects):
        raise TimedProgramError(f"objects have one of the kinds {OBJECT_KINDS}")
    inside = (p.placed["object"] >= -1) & (p.placed["object"] < len(p.objects))
    inside &= p.placed["modulus"] < len(shape.moduli)
    _all("placed", inside, "no such object or modulus")


def _all(queue: str, holds: Sequence[bool] | np.ndarray, trouble: str) -> None:
    if not np.all(holds):
        raise TimedProgramError(f"{queue} {int(np.argmin(holds))}: {trouble}")
