"""An integer multiplier cut into hard multipliers, with a pipelined adder tree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Cat, Const, Module, Mux, Value
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.tiling import Piece, Tile, best_orientation, pieces, rows
from rtl.parts.block import Block, Hardware, Ports
from rtl.parts.pipeline import Pipeline


@dataclass(frozen=True)
class Multiplier(Block):
    """``p = a b mod 2^keep`` for unsigned a < 2^a_width, b < 2^b_width; one result a cycle.

    keep_bits: bits of the result that are kept, at most a_width + b_width; default all.
    """

    a_width: int
    b_width: int
    tile: Tile
    keep_bits: int | None = None

    @property
    def keep(self) -> int:
        """Bits of the result."""
        full = self.a_width + self.b_width
        return full if self.keep_bits is None else min(self.keep_bits, full)

    @cached_property
    def swapped(self) -> bool:
        """Whether a and b change places because that takes fewer hard multipliers."""
        return best_orientation(self.a_width, self.b_width, self.tile, self.keep)

    @cached_property
    def rows(self) -> list[list[Piece]]:
        """The partial products, in the rows that the adder tree sums up."""
        widths = (self.b_width, self.a_width) if self.swapped else (self.a_width, self.b_width)
        return rows(pieces(*widths, self.tile, self.keep))

    @property
    def latency(self) -> int:
        """Cycles from a and b to p: one for the partial products, one for each adder level."""
        return 1 + (len(self.rows) - 1).bit_length()

    @property
    def hard_multipliers(self) -> int:
        """Hard multipliers of the target that one block occupies."""
        return sum(
            self.tile.uses_multiplier(p.a_high - p.a_low, p.b_high - p.b_low)
            for row in self.rows
            for p in row
        )

    def golden(self, a: int, b: int) -> int:
        """``a b mod 2^keep``."""
        return a * b % (1 << self.keep)

    @property
    def ports(self) -> Ports:
        """Operands a, b; result p."""
        return {"a": In(self.a_width), "b": In(self.b_width), "p": Out(self.keep)}

    def hardware(self) -> MultiplierHardware:
        return MultiplierHardware(self)


@dataclass
class _Row:
    """A number below 2^end whose bits under `low` are zero."""

    low: int
    value: Value

    @property
    def end(self) -> int:
        return self.low + len(self.value)


class MultiplierHardware(Hardware[Multiplier]):
    """The hardware of `Multiplier`: registered partial products, then a tree of adders."""

    def logic(self) -> Module:
        m = Module()
        pipeline = Pipeline(m, Const(0))
        a, b = (self.b, self.a) if self.parameters.swapped else (self.a, self.b)
        level = []
        for row in self.parameters.rows:
            bits: list[Value] = []
            position = row[0].offset
            for piece in row:
                registered = pipeline.register(
                    self._product(a, b, piece), f"product_{piece.a_low}_{piece.b_low}"
                )
                bits += [Const(0, piece.offset - position), registered]
                position = piece.end
            level.append(_Row(row[0].offset, Cat(*bits)))
        depth = 0
        while len(level) > 1:
            level = [
                self._add(pipeline, level[i : i + 2], f"sum_{depth}_{i // 2}")
                for i in range(0, len(level), 2)
            ]
            depth += 1
        m.d.comb += self.p.eq(Cat(Const(0, level[0].low), level[0].value))
        return m

    def _product(self, a: Value, b: Value, piece: Piece) -> Value:
        """A partial product: a hard multiplier's, or a sum of shifts where that would waste one."""
        x, y = a[piece.a_low : piece.a_high], b[piece.b_low : piece.b_high]
        tile = self.parameters.tile
        if not tile.a_bits or tile.uses_multiplier(len(x), len(y)):
            return (x * y)[: piece.width]
        narrow, wide = (x, y) if len(x) < len(y) else (y, x)
        shifted = [Cat(Const(0, i), Mux(narrow[i], wide, 0)) for i in range(len(narrow))]
        total = shifted[0]
        for term in shifted[1:]:
            total = total + term
        return total[: piece.width]

    def _add(self, pipeline: Pipeline, pair: list[_Row], name: str) -> _Row:
        """The registered sum of a pair of rows; bits below the higher row pass by the adder."""
        if len(pair) == 1:
            return _Row(pair[0].low, pipeline.register(pair[0].value, name))
        low, high = sorted(pair, key=lambda row: row.low)
        split = high.low - low.low
        end = min(self.parameters.keep, max(low.end, high.end) + 1)
        total = (low.value[split:] + high.value)[: end - high.low]
        below = Cat(low.value[:split], Const(0, max(0, split - len(low.value))))
        return _Row(low.low, pipeline.register(Cat(below, total), name))
