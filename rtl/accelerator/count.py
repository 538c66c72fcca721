"""The overflow count of a base change: floor(sum of a_j / q_j), with the roundings of float64.

A term is a_j times the float64 nearest to 1 / q_j, rounded to float64; terms are added one after
another, each sum rounded to float64 (`accel_model.isa.semantics`). The unit does the same with
integers: a product that is exact, then rounded to 53 bits, half to even; two aligned numbers that
are added and rounded alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.multiplier import Multiplier
from rtl.arithmetic.tiling import TILE_18X18, Tile
from rtl.errors import WidthError
from rtl.parts.block import Block, Hardware, Ports
from rtl.parts.block_memory import BlockMemory
from rtl.parts.moduli_table import constant_table, index_bits
from rtl.parts.pipeline import Pipeline

MANTISSA = 53
"""Bits of a float64, the hidden one included."""
EXPONENT = 8
"""Bits of the unit's exponents: `_BIAS` is that of 1; 0 is that of the number 0."""
_BIAS = 128
COUNT_BITS = 8
"""Bits of a count: a sum has at most 255 terms."""
_EXTRA = 3
"""Bits below the last kept one: two exact ones, and one that is set if any lower bit was."""


@dataclass(frozen=True)
class CountLane(Block):
    """A term a cycle, for residues of `width` bits, and its sum with the sum before."""

    width: int
    tile: Tile = TILE_18X18

    sum_cycles = 5
    """From a term until the sum with it."""

    @cached_property
    def product(self) -> Multiplier:
        """A residue times the mantissa of a reciprocal."""
        return Multiplier(self.width, MANTISSA, self.tile)

    @property
    def term_cycles(self) -> int:
        """From a residue until its term: a register, the product, the search for its highest bit,
        a shift, a rounding."""
        return 1 + self.product.latency + 3

    @property
    def ports(self) -> Ports:
        """A `residue`; `factor` and `offset` of its modulus, a cycle later; the sum `before`,
        `term_cycles` later; its `sum` with the term and the `whole` part of it, `sum_cycles`
        thereafter. Sums and terms are a mantissa, then an exponent."""
        word = MANTISSA + EXPONENT
        return {
            "residue": In(self.width),
            "factor": In(MANTISSA),
            "offset": In(EXPONENT),
            "before": In(word),
            "sum": Out(word),
            "whole": Out(self.width),
        }

    def hardware(self) -> CountLaneHardware:
        return CountLaneHardware(self)


class CountLaneHardware(Hardware[CountLane]):
    """The hardware of `CountLane`."""

    def logic(self) -> Module:
        m = Module()
        p = self.parameters
        pipeline = Pipeline(m, Const(0))
        m.submodules.product = product = p.product.hardware()
        m.d.comb += [
            product.a.eq(pipeline.register(self.residue, "residue")),
            product.b.eq(self.factor),
        ]
        offset = pipeline.delay(self.offset, p.product.latency, "offset")
        term = self._term(pipeline, m, product.p, offset)
        total = self._sum(pipeline, term, self.before)
        m.d.comb += [self.sum.eq(total), self.whole.eq(self._whole(total))]
        return m

    def _term(self, pipeline: Pipeline, m: Module, product: Value, offset: Value) -> Value:
        """The product rounded to a float64, three cycles later: mantissa, then exponent."""
        size = len(product)
        place = Signal(range(size))
        for bit in range(size):  # the last assignment wins: the highest bit that is set
            with m.If(product[bit]):
                m.d.comb += place.eq(bit)
        place_1 = pipeline.register(place, "place")
        product_1 = pipeline.register(product, "product")
        offset_1 = pipeline.register(offset, "offset_1")
        shifted = Signal(size)
        m.d.comb += shifted.eq(product_1 << (size - 1 - place_1)[: len(place)])
        low = size - MANTISSA - 2
        sticky = shifted[:low].any() if low > 0 else Const(0)
        top = shifted[size - MANTISSA - 2 :]
        kept = pipeline.register(Cat(sticky, top), "kept")
        exponent = pipeline.register((offset_1 + place_1)[:EXPONENT], "exponent")
        # kept: sticky, two exact bits below the mantissa.
        mantissa, carry = _rounded(kept)
        is_zero = ~kept[-1]
        rounded = Cat(mantissa, Mux(is_zero, 0, (exponent + carry)[:EXPONENT]))
        return pipeline.register(rounded, "term")

    def _sum(self, pipeline: Pipeline, term: Value, before: Value) -> Value:
        """The sum of two floats, rounded, `sum_cycles` later."""
        wins = term[MANTISSA:] >= before[MANTISSA:]
        big = pipeline.register(Mux(wins, term, before), "big")
        small = pipeline.register(Mux(wins, before, term), "small")
        distance = (big[MANTISSA:] - small[MANTISSA:])[:EXPONENT]
        gap = pipeline.register(Mux(distance > 63, 63, distance)[:6], "gap")
        big_1 = pipeline.register(big, "big_1")
        small_1 = pipeline.register(small[:MANTISSA], "small_1")
        wide = Cat(Const(0, _EXTRA), small_1)
        aligned, lost = wide, Const(0)
        for bit in range(6):
            step = 1 << bit
            lost = lost | (gap[bit] & aligned[:step].any())
            aligned = Mux(gap[bit], aligned >> step, aligned)
        aligned_2 = pipeline.register(Cat(aligned[0] | lost, aligned[1 : len(wide)]), "aligned")
        big_2 = pipeline.register(big_1, "big_2")
        total = (Cat(Const(0, _EXTRA), big_2[:MANTISSA]) + aligned_2)[: MANTISSA + _EXTRA + 1]
        total_3 = pipeline.register(total, "total")
        exponent_3 = pipeline.register(big_2[MANTISSA:], "exponent_3")
        over = total_3[-1]
        halved = Cat(total_3[0] | total_3[1], total_3[2:])
        mantissa, carry = _rounded(Mux(over, halved, total_3[:-1]))
        rounded = Cat(mantissa, (exponent_3 + over + carry)[:EXPONENT])
        return pipeline.register(rounded, "sum")

    def _whole(self, total: Value) -> Value:
        """The whole part of a float below 2^COUNT_BITS."""
        width = self.parameters.width
        mantissa, exponent = total[:MANTISSA], total[MANTISSA:]
        choices = []
        for k in range(COUNT_BITS):
            whole = mantissa[MANTISSA - 1 - k :]
            choices.append(Cat(whole, Const(0, max(0, width - len(whole))))[:width])
        whole = Array(choices)[exponent[: COUNT_BITS.bit_length() - 1]]
        return Mux(exponent >= _BIAS, whole, 0)


@dataclass(frozen=True)
class CountUnit(Block):
    """A row of `lanes` terms a cycle, `rows` rows a limb. Raises `WidthError` above 53 bits."""

    lanes: int
    rows: int
    width: int
    moduli: tuple[int, ...]
    tile: Tile = TILE_18X18

    latency_cycles = 16
    """From a row until its count."""

    def __post_init__(self) -> None:
        if self.width > MANTISSA:
            raise WidthError(
                f"width of {self.width} bits: overflow counts take at most {MANTISSA}, which a "
                "float64 holds exactly"
            )

    @cached_property
    def lane(self) -> CountLane:
        """Each lane."""
        return CountLane(self.width, self.tile)

    @property
    def waits(self) -> int:
        """Registers behind the sum that make up the latency."""
        return self.latency_cycles - self.lane.term_cycles - self.lane.sum_cycles

    def reciprocal(self, q: int) -> tuple[int, int]:
        """The mantissa of the float64 1 / q, and the exponent of a product's highest bit when this
        is bit 0."""
        bits = int(np.array([1 / q]).view(np.uint64)[0])
        mantissa = bits & (1 << MANTISSA - 1) - 1 | 1 << MANTISSA - 1
        return mantissa, (bits >> MANTISSA - 1) - 1023 - (MANTISSA - 1) + _BIAS

    @property
    def ports(self) -> Ports:
        """A row `data` while `valid`, with its commands; `counts`, `latency_cycles` later,
        marked by `done` in the last step of a sum."""
        return {
            "valid": In(1),
            "data": In(ArrayLayout(self.width, self.lanes)),
            "modulus": In(index_bits(len(self.moduli))),
            "first": In(1),
            "last": In(1),
            "done": Out(1),
            "counts": Out(ArrayLayout(self.width, self.lanes)),
        }

    def hardware(self) -> CountHardware:
        return CountHardware(self)


class CountHardware(Hardware[CountUnit]):
    """The hardware of `CountUnit`."""

    def logic(self) -> Module:
        m = Module()
        p = self.parameters
        pipeline = Pipeline(m, Const(0))
        tables = [p.reciprocal(q) for q in p.moduli]
        mantissa = constant_table([t[0] for t in tables], MANTISSA, self.modulus)
        offset = constant_table([t[1] % (1 << EXPONENT) for t in tables], EXPONENT, self.modulus)
        factor = pipeline.register(mantissa, "factor")
        offset = pipeline.register(offset, "offset")
        term_time = p.lane.term_cycles
        valid = pipeline.delay_marker(self.valid, term_time, "term_valid")
        first = pipeline.delay(self.first, term_time, "term_first")
        last = pipeline.delay(self.last, term_time, "term_last")
        row_bits = max(1, (p.rows - 1).bit_length())
        row = Signal(row_bits)
        # The sum so far is read one cycle ahead of its term.
        early = pipeline.delay_marker(self.valid, term_time - 1, "early_valid")
        with m.If(early):
            m.d.sync += row.eq(row + 1 if p.rows > 1 else 0)
        written = pipeline.delay(pipeline.register(row, "row"), p.lane.sum_cycles, "row_late")
        writes = pipeline.delay_marker(valid, p.lane.sum_cycles, "sum_valid")
        done = pipeline.delay_marker(valid & last, p.lane.sum_cycles, "sum_last")
        word = MANTISSA + EXPONENT
        memory = BlockMemory(m, "sums", word * p.lanes, max(2, p.rows))
        so_far = memory.read(row)
        sums, counts = [], []
        for number in range(p.lanes):
            m.submodules[f"lane_{number}"] = lane = p.lane.hardware()
            before = so_far[number * word : (number + 1) * word]
            m.d.comb += [
                lane.residue.eq(self.data[number]),
                lane.factor.eq(factor),
                lane.offset.eq(offset),
                lane.before.eq(Mux(first, 0, before)),
            ]
            sums.append(lane.sum)
            counts.append(lane.whole)
        m.d.comb += [
            self.done.eq(pipeline.delay_marker(done, p.waits, "done")),
            self.counts.eq(pipeline.delay(Cat(*counts), p.waits, "counts")),
        ]
        memory.write(writes, written, Cat(*sums))
        return m


def _rounded(value: Value) -> tuple[Value, Value]:
    """The upper MANTISSA bits of `value`, rounded half to even by its _EXTRA lower bits, and
    whether this made it 2^MANTISSA, which is then halved."""
    assert len(value) == MANTISSA + _EXTRA
    kept, half = value[_EXTRA:], value[_EXTRA - 1]
    rest = value[: _EXTRA - 1].any()
    up = half & (rest | kept[0])
    total = (kept + up)[: MANTISSA + 1]
    carry = total[MANTISSA]
    return Mux(carry, total[1:], total[:MANTISSA]), carry
