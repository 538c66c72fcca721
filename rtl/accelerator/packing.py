"""Rows of words, and their residues side by side at the width of their prime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from rtl.parts.moduli_table import index_bits


@dataclass(frozen=True)
class Packing:
    """Rows of `lanes` words of `width` bits, for the primes `moduli`."""

    lanes: int
    width: int
    moduli: tuple[int, ...]

    @cached_property
    def bits(self) -> tuple[int, ...]:
        """The widths of the primes, each once."""
        return tuple(sorted({q.bit_length() for q in self.moduli}))

    @property
    def largest(self) -> int:
        """Bits of the longest packed row."""
        return self.lanes * self.bits[-1]

    def choice(self, m: Module, modulus: Value, name: str) -> Signal:
        """Which of `bits` a modulus has, by its place in the table."""
        chosen = Signal(index_bits(len(self.bits)), name=f"{name}_choice")
        with m.Switch(modulus[: index_bits(len(self.moduli))]):
            for place, q in enumerate(self.moduli):
                with m.Case(place):
                    m.d.comb += chosen.eq(self.bits.index(q.bit_length()))
        return chosen

    def row_bits(self, m: Module, choice: Value, name: str) -> Signal:
        """Bits of a packed row."""
        size = self.largest.bit_length()
        return self._chosen(m, choice, lambda bits: Const(self.lanes * bits, size), size, name)

    def unpacked(self, m: Module, choice: Value, packed: Value, name: str) -> Signal:
        """The row of words at the low end of `packed`."""

        def row(bits: int) -> Value:
            words = (packed[i * bits : (i + 1) * bits] for i in range(self.lanes))
            return Cat(*(_sized(word, self.width) for word in words))

        return self._chosen(m, choice, row, self.lanes * self.width, name)

    def packed(self, m: Module, choice: Value, row: Value, name: str) -> Signal:
        """The packed row of a row of words."""
        words = [row[i * self.width : (i + 1) * self.width] for i in range(self.lanes)]

        def side_by_side(bits: int) -> Value:
            return Cat(*(word[:bits] for word in words))

        return self._chosen(m, choice, side_by_side, self.largest, name)

    def without_row(self, m: Module, choice: Value, packed: Value, name: str) -> Signal:
        """`packed` without its lowest row."""
        return self._chosen(m, choice, lambda bits: packed[self.lanes * bits :], len(packed), name)

    def _chosen(
        self, m: Module, choice: Value, make: Callable[[int], Value], width: int, name: str
    ) -> Signal:
        """`make` of the chosen number of bits, `width` bits long."""
        chosen = Signal(width, name=name)
        with m.Switch(choice):
            for place, bits in enumerate(self.bits):
                with m.Case(place):
                    m.d.comb += chosen.eq(make(bits))
        return chosen


def shifted(m: Module, value: Value, by: Value, width: int, name: str) -> Signal:
    """value << by, its low `width` bits.

    Each stage is a signal: Amaranth writes an expression anew wherever it stands.
    """
    result = Signal(width, name=f"{name}_by_0")
    m.d.comb += result.eq(value)
    for bit in range(len(by)):
        step = 1 << bit
        if step < width:
            before, result = result, Signal(width, name=f"{name}_by_{2 * step - 1}")
            m.d.comb += result.eq(Mux(by[bit], Cat(Const(0, step), before[:-step]), before))
    return result


def _sized(value: Value, width: int) -> Value:
    return Cat(value[:width], Const(0, max(0, width - len(value))))
