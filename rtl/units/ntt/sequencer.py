"""The sequencer issues the steps of a transform, one a cycle, with the waits of the schedule."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from rtl.parts.block import Block, Hardware, Ports
from rtl.parts.moduli_table import index_bits
from rtl.units.ntt.schedule import Schedule


def rows_of(issue: Value) -> tuple[Value, Value]:
    """The two rows of a step: its number with a 0, and with a 1, inserted at the paired bit."""
    step, mask = issue.step, issue.low_mask
    first = Cat(0, step & ~mask) | (step & mask)
    return first, first | (Cat(1, mask) & ~Cat(mask, 0))


@dataclass(frozen=True)
class Sequencer(Block):
    """The step counter of a unit whose table has `moduli` moduli."""

    schedule: Schedule
    moduli: int = 1

    @property
    def command_layout(self) -> StructLayout:
        """The command of a transform: the place of its modulus in the table, and its direction."""
        return StructLayout({"modulus": index_bits(self.moduli), "inverse": 1})

    @property
    def step_layout(self) -> StructLayout:
        """One step of a transform.

        `low_mask` has a one for every bit of the row below the paired bit; bit s of `lane_stage` is
        one in stage s, which pairs lanes.
        """
        schedule = self.schedule
        return StructLayout(
            {
                "valid": 1,
                "first": 1,
                "command": self.command_layout,
                "step": schedule.row_bits - 1,
                "low_mask": schedule.row_bits - 1,
                "lane_stage": schedule.lane_bits,
            }
        )

    @property
    def ports(self) -> Ports:
        """`start` (only while `free`) takes `command`; the first step follows in the next cycle.

        `running` is high from the first step to the last, which `finish` marks. `issue` is a step.
        `index`, one cycle after its step, is the twiddle of all lanes if the stage pairs rows.
        """
        return {
            "start": In(1),
            "command": In(self.command_layout),
            "free": Out(1),
            "running": Out(1),
            "finish": Out(1),
            "issue": Out(self.step_layout),
            "index": Out(self.schedule.row_bits),
        }

    def hardware(self) -> SequencerHardware:
        return SequencerHardware(self)


class SequencerHardware(Hardware[Sequencer]):
    """The hardware of `Sequencer`: counters of stages, steps and waits."""

    def logic(self) -> Module:
        m = Module()
        schedule = self.parameters.schedule
        log_N, lane_bits, row_bits = schedule.log_N, schedule.lane_bits, schedule.row_bits
        stage = Signal(log_N, init=1)
        step = Signal(row_bits - 1)
        low_mask = Signal(row_bits - 1)
        first = Signal()
        last_step = Signal(init=schedule.steps == 1)
        command = Signal(self.parameters.command_layout)

        longest = max(schedule.wait_after(s, d) for s in range(log_N) for d in (False, True))
        idle = Signal(range(longest + 1))
        valid = self.running & (idle == 0)
        end_of_stage = valid & last_step
        last_stage = Mux(command.inverse, stage[-1], stage[0])
        pairs_lanes = stage[:lane_bits].any() if lane_bits else Const(0)
        m.d.comb += [
            self.finish.eq(end_of_stage & last_stage),
            self.free.eq(~self.running | self.finish),
            self.issue.valid.eq(valid),
            self.issue.first.eq(valid & first),
            self.issue.command.eq(command),
            self.issue.step.eq(step),
            self.issue.low_mask.eq(low_mask),
            self.issue.lane_stage.eq(stage[:lane_bits]),
        ]
        with m.If(idle != 0):
            m.d.sync += idle.eq(idle - 1)
        with m.If(valid):
            m.d.sync += [step.eq(step + 1), first.eq(0)]
            if schedule.steps > 1:
                m.d.sync += last_step.eq(step == schedule.steps - 2)
        with m.If(end_of_stage):
            m.d.sync += [step.eq(0), idle.eq(self._wait(stage, command.inverse))]
            with m.If(command.inverse):
                m.d.sync += stage.eq(stage << 1)
                with m.If(~pairs_lanes):
                    m.d.sync += low_mask.eq(low_mask << 1 | 1)
            with m.Else():
                m.d.sync += [stage.eq(stage >> 1), low_mask.eq(low_mask >> 1)]
        with m.If(self.finish):
            m.d.sync += self.running.eq(0)
        with m.If(self.start):
            inverse = self.command.inverse
            m.d.sync += [
                self.running.eq(1),
                first.eq(1),
                command.eq(self.command),
                stage.eq(Mux(inverse, 1, 1 << (log_N - 1))),
                low_mask.eq(Mux(inverse, 0, schedule.steps - 1)),
            ]
        self._count_twiddles(m)
        return m

    def _count_twiddles(self, m: Module) -> None:
        """Count `index`: row pairs that differ only below the paired bit share a twiddle."""
        schedule, issue = self.parameters.schedule, self.issue
        counts, end_of_block = Signal(), Signal()
        inverse = Signal()
        m.d.sync += [
            counts.eq(issue.valid & ~issue.lane_stage.any()),
            end_of_block.eq((issue.step & issue.low_mask) == issue.low_mask),
            inverse.eq(issue.command.inverse),
        ]
        with m.If(issue.first):
            m.d.sync += self.index.eq(Mux(issue.command.inverse, schedule.rows - 1, 1))
        with m.Elif(counts & end_of_block):
            m.d.sync += self.index.eq(Mux(inverse, self.index - 1, self.index + 1))

    def _wait(self, stage: Value, inverse: Value) -> Value:
        """The idle cycles after `stage` (one-hot), as `Schedule.wait_after` states them."""
        schedule = self.parameters.schedule
        wait: Value = Const(0)
        for bit in range(schedule.log_N):
            forward, backward = (schedule.wait_after(bit, d) for d in (False, True))
            wait = wait | Mux(stage[bit], Mux(inverse, backward, forward), 0)
        return wait
