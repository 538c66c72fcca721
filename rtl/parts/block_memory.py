"""Memories with one read and one write port, cut so that no tool adds logic behind them."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Value
from amaranth.lib.memory import Memory

_BLOCK_BITS = 1 << 14
"""Bits in a block memory of an ECP5 (18 Kb) or an AMD device (half of 36 Kb), at every depth that
is a power of two."""
_UNCUT_DEPTH = 1 << 10
"""Up to this depth, mapping tools place blocks side by side without being asked."""


def column_width(depth: int, width: int) -> int:
    """How many of the `width` bits of a word one block holds at this depth.

    A mapper that is left alone cuts a deep memory into shallow ones to save a block or two. It then
    chooses among their words by logic between the memory and its register, on the slowest path.
    """
    if depth <= _UNCUT_DEPTH:
        return width
    column = max(1, _BLOCK_BITS >> (depth - 1).bit_length())
    # A block of 18 Kb has bytes of nine bits.
    return min(width, column * 9 // 8)


class BlockMemory:
    """`depth` words of `width` bits, as columns that fill one block each.

    contents: the words from address 0 on; empty if the memory is written before it is read.
    """

    def __init__(
        self, m: Module, name: str, width: int, depth: int, contents: Sequence[int] = ()
    ) -> None:
        self._m = m
        self._columns = []
        column = column_width(depth, width)
        for low in range(0, width, column):
            bits = min(column, width - low)
            memory = Memory(
                shape=bits,
                depth=depth,
                init=[word >> low & (1 << bits) - 1 for word in contents],
                attrs={"no_rw_check": True},
            )
            m.submodules[name if bits == width else f"{name}_bit_{low}"] = memory
            self._columns.append(memory)

    def read(self, address: Value) -> Value:
        """The word at `address`, one cycle later."""
        data = []
        for memory in self._columns:
            port = memory.read_port(domain="sync")
            self._m.d.comb += port.addr.eq(address)
            data.append(port.data)
        return Cat(*data)

    def write(self, enable: Value, address: Value, word: Value) -> None:
        """Write `word` to `address` at the next clock edge if `enable` is high."""
        low = 0
        for memory in self._columns:
            port = memory.write_port(domain="sync")
            bits = len(port.data)
            self._m.d.comb += [
                port.en.eq(enable),
                port.addr.eq(address),
                port.data.eq(word[low : low + bits]),
            ]
            low += bits
