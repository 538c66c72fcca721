"""The queues of instructions, the beats, and the steps that wait for the next beat."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.data import StructLayout, View
from amaranth.lib.fifo import SyncFIFO

START_BITS = 32


def compute_layout() -> StructLayout:
    """A compute instruction, as `accel_model.timed.program.COMPUTE`."""
    return StructLayout(
        {
            "start": START_BITS, "opcode": 8, "unit": 8, "modulus": 8, "flags": 8,
            "target": 16, "a": 16, "b": 16, "c": 16, "scalar": 64, "addend": 64,
        }
    )  # fmt: skip


def move_layout() -> StructLayout:
    """A move, as `accel_model.timed.program.MOVE`."""
    fields = {"start": START_BITS, "opcode": 8, "staging": 8, "slot": 16, "need": 32}
    return StructLayout(fields | {"unused": 160})


def memory_layout() -> StructLayout:
    """A transfer, as `accel_model.timed.program.MEMORY`."""
    return StructLayout(
        {
            "start": START_BITS, "opcode": 8, "staging": 8, "modulus": 8, "unused": 8,
            "address": 64, "beats": 32, "unused_2": 96,
        }
    )  # fmt: skip


LAYOUTS = {"memory": memory_layout(), "moves": move_layout(), "compute": compute_layout()}
INSTRUCTION_BITS = 256
assert all(layout.size == INSTRUCTION_BITS for layout in LAYOUTS.values())


@dataclass
class InstructionQueue:
    """Instructions in front of the machine; the head leaves in the beat before its start."""

    name: str
    fifo: SyncFIFO
    left: Signal  # instructions that have not left the queue
    head: View[StructLayout]
    leaves: Value
    blocks: Value  # whether the next beat cannot begin yet
    filled: Value  # whether the head is known, if there is one

    @staticmethod
    def make(m: Module, name: str, depth: int, beat: Value, running: Value) -> InstructionQueue:
        """A queue of `depth` instructions that looks at the beat that runs."""
        fifo = SyncFIFO(width=INSTRUCTION_BITS, depth=depth)
        m.submodules[f"queue_{name}"] = fifo
        left = Signal(32, name=f"{name}_left")
        head = LAYOUTS[name](fifo.r_data)
        due = fifo.r_rdy & (head.start == beat + 1)
        leaves = running & due
        m.d.comb += fifo.r_en.eq(leaves)
        with m.If(leaves):
            m.d.sync += left.eq(left - 1)
        blocks = (left != 0) & (~fifo.r_rdy | due)
        return InstructionQueue(name, fifo, left, head, leaves, blocks, (left == 0) | fifo.r_rdy)


@dataclass
class Station:
    """The step that waits for the next beat, and the step that runs, with its beat.

    command: of the running step. group: which beat of its limb runs.
    """

    pending: Signal
    pending_command: View[StructLayout]
    active: Signal
    command: View[StructLayout]
    group: Signal
    begins: Value

    @staticmethod
    def make(
        m: Module, name: str, layout: StructLayout, beats: int, boundary: Value, advance: Value
    ) -> Station:
        """A station whose steps take `beats` beats.

        boundary: high in the last cycle of a beat. advance: high there if the next beat begins.
        """
        pending, active = Signal(name=f"{name}_pending"), Signal(name=f"{name}_active")
        waiting = Signal(layout, name=f"{name}_waiting", reset_less=True)
        command = Signal(layout, name=f"{name}_command", reset_less=True)
        group = Signal(max(1, (beats - 1).bit_length()), name=f"{name}_group")
        begins = advance & pending
        with m.If(begins):
            m.d.sync += [active.eq(1), command.eq(waiting), group.eq(0), pending.eq(0)]
        with m.Elif(boundary & active):
            m.d.sync += group.eq(Mux(group == beats - 1, 0, group + 1))
            with m.If(group == beats - 1):
                m.d.sync += active.eq(0)
        return Station(pending, waiting, active, command, group, begins)

    def take(self, m: Module, when: Value, command: Value) -> None:
        """Let `command` wait for the next beat."""
        with m.If(when):
            m.d.sync += [self.pending.eq(1), self.pending_command.as_value().eq(command)]

    def address(self, slot: Value, beats: int, slot_bits: int) -> Value:
        """The row group of a slot that is at its bank in this beat."""
        return Cat(self.group, slot[:slot_bits]) if beats > 1 else slot[:slot_bits]
