"""The whole machine."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.wiring import Out

from accel_model.timed.binary import VERSION
from rtl.accelerator.code import QUEUE_DEPTH, CodeFetch
from rtl.accelerator.frame import Frame
from rtl.accelerator.moves import Moves
from rtl.accelerator.parameters import AcceleratorParameters
from rtl.accelerator.queues import LAYOUTS, InstructionQueue
from rtl.accelerator.registers import Registers
from rtl.accelerator.scratchpad import Scratchpad
from rtl.accelerator.units import Units
from rtl.parts.block import Hardware
from rtl.parts.pipeline import Pipeline


@dataclass(frozen=True)
class Accelerator(AcceleratorParameters):
    """A machine of this shape, with this multiplier. Raises `GeometryError` and the errors of its
    units where it cannot be built."""

    def hardware(self) -> AcceleratorHardware:
        return AcceleratorHardware(self)


class AcceleratorHardware(Hardware[Accelerator]):
    """The hardware of `Accelerator`."""

    def logic(self) -> Module:
        self.m = m = Module()
        p, shape = self.parameters, self.parameters.shape
        pipeline = Pipeline(m, Const(0))
        m.submodules.registers = registers = Registers(shape.fingerprint, VERSION).hardware()
        m.submodules.code = code = CodeFetch().hardware()
        m.submodules.channel = channel = p.channel.hardware()
        self._join(registers, "axil", "s_control")
        self._join(code, "axi", "m_code")
        self._join(channel, "axi", "m_data")

        running, begun, done = Signal(), Signal(), Signal()
        beat, phase = Signal(32), Signal((shape.banks - 1).bit_length())
        boundary = running & (phase == shape.banks - 1)
        advance = Signal()
        queues = {
            name: InstructionQueue.make(m, name, QUEUE_DEPTH, beat, begun) for name in LAYOUTS
        }
        for name, queue in queues.items():
            m.d.comb += [
                getattr(code, f"{name}_address").eq(getattr(registers, f"{name}_address")),
                getattr(code, f"{name}_count").eq(getattr(registers, f"{name}_count")),
                getattr(code, f"{name}_taken").eq(queue.leaves),
                queue.fifo.w_en.eq(getattr(code, f"{name}_valid")),
                queue.fifo.w_data.eq(code.instruction),
            ]
            with m.If(registers.start):
                m.d.sync += queue.left.eq(getattr(registers, f"{name}_count"))
        m.d.comb += [code.start.eq(registers.start), code.clear.eq(registers.clear)]

        scratchpad = Scratchpad(
            m, pipeline, phase, shape.banks, shape.slots * shape.beats, shape.lanes * shape.width
        )
        frame = Frame(m, p, pipeline, phase, boundary, advance, scratchpad)
        units, moves = Units(frame), Moves(frame)
        stations = [units.unit(n, queues["compute"]) for n in range(len(shape.units))]
        arrive = moves.arrive(queues["moves"], channel)
        depart = moves.depart(queues["moves"], channel)
        scratchpad.connect()
        transfer, transfer_waits = moves.transfers(queues["memory"], channel)
        m.d.comb += channel.base.eq(registers.data_address)
        m.d.comb += channel.clear.eq(registers.start)

        waits = transfer_waits
        for station, ended in ((arrive, channel.fetched), (depart, channel.written)):
            waits = waits | (station.pending & (ended < station.pending_command.need))
        blocked = Cat(*(queue.blocks for queue in queues.values())).any() | waits
        m.d.comb += advance.eq(boundary & begun & ~blocked)

        every = [*stations, arrive, depart]
        working = Cat(*(s.pending | s.active for s in every), *frame.on_their_way).any()
        idle = channel.idle & ~transfer & ~working
        finished = begun & idle & ~Cat(*(queue.left != 0 for queue in queues.values())).any()
        cycles, stalls = Signal(64), Signal(32)
        failed = channel.failed | code.failed
        m.d.sync += phase.eq(Mux(registers.start, 0, phase + 1))
        with m.If(registers.start):
            m.d.sync += [running.eq(1), done.eq(0), cycles.eq(0), stalls.eq(0), beat.eq(0)]
        with m.Elif(running):
            m.d.sync += cycles.eq(cycles + 1)
            with m.If(boundary & code.filled):
                m.d.sync += begun.eq(1)
            with m.If(advance):
                m.d.sync += beat.eq(beat + 1)
            with m.If(boundary & begun & blocked):
                m.d.sync += stalls.eq(stalls + 1)
            with m.If(finished):
                m.d.sync += [running.eq(0), begun.eq(0), done.eq(1)]
        with m.If(registers.clear):
            m.d.sync += done.eq(0)
        m.d.comb += [
            registers.status.eq(
                Cat(running, done, Const(0, 6), channel.failed, code.failed, _misfit(m, frame))
            ),
            registers.cycles.eq(cycles),
            registers.stalls.eq(stalls),
            self.irq.eq(done | failed),
        ]
        return m

    # --- connections ----------------------------------------------------------------------------

    def _join(self, part: object, inner: str, outer: str) -> None:
        """Connect the ports of a part with those of the machine."""
        for name, member in self.signature.members.items():
            if not name.startswith(f"{outer}_"):
                continue
            signal, own = getattr(part, name.replace(outer, inner)), getattr(self, name)
            if member.flow == Out:
                self.m.d.comb += own.eq(signal)
            else:
                self.m.d.comb += signal.eq(own)


def _misfit(m: Module, frame: Frame) -> Signal:
    """Stays high after a row that a unit did not take, or a result without a slot: a program that
    was not made for this machine."""
    misfit = Signal(name="misfit")
    with m.If(Cat(*frame.wrong).any()):
        m.d.sync += misfit.eq(1)
    return misfit
