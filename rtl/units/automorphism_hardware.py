"""The hardware of the automorphism unit."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.parts.block_memory import BlockMemory
from rtl.parts.moduli_table import constant_table
from rtl.parts.output_queue import OutputQueue
from rtl.parts.pipeline import Pipeline
from rtl.units.automorphism import AutomorphismUnit

_READ_OFFSET = 3
"""Cycles from a row's drain until the memories see its addresses."""


def reversed_bits(value: Value) -> Value:
    """The bit reversal of `value`, which is wiring."""
    return Cat(*[value[i] for i in reversed(range(len(value)))])


class AutomorphismHardware(wiring.Component):
    """See `AutomorphismUnit`. Ports: streams `input` and `output`."""

    def __init__(self, parameters: AutomorphismUnit) -> None:
        self.parameters = parameters
        super().__init__(
            {
                "input": In(stream.Signature(parameters.input_layout)),
                "output": Out(stream.Signature(parameters.output_layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p = self.parameters
        row_bits = p.log_N - p.lane_bits
        depth = 1 << (p.pipeline_latency + 2).bit_length()
        m.submodules.queue = queue = OutputQueue(p.output_layout, depth).hardware()
        wiring.connect(m, wiring.flipped(self.output), queue.output)

        full = Array(Signal(name=f"full_{b}") for b in range(p.buffers))
        commands = Array(Signal(p.command_layout, name=f"command_{b}") for b in range(p.buffers))
        filling, draining = Signal(), Signal()
        fill_row, drain_row = Signal(row_bits), Signal(row_bits)

        m.d.comb += self.input.ready.eq(~full[filling])
        filled = self.input.valid & self.input.ready
        with m.If(filled):
            m.d.sync += fill_row.eq(fill_row + 1)
            with m.If(fill_row == 0):
                payload = self.input.payload
                m.d.sync += commands[filling].eq(
                    Cat(payload.multiplier, payload.transformed, payload.modulus)
                )
            with m.If(fill_row.all()):
                m.d.sync += full[filling].eq(1)
                if p.buffers == 2:
                    m.d.sync += filling.eq(~filling)

        drain = full[draining] & queue.room
        m.d.comb += queue.claim.eq(drain)
        with m.If(drain):
            m.d.sync += drain_row.eq(drain_row + 1)
            with m.If(drain_row.all()):
                m.d.sync += full[draining].eq(0)
                if p.buffers == 2:
                    m.d.sync += draining.eq(~draining)

        pipeline = Pipeline(m, Const(0))
        command = commands[draining]
        addresses, negative, sources = self._sources(pipeline, command, drain_row)
        words = self._memories(m, pipeline, filled, filling, fill_row, draining, addresses)
        arrives = pipeline.delay_marker(drain, p.pipeline_latency, "valid")
        index = pipeline.delay(p.command_layout(command).modulus, 5, "modulus")
        q = pipeline.register(constant_table(list(p.moduli), p.width, index), "q")
        lanes = self._choose_lanes(pipeline, words, negative, sources, q)
        last = pipeline.delay(drain_row.all(), p.pipeline_latency, "last")
        m.d.comb += [queue.push.eq(arrives), queue.beat.eq(Cat(*lanes, last))]
        return m

    def _sources(
        self, pipeline: Pipeline, command_bits: Value, row: Value
    ) -> tuple[list[Value], list[Value], list[Value]]:
        """Three cycles on: the row that each memory reads, whether its word is negated, and the
        memory that each lane of the result takes."""
        p = self.parameters
        command = p.command_layout(command_bits)
        bits, lane_bits, log_N = p.log_N + 1, p.lane_bits, p.log_N
        factor = command.multiplier

        # Both domains need multiplier * (a number that depends on the row) mod 2N.
        exponent = Cat(1, reversed_bits(row))
        by_row = Mux(command.transformed, exponent, Cat(Const(0, lane_bits), row))
        product = pipeline.register((factor * by_row)[:bits], "product_1")
        product = pipeline.register(product, "product_2")
        factor = pipeline.register(factor, "factor_1")
        # 3h xor 2 is the inverse of an odd h modulo 32.
        inverse = ((factor * 3) ^ 2)[:lane_bits] if lane_bits else Const(0, 0)
        offsets = []
        for lane in range(p.lanes):
            place = (inverse * lane)[:lane_bits] if lane_bits else Const(0, 0)
            offsets.append(pipeline.register((factor * place)[:bits], f"offset_{lane}"))
        factor = pipeline.register(factor, "factor_2")
        transformed = pipeline.delay(command.transformed, 2, "transformed")

        reversed_row = reversed_bits(product[1 : 1 + len(row)])
        rotation = product[1 + len(row) : bits]
        addresses, negative, sources = [], [], []
        for lane, offset in enumerate(offsets):
            source = (product + offset)[:bits]
            address = Mux(transformed, reversed_row, source[lane_bits:log_N])
            addresses.append(pipeline.register(address, f"address_{lane}"))
            negative.append(pipeline.register(source[log_N] & ~transformed, f"negative_{lane}"))
            if lane_bits:
                mirrored = int(format(lane, f"0{lane_bits}b")[::-1], 2)
                turned = (rotation + factor * mirrored)[:lane_bits]
                straight = (factor * lane)[:lane_bits]
                memory = Mux(transformed, reversed_bits(turned), straight)
                sources.append(pipeline.register(memory, f"source_{lane}"))
        return addresses, negative, sources

    def _memories(
        self,
        m: Module,
        pipeline: Pipeline,
        filled: Value,
        filling: Value,
        fill_row: Value,
        draining: Value,
        addresses: list[Value],
    ) -> list[Value]:
        """The word that each lane's memory holds at its address, two cycles after the address."""
        p = self.parameters
        buffer_index = pipeline.delay(draining, 5, "buffer")
        # Writes wait as long as a drained row takes to be read: a freed buffer can be refilled
        # at once, and a filled one drained at once.
        row = pipeline.delay(fill_row, _READ_OFFSET, "fill_row")
        target = pipeline.delay(filling, _READ_OFFSET, "fill_buffer")
        filled = pipeline.delay_marker(filled, _READ_OFFSET, "filled")
        words = []
        for lane, address in enumerate(addresses):
            data = []
            word = pipeline.delay(self.input.payload.data[lane], _READ_OFFSET, f"fill_{lane}")
            for buffer in range(p.buffers):
                memory = BlockMemory(m, f"memory_{buffer}_{lane}", p.width, p.beats)
                memory.write(filled & (target == buffer), row, word)
                data.append(pipeline.register(memory.read(address), f"word_{buffer}_{lane}"))
            words.append(Mux(buffer_index, data[1], data[0]) if p.buffers == 2 else data[0])
        return words

    def _choose_lanes(
        self,
        pipeline: Pipeline,
        words: list[Value],
        negative: list[Value],
        sources: list[Value],
        q: Value,
    ) -> list[Value]:
        """Each lane's word from its memory (one cycle), then its negative if so marked (two)."""
        p = self.parameters
        marked = [
            Cat(word, pipeline.delay(sign, 2, f"sign_{i}"))
            for i, (word, sign) in enumerate(zip(words, negative, strict=True))
        ]
        lanes = []
        for lane in range(p.lanes):
            if sources:
                chosen = Array(marked)[pipeline.delay(sources[lane], 2, f"from_{lane}")]
            else:
                chosen = marked[0]
            word = pipeline.register(chosen, f"chosen_{lane}")
            value, sign = word[: p.width], word[p.width]
            negated = pipeline.register((q - value)[: p.width], f"negated_{lane}")
            kept = pipeline.register(value, f"kept_{lane}")
            takes = pipeline.register(sign & value.any(), f"takes_{lane}")
            lanes.append(pipeline.register(Mux(takes, negated, kept), f"result_{lane}"))
        return lanes
