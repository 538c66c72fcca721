"""The engine of the memory queue: limbs between AXI4 and the memories of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.data import StructLayout
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from rtl.accelerator.axi import INCREMENT, read_master, write_master
from rtl.accelerator.packing import Packing, shifted
from rtl.accelerator.queues import memory_layout
from rtl.parts.block import Block, Hardware, Ports
from rtl.parts.output_queue import OutputQueue

ADDRESS_BITS = 64
ENGINE_QUEUE = 4
FETCHES_AHEAD = 4
_ROWS_AHEAD = 8


@dataclass(frozen=True)
class ChannelEngine(Block):
    """Transfers in their order; `accel_model.timed.channel` states their times.

    rows: of a limb. arrivals, departures: limbs in the two memories.
    """

    packing: Packing
    rows: int
    arrivals: int
    departures: int
    data_bits: int
    burst_beats: int

    @property
    def row_width(self) -> int:
        """Bits of a row of words."""
        return self.packing.lanes * self.packing.width

    @cached_property
    def row_bits(self) -> int:
        """Bits of the number of a row."""
        return (self.rows - 1).bit_length()

    @property
    def ports(self) -> Ports:
        """`offer` puts `command` into the queue, only while there is `room`. `base` is added to its
        address. Rows leave to the memory of arrivals; those of departures are read, a cycle later.
        `fetched` and `written` count what has ended; `failed` stays high after an answer with an
        error."""
        return {
            "offer": In(1),
            "command": In(memory_layout()),
            "room": Out(1),
            "base": In(ADDRESS_BITS),
            "arrival_enable": Out(1),
            "arrival_address": Out(range(max(2, self.rows * self.arrivals))),
            "arrival_row": Out(self.row_width),
            "departure_address": Out(range(max(2, self.rows * self.departures))),
            "departure_row": In(self.row_width),
            "fetched": Out(32),
            "written": Out(32),
            "idle": Out(1),
            "failed": Out(1),
            "clear": In(1),
            **read_master("axi", ADDRESS_BITS, self.data_bits),
            **write_master("axi", ADDRESS_BITS, self.data_bits),
        }

    def hardware(self) -> ChannelHardware:
        return ChannelHardware(self)


class ChannelHardware(Hardware[ChannelEngine]):
    """The hardware of `ChannelEngine`: addresses, rows that arrive, rows that depart."""

    def logic(self) -> Module:
        m = Module()
        p = self.parameters
        m.submodules.queue = queue = SyncFIFO(width=memory_layout().size, depth=ENGINE_QUEUE)
        command = memory_layout()(queue.r_data)
        m.d.comb += [
            queue.w_data.eq(self.command),
            queue.w_en.eq(self.offer),
            self.room.eq(queue.w_rdy),
        ]
        in_flight = Signal(range(FETCHES_AHEAD + 1))
        address, left = Signal(ADDRESS_BITS), Signal(32)
        writing, asks, answers = Signal(), Signal(), Signal(32)
        sent = Signal(init=1)
        may = Mux(command.opcode[0], in_flight == 0, in_flight != FETCHES_AHEAD)
        takes = queue.r_rdy & ~asks & ~writing & may
        is_write = command.opcode[0]
        short = left <= p.burst_beats
        accepted = Mux(writing, self.axi_awvalid & self.axi_awready,
                       self.axi_arvalid & self.axi_arready)  # fmt: skip
        m.d.comb += [
            queue.r_en.eq(takes),
            self.axi_araddr.eq(address),
            self.axi_awaddr.eq(address),
            self.axi_arvalid.eq(asks & ~writing),
            self.axi_awvalid.eq(asks & writing),
            self.idle.eq(~queue.r_rdy & ~asks & ~writing & (in_flight == 0)),
        ]
        length = Mux(short, left[:8] - 1, p.burst_beats - 1)[:8]
        size = (p.data_bits // 8).bit_length() - 1
        for kind in ("ar", "aw"):
            m.d.comb += [
                getattr(self, f"axi_{kind}len").eq(length),
                getattr(self, f"axi_{kind}size").eq(size),
                getattr(self, f"axi_{kind}burst").eq(INCREMENT),
            ]
        with m.If(takes):
            m.d.sync += [
                address.eq(self.base + command.address),
                left.eq(command.beats),
                asks.eq(1),
                writing.eq(is_write),
            ]
        with m.If(accepted):
            m.d.sync += [
                address.eq(address + p.burst_beats * p.data_bits // 8),
                left.eq(left - p.burst_beats),
                asks.eq(~short),
            ]
        answered = self.axi_bvalid & self.axi_bready
        m.d.comb += self.axi_bready.eq(1)
        m.d.sync += answers.eq(answers + (accepted & writing) - answered)
        with m.If(writing & ~asks & sent & (answers == 0)):
            m.d.sync += [writing.eq(0), self.written.eq(self.written + 1)]
        ended = self._arrivals(m, takes & ~is_write, command)
        m.d.sync += in_flight.eq(in_flight + (takes & ~is_write) - ended)
        with m.If(ended):
            m.d.sync += self.fetched.eq(self.fetched + 1)
        self._departures(m, takes & is_write, command, sent)
        wrong = (answered & self.axi_bresp[1]) | (
            self.axi_rvalid & self.axi_rready & self.axi_rresp[1]
        )
        with m.If(wrong):
            m.d.sync += self.failed.eq(1)
        with m.If(self.clear):
            m.d.sync += [self.failed.eq(0), self.fetched.eq(0), self.written.eq(0)]
        return m

    def _arrivals(self, m: Module, begins: Value, command: Value) -> Value:
        """Cut the beats of fetches into rows; returns a marker of a fetch's last row."""
        p, packing = self.parameters, self.parameters.packing
        layout = StructLayout({"staging": 8, "modulus": 8})
        m.submodules.expected = expected = SyncFIFO(width=layout.size, depth=FETCHES_AHEAD)
        m.d.comb += [
            expected.w_data.eq(Cat(command.staging, command.modulus)),
            expected.w_en.eq(begins),
            self.axi_rready.eq(1),
        ]
        fetch = layout(expected.r_data)
        beat = Signal(p.data_bits, name="beat", reset_less=True)
        beat_valid = Signal(name="beat_valid")
        m.d.sync += [beat.eq(self.axi_rdata), beat_valid.eq(self.axi_rvalid)]
        capacity = packing.largest + p.data_bits
        buffer = Signal(capacity, name="arriving")
        have = Signal(range(capacity + 1), name="arriving_bits")
        row = Signal(p.row_bits, name="arriving_row")
        choice = packing.choice(m, fetch.modulus, "arriving")
        row_bits = packing.row_bits(m, choice, "arriving_row_bits")
        emits = have >= row_bits
        last = emits & (row == p.rows - 1)
        rest = packing.without_row(m, choice, buffer, "without_row")
        kept = Signal(capacity, name="kept")
        kept_bits = Signal.like(have, name="kept_bits")
        m.d.comb += [
            kept.eq(Mux(emits, rest, buffer)),
            kept_bits.eq(Mux(last, 0, Mux(emits, have - row_bits, have))),
            expected.r_en.eq(last),
        ]
        added = shifted(m, beat, kept_bits, capacity, "arriving_beat")
        m.d.sync += [
            buffer.eq(Mux(last, 0, kept) | Mux(beat_valid, added, 0)),
            have.eq(kept_bits + Mux(beat_valid, p.data_bits, 0)),
            self.arrival_enable.eq(emits),
            self.arrival_row.eq(packing.unpacked(m, choice, buffer, "unpacked")),
            self.arrival_address.eq(Cat(row, fetch.staging)),
        ]
        ended = Signal(name="fetch_ends")
        m.d.sync += ended.eq(last)
        with m.If(emits):
            m.d.sync += row.eq(Mux(last, 0, row + 1))
        return ended

    def _departures(self, m: Module, begins: Value, command: Value, sent: Signal) -> None:
        """Pack the rows of a write into beats; `sent` is low until the last beat was taken."""
        p, packing = self.parameters, self.parameters.packing
        staging, modulus = Signal(8, name="departing_from"), Signal(8, name="departing_modulus")
        beats = Signal(32, name="beats_to_send")
        place = Signal(8, name="beat_of_burst")
        rows_left = Signal(range(p.rows + 1), name="rows_to_read")
        row = Signal(p.row_bits, name="departing_number")
        rows = OutputQueue(StructLayout({"row": p.row_width}), _ROWS_AHEAD).hardware()
        m.submodules.rows = rows
        claims = rows.room & (rows_left != 0)
        pushes = Signal(name="row_read")
        m.d.comb += [
            self.departure_address.eq(Cat(row, staging)),
            rows.claim.eq(claims),
            rows.push.eq(pushes),
            rows.beat.row.eq(self.departure_row),
        ]
        m.d.sync += pushes.eq(claims)
        with m.If(claims):
            m.d.sync += [rows_left.eq(rows_left - 1), row.eq(row + 1)]
        capacity = packing.largest + p.data_bits
        buffer = Signal(capacity, name="departing")
        have = Signal(range(capacity + 1), name="departing_bits")
        choice = packing.choice(m, modulus, "departing")
        row_bits = packing.row_bits(m, choice, "departing_row_bits")
        all_read = (rows_left == 0) & ~pushes & ~rows.output.valid
        full = have >= p.data_bits
        m.d.comb += [
            self.axi_wvalid.eq(full | (all_read & (have != 0))),
            self.axi_wdata.eq(buffer[: p.data_bits]),
            self.axi_wstrb.eq(Const(-1, len(self.axi_wstrb))),
            self.axi_wlast.eq((place == p.burst_beats - 1) | (beats == 1)),
        ]
        moves = self.axi_wvalid & self.axi_wready
        kept_bits = Signal.like(have, name="unsent_bits")
        m.d.comb += kept_bits.eq(Mux(moves, Mux(full, have - p.data_bits, 0), have))
        kept = Signal(capacity, name="unsent")
        m.d.comb += kept.eq(Mux(moves, buffer[p.data_bits :], buffer))
        takes = rows.output.valid & (kept_bits + row_bits <= capacity)
        m.d.comb += rows.output.ready.eq(takes)
        packed = packing.packed(m, choice, rows.output.payload.row, "packed")
        added = shifted(m, packed, kept_bits, capacity, "departing_row")
        m.d.sync += [
            buffer.eq(kept | Mux(takes, added, 0)),
            have.eq(kept_bits + Mux(takes, row_bits, 0)),
        ]
        with m.If(moves):
            m.d.sync += [
                beats.eq(beats - 1),
                place.eq(Mux(self.axi_wlast, 0, place + 1)),
                sent.eq(beats == 1),
            ]
        with m.If(begins):
            m.d.sync += [
                staging.eq(command.staging),
                modulus.eq(command.modulus),
                beats.eq(command.beats),
                rows_left.eq(p.rows),
                row.eq(0),
                sent.eq(0),
                buffer.eq(0),
            ]
