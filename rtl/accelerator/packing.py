"""Rows of words, and their residues side by side at the width of their prime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Array, Cat, Const, Mux, Value

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

    def choice(self, modulus: Value) -> Value:
        """Which of `bits` a modulus has, by its place in the table."""
        places = [self.bits.index(q.bit_length()) for q in self.moduli]
        width = index_bits(len(self.bits))
        return Array([Const(place, width) for place in places])[modulus[: index_bits(len(places))]]

    def chosen(self, choice: Value, make: Callable[[int], Value], width: int) -> Value:
        """`make` of the chosen number of bits, `width` bits long."""
        return Array([_sized(make(bits), width) for bits in self.bits])[choice]

    def row_bits(self, choice: Value) -> Value:
        """Bits of a packed row."""
        size = self.largest.bit_length()
        return self.chosen(choice, lambda bits: Const(self.lanes * bits, size), size)

    def unpacked(self, choice: Value, packed: Value) -> Value:
        """The row of words at the low end of `packed`."""

        def row(bits: int) -> Value:
            words = (packed[i * bits : (i + 1) * bits] for i in range(self.lanes))
            return Cat(*(_sized(word, self.width) for word in words))

        return self.chosen(choice, row, self.lanes * self.width)

    def packed(self, choice: Value, row: Value) -> Value:
        """The packed row of a row of words."""
        words = [row[i * self.width : (i + 1) * self.width] for i in range(self.lanes)]
        return self.chosen(choice, lambda bits: Cat(*(word[:bits] for word in words)), self.largest)

    def without_row(self, choice: Value, packed: Value) -> Value:
        """`packed` without its lowest row."""
        return self.chosen(choice, lambda bits: packed[self.lanes * bits :], len(packed))


def shifted(value: Value, by: Value, width: int) -> Value:
    """value << by, its low `width` bits."""
    result = _sized(value, width)
    for bit in range(len(by)):
        step = 1 << bit
        if step < width:
            result = Mux(by[bit], Cat(Const(0, step), result[: width - step]), result)
    return result


def _sized(value: Value, width: int) -> Value:
    return Cat(value[:width], Const(0, max(0, width - len(value))))
