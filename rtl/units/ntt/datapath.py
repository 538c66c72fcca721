"""The datapath of the NTT unit: memories, lane exchange, butterflies."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.data import View
from amaranth.lib.wiring import In, Out

from rtl.parts.block_memory import BlockMemory
from rtl.parts.moduli_table import constant_table
from rtl.parts.output_queue import OutputQueue
from rtl.parts.pipeline import Pipeline
from rtl.units.ntt.sequencer import rows_of
from rtl.units.ntt.unit import NTTUnit

_OUTPUT_DEPTH = 8


@dataclass
class _Bank:
    """The registers in front of and behind one memory."""

    read_address: Signal
    read_data: Value
    write_enable: Signal
    write_address: Signal
    write_data: Signal


class NTTUnitHardware(wiring.Component):
    """See `NTTUnit`. Ports: streams `input` and `output` (valid/ready), and `busy`."""

    def __init__(self, parameters: NTTUnit) -> None:
        self.parameters = parameters
        super().__init__(
            {
                "input": In(stream.Signature(parameters.input_layout)),
                "output": Out(stream.Signature(parameters.output_layout)),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p = self.parameters
        m.submodules.control = control = p.control.hardware()
        self._pipeline = pipeline = Pipeline(m, control.issue.first)
        self._banks = [
            [self._bank(m, pipeline, f"{buffer}_{bank}") for bank in range(2)]
            for buffer in range(p.buffers)
        ]
        m.d.comb += [
            control.offer.eq(self.input.valid),
            self.input.ready.eq(control.accept),
            control.command.modulus.eq(self.input.payload.modulus),
            control.command.inverse.eq(self.input.payload.inverse),
            self.busy.eq(control.busy),
        ]
        addresses, swap = self._addresses(pipeline, control.issue)
        rows = self._read(m, control, addresses, swap)
        results = self._butterflies(m, control, self._pair_lanes(control.issue, rows))
        self._write(m, control, addresses, swap, self._unpair_lanes(control.issue, results))
        self._drain(m, control)
        return m

    def _bank(self, m: Module, pipeline: Pipeline, name: str) -> _Bank:
        p = self.parameters
        depth = max(2, p.schedule.steps)
        memory = BlockMemory(m, f"bank_{name}", p.row_layout.size, depth)
        read_address = Signal(range(depth), name=f"read_address_{name}", reset_less=True)
        bank = _Bank(
            read_address,
            pipeline.delay(memory.read(read_address), p.read_latency - 1, f"read_data_{name}"),
            Signal(name=f"write_enable_{name}"),
            Signal(range(depth), name=f"write_address_{name}", reset_less=True),
            Signal(p.row_layout.size, name=f"write_data_{name}", reset_less=True),
        )
        memory.write(bank.write_enable, bank.write_address, bank.write_data)
        return bank

    def _since_issue(self, value: Value, time: int, name: str, known: int = 0) -> Value:
        """A value known `known` cycles after issue, at `time` cycles after issue."""
        return self._pipeline.delay(value, time - known, name)

    def _addresses(self, pipeline: Pipeline, issue: View) -> tuple[list[Value], Value]:
        """The addresses in bank 0 and 1, and whether the first row is in bank 1; one cycle on."""
        first, second = rows_of(issue)
        swap = issue.step.xor()
        even, odd = first[1:], second[1:]
        return [
            pipeline.register(Mux(swap, odd, even), "address_0"),
            pipeline.register(Mux(swap, even, odd), "address_1"),
        ], pipeline.register(swap, "swap")

    def _read(
        self, m: Module, control: wiring.Component, addresses: list[Value], swap: Value
    ) -> list[list[Value]]:
        """The two rows of a step as lanes, first row first."""
        p, time = self.parameters, self.parameters.read_offset
        for bank in range(2):
            address = self._since_issue(addresses[bank], time - 1, f"read_{bank}", 1)
            for buffer in range(p.buffers):
                drained = control.drain & (control.drain_buffer == buffer)
                register = self._banks[buffer][bank].read_address
                m.d.sync += register.eq(Mux(drained, control.drain_row[1:], address))
        time += p.read_latency
        buffer_index = self._since_issue(control.issue_buffer, time, "read_buffer")
        swapped = self._since_issue(swap, time, "read_swap", 1)
        data = [self._of_buffer(bank, buffer_index) for bank in range(2)]
        first = self._pipeline.register(Mux(swapped, data[1], data[0]), "first_row")
        second = self._pipeline.register(Mux(swapped, data[0], data[1]), "second_row")
        return [self._lanes(first), self._lanes(second)]

    def _of_buffer(self, bank: int, buffer_index: Value) -> Value:
        data = [banks[bank].read_data for banks in self._banks]
        return Mux(buffer_index, data[1], data[0]) if len(data) == 2 else data[0]

    def _lanes(self, row: Value) -> list[Value]:
        width = self.parameters.multiplier.width
        return [row[i * width : (i + 1) * width] for i in range(self.parameters.butterflies)]

    def _pair_lanes(self, issue: View, rows: list[list[Value]]) -> list[tuple[Value, Value]]:
        """The operands of each butterfly: the same lane of both rows, or, in a stage that pairs
        lanes, two lanes of the row that the paired bit of the butterfly's number names."""
        p = self.parameters
        if p.butterflies == 1:
            return [(rows[0][0], rows[1][0])]
        stages = self._since_issue(issue.lane_stage, p.butterfly_offset - 1, "pair_stage")
        pairs = []
        for lane in range(p.butterflies):
            a, b = rows[0][lane], rows[1][lane]
            for bit in range(p.schedule.lane_bits):
                if lane >> bit & 1:
                    a = Mux(stages[bit], rows[1][lane ^ 1 << bit], a)
                else:
                    b = Mux(stages[bit], rows[0][lane | 1 << bit], b)
            pairs.append(
                (
                    self._pipeline.register(a, f"operand_a_{lane}"),
                    self._pipeline.register(b, f"operand_b_{lane}"),
                )
            )
        return pairs

    def _unpair_lanes(self, issue: View, results: list[tuple[Value, Value]]) -> list[Value]:
        """The two rows again, from the butterflies' results."""
        p = self.parameters
        if p.butterflies == 1:
            return [results[0][0], results[0][1]]
        stages = self._since_issue(issue.lane_stage, p.write_offset - 2, "unpair_stage")
        rows: list[list[Value]] = [[], []]
        for lane in range(p.butterflies):
            first, second = results[lane]
            for bit in range(p.schedule.lane_bits):
                partner = results[lane ^ 1 << bit]
                if lane >> bit & 1:
                    first = Mux(stages[bit], partner[1], first)
                else:
                    second = Mux(stages[bit], partner[0], second)
            rows[0].append(self._pipeline.register(first, f"result_first_{lane}"))
            rows[1].append(self._pipeline.register(second, f"result_second_{lane}"))
        return [Cat(*rows[0]), Cat(*rows[1])]

    def _butterflies(
        self, m: Module, control: wiring.Component, pairs: list[tuple[Value, Value]]
    ) -> list[tuple[Value, Value]]:
        p, pipeline = self.parameters, self._pipeline
        issue, layout = control.issue, p.multiplier.constants_layout
        constants = Signal(layout, name="constants", reset_less=True)
        packed = [p.multiplier.packed_constants(q) for q in p.moduli]
        with m.If(control.start):
            chosen = constant_table(packed, layout.size, control.start_command.modulus)
            m.d.sync += constants.as_value().eq(chosen)

        m.submodules.twiddles = twiddles = p.twiddle_source.hardware()
        asked = p.factor_offset - p.twiddle_source.latency
        requests = {
            "modulus": issue.command.modulus,
            "inverse": issue.command.inverse,
            "lane_stage": issue.lane_stage,
            "step": issue.step,
        }
        for name, value in requests.items():
            delayed = self._since_issue(value, asked, f"twiddle_{name}")
            m.d.comb += getattr(twiddles, name).eq(delayed)
        index = self._since_issue(control.issue_index, asked, "twiddle_index", 1)
        m.d.comb += twiddles.index.eq(index)
        m.d.comb += [twiddles.load.eq(pipeline.load_at(asked)), twiddles.constants.eq(constants)]

        inverse = self._since_issue(issue.command.inverse, p.butterfly_offset - 1, "inverse")
        results = []
        for lane, (a, b) in enumerate(pairs):
            # Each lane has the direction in a register of its own: one for all would reach across
            # the device to the start of every adder's carry.
            m.submodules[f"lane_{lane}"] = part = Module()
            part.submodules.butterfly = butterfly = p.butterfly.hardware()
            part.d.comb += [
                butterfly.a.eq(a),
                butterfly.b.eq(b),
                butterfly.w.eq(twiddles.w[lane]),
                butterfly.inverse.eq(Pipeline(part, Const(0)).register(inverse, "inverse")),
                butterfly.load.eq(pipeline.load_at(p.butterfly_offset)),
                butterfly.modulus.eq(constants),
            ]
            results.append((butterfly.u, butterfly.v))
        return results

    def _write(
        self,
        m: Module,
        control: wiring.Component,
        addresses: list[Value],
        swap: Value,
        rows: list[Value],
    ) -> None:
        """Results go back where they came from; input rows go where the control says."""
        p, time = self.parameters, self.parameters.write_offset - 1
        valid = self._pipeline.delay_marker(control.issue.valid, time, "write_valid")
        buffer_index = self._since_issue(control.issue_buffer, time, "write_buffer")
        swapped = self._since_issue(swap, time, "write_swap", 1)
        filled = self.input.valid & self.input.ready
        fill_bank = control.fill_row.xor()
        for bank in range(2):
            address = self._since_issue(addresses[bank], time, f"write_{bank}", 1)
            result = Mux(swapped ^ bank, rows[1], rows[0])
            for buffer, banks in enumerate(self._banks):
                of_step = valid & (buffer_index == buffer)
                of_fill = filled & (control.fill_buffer == buffer) & (fill_bank == bank)
                m.d.sync += [
                    banks[bank].write_enable.eq(of_step | of_fill),
                    banks[bank].write_address.eq(Mux(of_step, address, control.fill_row[1:])),
                    banks[bank].write_data.eq(
                        Mux(of_step, result, self.input.payload.data.as_value())
                    ),
                ]
        assert p.schedule.write_after == p.write_offset + 1 - p.read_offset

    def _drain(self, m: Module, control: wiring.Component) -> None:
        """Rows on their way out, through a queue that has room for all that are on the way."""
        p, pipeline = self.parameters, self._pipeline
        m.submodules.queue = queue = OutputQueue(p.output_layout, _OUTPUT_DEPTH).hardware()
        # Address, words read, choice.
        chosen, latency = 1 + p.read_latency, 2 + p.read_latency
        buffer_index = pipeline.delay(control.drain_buffer, chosen, "drain_buffer")
        odd = pipeline.delay(control.drain_row.xor(), chosen, "drain_bank")
        row = Mux(odd, self._of_buffer(1, buffer_index), self._of_buffer(0, buffer_index))
        last = pipeline.delay(control.drain_row.all(), latency, "drain_last")
        arrives = pipeline.delay_marker(control.drain, latency, "drain")
        m.d.comb += [
            control.room.eq(queue.room),
            queue.claim.eq(control.drain),
            queue.push.eq(arrives),
            queue.beat.eq(Cat(pipeline.register(row, "drain_data"), last)),
        ]
        wiring.connect(m, wiring.flipped(self.output), queue.output)
