"""Which part of an NTT unit uses which buffer, and when. No residue passes through the control."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Array, Module, Signal, Value
from amaranth.lib.wiring import In, Out

from rtl.parts.block import Block, Hardware, Ports
from rtl.units.ntt.schedule import Schedule
from rtl.units.ntt.sequencer import Sequencer


class BufferState(enum.Enum):
    """The states of a buffer, in the order in which it goes through them."""

    FILLING = 0
    READY = 1
    TRANSFORMING = 2
    DRAINING = 3


@dataclass(frozen=True)
class Control(Block):
    """One or two buffers, each of which is filled, ready, transformed, drained, and filled again.

    A drained buffer is filled again behind the rows that have left it. With two buffers, one is
    drained and filled while the other is transformed.

    read_offset, write_offset: cycles from a step's issue until the memories see its read
    addresses and its writes.
    """

    schedule: Schedule
    buffers: int
    moduli: int
    read_offset: int
    write_offset: int

    @cached_property
    def sequencer(self) -> Sequencer:
        """The counter of steps."""
        return Sequencer(self.schedule, self.moduli)

    @property
    def ports(self) -> Ports:
        """The handshakes of rows in, of steps, and of rows out.

        A row is filled when `offer` and `accept` are both high; the memory is written one cycle
        later. `issue` is a step on buffer `issue_buffer`; `issue_index` is its twiddle, one cycle
        later. `start` marks a new transform, with its `start_command`. `drain` reads a row, only
        while there is `room`; its address is at the memory one cycle later. `busy` spans each
        transform, from its first step to its last write.
        """
        row_bits, sequencer = self.schedule.row_bits, self.sequencer
        return {
            "offer": In(1),
            "accept": Out(1),
            "command": In(sequencer.command_layout),
            "fill_buffer": Out(1),
            "fill_row": Out(row_bits),
            "issue": Out(sequencer.step_layout),
            "issue_index": Out(row_bits),
            "issue_buffer": Out(1),
            "start": Out(1),
            "start_command": Out(sequencer.command_layout),
            "room": In(1),
            "drain": Out(1),
            "drain_buffer": Out(1),
            "drain_row": Out(row_bits),
            "busy": Out(1),
        }

    def hardware(self) -> ControlHardware:
        return ControlHardware(self)


class ControlHardware(Hardware[Control]):
    """The hardware of `Control`: the state of each buffer, and whose turn it is."""

    def logic(self) -> Module:
        m = Module()
        p = self.parameters
        states = [Signal(BufferState, name=f"state_{b}") for b in range(p.buffers)]
        state = Array(states)
        commands = Array(
            Signal(p.sequencer.command_layout, name=f"command_{b}") for b in range(p.buffers)
        )
        last_row = p.schedule.rows - 1
        m.submodules.sequencer = sequencer = p.sequencer.hardware()

        filling = Signal(name="filling")
        filling_state = state[filling]
        behind_drain = (filling_state == BufferState.DRAINING) & (self.fill_row < self.drain_row)
        m.d.comb += [
            self.accept.eq((filling_state == BufferState.FILLING) | behind_drain),
            self.fill_buffer.eq(filling),
        ]
        with m.If(self.offer & self.accept):
            m.d.sync += self.fill_row.eq(self.fill_row + 1)
            with m.If(self.fill_row == 0):
                m.d.sync += commands[filling].eq(self.command)
            with m.If(self.fill_row == last_row):
                m.d.sync += filling_state.eq(BufferState.READY)
                self._pass_on(m, filling)

        starting = Signal(name="starting")
        m.d.comb += [
            self.start.eq(sequencer.free & (state[starting] == BufferState.READY)),
            self.start_command.eq(commands[starting]),
            sequencer.start.eq(self.start),
            sequencer.command.eq(self.start_command),
            self.issue.eq(sequencer.issue),
            self.issue_index.eq(sequencer.index),
        ]
        with m.If(self.start):
            m.d.sync += [
                state[starting].eq(BufferState.TRANSFORMING),
                self.issue_buffer.eq(starting),
            ]
            self._pass_on(m, starting)

        finishing = Signal(name="finishing")
        finish = Signal(p.write_offset)
        m.d.sync += finish.eq(finish << 1 | sequencer.finish)
        m.d.comb += self.busy.eq(sequencer.running | finish.any())
        with m.If(finish[-1]):
            m.d.sync += state[finishing].eq(BufferState.DRAINING)
            self._pass_on(m, finishing)

        draining = Signal(name="draining")
        m.d.comb += [
            self.drain.eq((state[draining] == BufferState.DRAINING) & self.room),
            self.drain_buffer.eq(draining),
        ]
        with m.If(self.drain):
            m.d.sync += self.drain_row.eq(self.drain_row + 1)
            with m.If(self.drain_row == last_row):
                m.d.sync += state[draining].eq(BufferState.FILLING)
                self._pass_on(m, draining)
        return m

    def _pass_on(self, m: Module, turn: Value) -> None:
        """Make it the other buffer's turn, if there are two."""
        if self.parameters.buffers == 2:
            m.d.sync += turn.eq(~turn)
