"""What is proven of an NTT unit's control and of output queues, whatever the streams do."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Signal, Value
from amaranth.lib.data import StructLayout

from rtl.parts.output_queue import OutputQueue
from rtl.proofs.prover import Harness
from rtl.units.ntt.control import Control
from rtl.units.ntt.sequencer import rows_of

CONTROL_PROPERTIES = (
    "bank_conflict",
    "read_before_write",
    "step_on_unfilled_rows",
    "step_too_many",
    "fill_over_unread_row",
    "fill_during_transform",
    "drain_of_empty_row",
    "drain_before_the_end",
    "port_shared",
)
QUEUE_PROPERTIES = ("overflow", "valid_withdrawn", "payload_changed")


class ControlHarness(Harness):
    """The control of an NTT unit behind free streams, held to `CONTROL_PROPERTIES`."""

    def __init__(self, control: Control) -> None:
        self.control = control
        super().__init__({"offer": 1, "inverse": 1, "room": 1}, CONTROL_PROPERTIES)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p, schedule = self.control, self.control.schedule
        m.submodules.control = control = p.hardware()
        m.d.comb += [
            control.offer.eq(self.offer),
            control.command.inverse.eq(self.inverse),
            control.room.eq(self.room),
        ]
        issue, fill = control.issue, self.offer & control.accept
        first, second = rows_of(issue)
        total = schedule.log_N * schedule.steps
        # In so many cycles after a step, another step reads the words from before this step.
        unseen = p.write_offset - p.read_offset
        bad: dict[str, list[Value]] = {name: [] for name in CONTROL_PROPERTIES}
        bad["bank_conflict"].append(issue.valid & (first.xor() == second.xor()))
        for b in range(p.buffers):
            steps = issue.valid & (control.issue_buffer == b)
            fills = fill & (control.fill_buffer == b)
            drains = control.drain & (control.drain_buffer == b)
            recent = self._recent(m, steps, p.write_offset, f"step_{b}")
            done = Signal(range(total + 1), name=f"done_{b}")
            full = Array(Signal(name=f"full_{b}_{row}") for row in range(schedule.rows))
            with m.If(steps):
                m.d.sync += done.eq(done + 1)
            with m.If(fills):
                m.d.sync += full[control.fill_row].eq(1)
            with m.If(drains):
                m.d.sync += full[control.drain_row].eq(0)
                with m.If(control.drain_row == schedule.rows - 1):
                    m.d.sync += done.eq(0)
            bad["step_on_unfilled_rows"].append(steps & ~Cat(*full).all())
            bad["step_too_many"].append(steps & (done == total))
            bad["fill_over_unread_row"].append(fills & full[control.fill_row])
            # A fill is written one cycle later, a step `write_offset` cycles later.
            bad["fill_during_transform"].append(fills & (steps | recent.any()))
            bad["drain_of_empty_row"].append(drains & ~full[control.drain_row])
            # A drain reads one cycle later. It must see the last write.
            bad["drain_before_the_end"].append(
                drains & ((done != total) | recent[: p.write_offset - 1].any())
            )
            read_now = recent[p.read_offset - 2] if p.read_offset > 1 else steps
            bad["port_shared"].append(drains & read_now)
            for row in range(schedule.rows):
                reads = steps & ((first == row) | (second == row))
                before = self._recent(m, reads, unseen, f"read_{b}_{row}")
                bad["read_before_write"].append(reads & before.any())
        m.d.comb += self.bad.eq(Cat(*[Cat(*bad[name]).any() for name in CONTROL_PROPERTIES]))
        return m

    def _recent(self, m: Module, event: Value, cycles: int, name: str) -> Signal:
        """Bit i is 1 if the event happened i + 1 cycles ago."""
        history = Signal(cycles, name=f"recent_{name}")
        m.d.sync += history.eq(Cat(event, history[:-1]))
        return history


class QueueHarness(Harness):
    """An output queue behind a pipeline of `latency` cycles, held to `QUEUE_PROPERTIES`.

    The pipeline claims a place in any cycle in which the queue has room.
    """

    def __init__(self, depth: int, latency: int) -> None:
        self.queue = OutputQueue(StructLayout({"data": 2}), depth)
        self.latency = latency
        super().__init__({"wants": 1, "data": 2, "ready": 1}, QUEUE_PROPERTIES)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = self.queue.hardware()
        claim = self.wants & queue.room
        on_the_way = Signal(self.latency)
        m.d.sync += on_the_way.eq(Cat(claim, on_the_way[:-1]))
        waiting, payload = Signal(), Signal(2)
        in_queue = Signal(range(self.queue.depth + 2))
        leaves = queue.output.valid & self.ready
        m.d.sync += [
            waiting.eq(queue.output.valid & ~self.ready),
            payload.eq(queue.output.payload.as_value()),
            in_queue.eq(in_queue + on_the_way[-1] - leaves),
        ]
        m.d.comb += [
            queue.claim.eq(claim),
            queue.push.eq(on_the_way[-1]),
            queue.beat.eq(self.data),
            queue.output.ready.eq(self.ready),
            self.bad.eq(
                Cat(
                    on_the_way[-1] & (in_queue == self.queue.depth),
                    waiting & ~queue.output.valid,
                    waiting & (queue.output.payload.as_value() != payload),
                )
            ),
        ]
        return m
