"""The datapath of the NTT unit: memories, lane exchange, butterflies."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from rtl.parts.block_memory import BlockMemory
from rtl.parts.moduli_table import constant_table
from rtl.parts.pipeline import Pipeline
from rtl.units.ntt.control import ControlHardware
from rtl.units.ntt.parameters import NTTParameters
from rtl.units.ntt.sequencer import rows_of


@dataclass
class _Bank:
    """The registers in front of and behind one memory."""

    read_address: Signal
    read_data: Value
    write_enable: Signal
    write_address: Signal
    write_data: Signal


class Datapath:
    """Adds the memories, the exchange of lanes and the butterflies of an NTT unit to its module."""

    def __init__(self, m: Module, parameters: NTTParameters, control: ControlHardware) -> None:
        self._m = m
        self._parameters = parameters
        self._control = control
        self.pipeline = Pipeline(m, control.issue.first)
        self._banks = [
            [self._bank(f"{buffer}_{bank}") for bank in range(2)]
            for buffer in range(parameters.buffers)
        ]

    def transform(self, filled: Value, row: Value) -> None:
        """Connect the steps of the control, from read addresses to writes; `row` of the input is
        written too, if `filled`, to where the control says."""
        addresses, swap = self._addresses()
        rows = self._read(addresses, swap)
        results = self._butterflies(self._pair_lanes(rows))
        self._write(addresses, swap, self._unpair_lanes(results), filled, row)

    def drained_row(self) -> Value:
        """The row that the control drains, `1 + read_latency` cycles later."""
        control, cycles = self._control, 1 + self._parameters.read_latency
        buffer_index = self.pipeline.delay(control.drain_buffer, cycles, "drain_buffer")
        odd = self.pipeline.delay(control.drain_row.xor(), cycles, "drain_bank")
        return Mux(odd, self._of_buffer(1, buffer_index), self._of_buffer(0, buffer_index))

    def _bank(self, name: str) -> _Bank:
        p = self._parameters
        depth = max(2, p.schedule.steps)
        memory = BlockMemory(self._m, f"bank_{name}", p.row_layout.size, depth)
        read_address = Signal(range(depth), name=f"read_address_{name}", reset_less=True)
        bank = _Bank(
            read_address,
            self.pipeline.delay(memory.read(read_address), p.read_latency - 1, f"read_data_{name}"),
            Signal(name=f"write_enable_{name}"),
            Signal(range(depth), name=f"write_address_{name}", reset_less=True),
            Signal(p.row_layout.size, name=f"write_data_{name}", reset_less=True),
        )
        memory.write(bank.write_enable, bank.write_address, bank.write_data)
        return bank

    def _since_issue(self, value: Value, time: int, name: str, known: int = 0) -> Value:
        """At `time` cycles after issue, a value that is known `known` cycles after issue."""
        return self.pipeline.delay(value, time - known, name)

    def _addresses(self) -> tuple[list[Value], Value]:
        """The addresses in bank 0 and 1, and whether bank 1 has the first row; one cycle later."""
        pipeline, issue = self.pipeline, self._control.issue
        first, second = rows_of(issue)
        swap = issue.step.xor()
        even, odd = first[1:], second[1:]
        return [
            pipeline.register(Mux(swap, odd, even), "address_0"),
            pipeline.register(Mux(swap, even, odd), "address_1"),
        ], pipeline.register(swap, "swap")

    def _read(self, addresses: list[Value], swap: Value) -> list[list[Value]]:
        """The two rows of a step as lanes, the first row first."""
        p, control = self._parameters, self._control
        time = p.read_offset
        for bank in range(2):
            address = self._since_issue(addresses[bank], time - 1, f"read_{bank}", 1)
            for buffer in range(p.buffers):
                drained = control.drain & (control.drain_buffer == buffer)
                register = self._banks[buffer][bank].read_address
                self._m.d.sync += register.eq(Mux(drained, control.drain_row[1:], address))
        time += p.read_latency
        buffer_index = self._since_issue(control.issue_buffer, time, "read_buffer")
        swapped = self._since_issue(swap, time, "read_swap", 1)
        data = [self._of_buffer(bank, buffer_index) for bank in range(2)]
        first = self.pipeline.register(Mux(swapped, data[1], data[0]), "first_row")
        second = self.pipeline.register(Mux(swapped, data[0], data[1]), "second_row")
        return [self._lanes(first), self._lanes(second)]

    def _of_buffer(self, bank: int, buffer_index: Value) -> Value:
        """The word that was read from a bank of the buffer with this index."""
        data = [banks[bank].read_data for banks in self._banks]
        return Mux(buffer_index, data[1], data[0]) if len(data) == 2 else data[0]

    def _lanes(self, row: Value) -> list[Value]:
        width = self._parameters.multiplier.width
        return [row[i * width : (i + 1) * width] for i in range(self._parameters.butterflies)]

    def _pair_lanes(self, rows: list[list[Value]]) -> list[tuple[Value, Value]]:
        """The operands of each butterfly: the same lane of both rows, or, in a stage that pairs
        lanes, two lanes of one row, which the paired bit of the butterfly's number selects."""
        p, issue = self._parameters, self._control.issue
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
                    self.pipeline.register(a, f"operand_a_{lane}"),
                    self.pipeline.register(b, f"operand_b_{lane}"),
                )
            )
        return pairs

    def _unpair_lanes(self, results: list[tuple[Value, Value]]) -> list[Value]:
        """The two rows again, from the results of the butterflies."""
        p, issue = self._parameters, self._control.issue
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
            rows[0].append(self.pipeline.register(first, f"result_first_{lane}"))
            rows[1].append(self.pipeline.register(second, f"result_second_{lane}"))
        return [Cat(*rows[0]), Cat(*rows[1])]

    def _butterflies(self, pairs: list[tuple[Value, Value]]) -> list[tuple[Value, Value]]:
        """The results of each butterfly, with its twiddles and the constants of the modulus."""
        m, p, control, pipeline = self._m, self._parameters, self._control, self.pipeline
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
            # Each lane has its own register of the direction. One register for all would drive the
            # carry input of every adder across the device.
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
        self, addresses: list[Value], swap: Value, rows: list[Value], filled: Value, row: Value
    ) -> None:
        """Write results to where their operands were, the input row to where the control says."""
        p, control, time = self._parameters, self._control, self._parameters.write_offset - 1
        valid = self.pipeline.delay_marker(control.issue.valid, time, "write_valid")
        buffer_index = self._since_issue(control.issue_buffer, time, "write_buffer")
        swapped = self._since_issue(swap, time, "write_swap", 1)
        fill_bank = control.fill_row.xor()
        for bank in range(2):
            address = self._since_issue(addresses[bank], time, f"write_{bank}", 1)
            result = Mux(swapped ^ bank, rows[1], rows[0])
            for buffer, banks in enumerate(self._banks):
                of_step = valid & (buffer_index == buffer)
                of_fill = filled & (control.fill_buffer == buffer) & (fill_bank == bank)
                self._m.d.sync += [
                    banks[bank].write_enable.eq(of_step | of_fill),
                    banks[bank].write_address.eq(Mux(of_step, address, control.fill_row[1:])),
                    banks[bank].write_data.eq(Mux(of_step, result, row)),
                ]
        assert p.schedule.write_after == p.write_offset + 1 - p.read_offset
