"""The automorphism a(x) -> a(x^g) of Z_q[x]/(x^N + 1), in both domains, several lanes a cycle.

The unit stores a whole polynomial, then reads it in the order of the result. Result i takes:

- among coefficients, entry y mod N for y = i g^-1 mod 2N, negated where y >= N;
- in the transformed domain (bit-reversed order), entry brv(e') for 2 e' + 1 = g (2 e + 1) mod 2N,
  e = brv(i), because entry i is the value at psi^(2 brv(i) + 1).

For i = (row r, lane l) no two lanes read the same memory: among coefficients, lane l reads the
memory of lane l g^-1 mod lanes; in the transformed domain all lanes read one row, rotated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout, StructLayout

import ntt
from ntt.oracle import automorphism as oracle_automorphism
from rtl.arithmetic.modmul import check_width
from rtl.errors import BlockModulusError, OptionError
from rtl.parts.block_memory import BlockMemory
from rtl.parts.moduli_table import check_ntt_moduli, constant_table, index_bits
from rtl.parts.pipeline import Pipeline
from rtl.units.geometry import check_buffers, check_geometry
from rtl.units.stream_unit import BEATS_IN_ORDER, Row, StreamHardware, StreamUnit

_READ_OFFSET = 3
"""Cycles from the drain of a row until its addresses reach the memories."""


@dataclass(frozen=True)
class AutomorphismUnit(StreamUnit):
    """Automorphisms of N points, `lanes` residues a cycle, for moduli below 2^width.

    buffers: 1, or 2 to take a polynomial in while another goes out, a beat a cycle each.
    Raises `GeometryError`, `WidthError`, `BlockModulusError`.
    """

    N: int
    lanes: int
    moduli: tuple[int, ...]
    width: int
    buffers: int = 2

    pipeline_latency = 8
    """Cycles from the drain of a row until its results reach the output queue."""

    def __post_init__(self) -> None:
        check_geometry(self.N, self.lanes)
        check_width(self.width)
        check_buffers(self.buffers)
        check_ntt_moduli(self.moduli, self.N, self._check_width, range(3, 1 << self.width, 2))

    def _check_width(self, q: int) -> None:
        if q >= 1 << self.width:
            raise BlockModulusError(
                f"modulus {q} has {q.bit_length()} bits, the unit has {self.width}: "
                f"use a width of {q.bit_length()}"
            )

    @property
    def log_N(self) -> int:
        """Bits of the index of a residue."""
        return self.N.bit_length() - 1

    @property
    def lane_bits(self) -> int:
        """Bits of the number of a lane."""
        return self.lanes.bit_length() - 1

    @property
    def beats(self) -> int:
        """Stream beats of one polynomial."""
        return self.N // self.lanes

    @property
    def latency_cycles(self) -> int:
        """Cycles from the last beat of a polynomial in to the first beat of its image out."""
        return self.pipeline_latency + 2

    @property
    def interval_cycles(self) -> int:
        """Cycles from a polynomial to the next if neither stream waits."""
        return self.beats if self.buffers == 2 else 2 * self.beats

    def multiplier(self, element: int, transformed: bool) -> int:
        """The number that tells the unit the Galois element: the element itself in the transformed
        domain, its inverse modulo 2N among coefficients. Raises `OptionError` if it is even."""
        if element % 2 == 0:
            raise OptionError(
                f"Galois element {element} is even; the nearest are {element - 1}, {element + 1}"
            )
        return element % (2 * self.N) if transformed else pow(element, -1, 2 * self.N)

    @cached_property
    def tables(self) -> ntt.NTTTables:
        """The tables of `ntt` for N and the moduli, from which `golden` is computed."""
        return ntt.NTTTables(self.N, self.moduli)

    def golden(self, x: np.ndarray, element: int, transformed: bool, modulus: int) -> np.ndarray:
        """a(x^element) for x, uint64 (N,), modulo entry `modulus` of the table, by definition."""
        q, rows = self.moduli[modulus], np.array([modulus])
        a = ntt.inverse(x[None, :], self.tables, rows)[0] if transformed else x
        image = np.array(oracle_automorphism(a.tolist(), element, q), np.uint64)
        return ntt.forward(image[None, :], self.tables, rows)[0] if transformed else image

    @property
    def row_layout(self) -> ArrayLayout:
        return ArrayLayout(self.width, self.lanes)

    @property
    def command_layout(self) -> StructLayout:
        """What to do with a polynomial, and modulo which entry of the table."""
        return StructLayout(
            {
                "multiplier": self.log_N + 1,
                "transformed": 1,
                "modulus": index_bits(len(self.moduli)),
            }
        )

    @property
    def input_layout(self) -> StructLayout:
        """A beat in. The unit reads the command in the first beat of a polynomial only."""
        return StructLayout({"data": self.row_layout, **self.command_layout.members})

    @property
    def timing_rows(self) -> list[Row]:
        return [
            ("from the last beat in to the first beat out", f"{self.latency_cycles}"),
            ("from a polynomial to the next, if neither stream waits", f"{self.interval_cycles}"),
        ]

    @property
    def format_lines(self) -> list[str]:
        return [BEATS_IN_ORDER]

    def hardware(self) -> AutomorphismHardware:
        return AutomorphismHardware(self)


class AutomorphismHardware(StreamHardware[AutomorphismUnit]):
    """The hardware of `AutomorphismUnit`: memories, addresses, the choice of lanes."""

    def logic(self) -> Module:
        m = Module()
        p = self.parameters
        row_bits = p.log_N - p.lane_bits
        queue = self._output_queue(m, p.pipeline_latency)
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
        """The row that each memory reads, whether its word is negated, and the memory from which
        each lane of the result comes; three cycles later."""
        p = self.parameters
        command = p.command_layout(command_bits)
        bits, lane_bits, log_N = p.log_N + 1, p.lane_bits, p.log_N
        factor = command.multiplier

        # Both domains need multiplier * (a number that depends on the row) mod 2N.
        exponent = Cat(1, _reversed_bits(row))
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

        reversed_row = _reversed_bits(product[1 : 1 + len(row)])
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
                memory = Mux(transformed, _reversed_bits(turned), straight)
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
        """The word at each lane's address in this lane's memory, two cycles after the address."""
        p = self.parameters
        buffer_index = pipeline.delay(draining, 5, "buffer")
        # A write is as late as the read of a drained row. So a drained buffer can be filled again
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
        """Each lane's word (one cycle), or its negative where it is so marked (two cycles)."""
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


def _reversed_bits(value: Value) -> Value:
    """The bits of `value` in reversed order."""
    return Cat(*[value[i] for i in reversed(range(len(value)))])
