"""Proofs on the RTL of small units: every reachable state, whatever the streams do.

A harness is the hardware itself with monitors beside it, whose outputs are 1 in a state that must
not be. Yosys turns it into an and-inverter graph, and abc's property-directed reachability (Een,
Mishchenko, Brayton, FMCAD 2011) proves that no such state can be reached from reset.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Array, Cat, ClockDomain, Module, Signal, Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from rtl.errors import ToolError
from rtl.parts.output_queue import OutputQueue
from rtl.tools import find_abc, run, run_yosys
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


class ControlHarness(wiring.Component):
    """The control of an NTT unit, with free streams, and `bad` bits named CONTROL_PROPERTIES."""

    def __init__(self, parameters: Control) -> None:
        self.parameters = parameters
        super().__init__(
            {
                "offer": In(1),
                "inverse": In(1),
                "room": In(1),
                "bad": Out(len(CONTROL_PROPERTIES)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p, schedule = self.parameters, self.parameters.schedule
        m.submodules.control = control = p.hardware()
        m.d.comb += [
            control.offer.eq(self.offer),
            control.command.inverse.eq(self.inverse),
            control.room.eq(self.room),
        ]
        issue, fill = control.issue, self.offer & control.accept
        first, second = rows_of(issue)
        total = schedule.log_N * schedule.steps
        # For so many cycles after a step a later step would read what was there before it.
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
            # A drain reads one cycle later, and must see the last write.
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
        """Bit i: the event happened i + 1 cycles ago."""
        history = Signal(cycles, name=f"recent_{name}")
        m.d.sync += history.eq(Cat(event, history[:-1]))
        return history


class QueueHarness(wiring.Component):
    """An output queue behind a pipeline of `latency` cycles that claims whenever it may."""

    def __init__(self, depth: int, latency: int) -> None:
        self.queue = OutputQueue(StructLayout({"data": 2}), depth)
        self.latency = latency
        super().__init__(
            {
                "wants": In(1),
                "data": In(2),
                "ready": In(1),
                "bad": Out(len(QUEUE_PROPERTIES)),
            }
        )

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


def prove(harness: wiring.Component) -> bool:
    """Whether no `bad` bit can ever be 1; raises `ToolError` when the prover gives no answer."""
    m = Module()
    # Registers start at their reset values, and reset is not applied again.
    m.domains.sync = domain = ClockDomain(reset_less=True)
    m.submodules.harness = harness
    bad = Signal()
    m.d.comb += bad.eq(harness.bad.any())
    free = {
        path[0]: (value, PortDirection.Input)
        for path, member, value in harness.signature.flatten(harness)
        if member.flow == wiring.In
    }
    free["clk"] = (domain.clk, PortDirection.Input)
    ports = {**free, "any_bad": (bad, PortDirection.Output)}
    text = rtlil.convert(m, name="harness", ports=ports, emit_src=False)
    with tempfile.TemporaryDirectory() as folder:
        source, graph = Path(folder, "harness.il"), Path(folder, "harness.aig")
        source.write_text(text)
        run_yosys(
            [
                f"read_rtlil {source}",
                "hierarchy -top harness",
                *("proc", "flatten", "opt -full", "memory_map", "opt -full", "techmap"),
                *("opt -fast", "dffunmap", "opt_clean", "setundef -anyseq", "aigmap"),
                f"write_aiger -zinit {graph}",
            ]
        )
        return _verdict(run([find_abc(), "-c", f"read_aiger {graph}; strash; pdr"]))


def _verdict(log: str) -> bool:
    if "Property proved" in log:
        return True
    if "was asserted in frame" in log:
        return False
    raise ToolError(f"the prover gave no answer:\n{log[-400:]}")
