"""Memories cut into columns hold what one memory would, and each column is one block."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from rtl.parts.block_memory import BlockMemory, column_width


@pytest.mark.parametrize("depth", [8, 1024, 1025, 2048, 3072, 4096, 8192, 16384, 65536])
def test_column_width__a_deep_column_fills_one_block_of_an_ecp5(depth):
    # The modes of a DP16KD: words of 1, 2, 4, 9 or 18 bits.
    modes = {16384: 1, 8192: 2, 4096: 4, 2048: 9, 1024: 18}
    width = column_width(depth, 50)
    if depth <= 1024:
        assert width == 50
    elif depth > 16384:
        assert width == 1
    else:
        assert width == modes[min(mode for mode in modes if mode >= depth)]
    assert column_width(depth, 1) == 1


@pytest.mark.parametrize(("depth", "width"), [(8, 50), (2048, 50), (3000, 10), (4096, 4)])
def test_block_memory__reads_and_writes_as_one_memory(depth, width):
    draw = random.Random(depth)
    twin = [draw.randrange(1 << width) for _ in range(depth)]
    m = Module()
    read_address, write_address = Signal(range(depth)), Signal(range(depth))
    enable, word = Signal(), Signal(width)
    memory = BlockMemory(m, "memory", width, depth, twin)
    out = Signal(width)
    m.d.comb += out.eq(memory.read(read_address))
    memory.write(enable, write_address, word)

    async def bench(ctx):
        for _ in range(400):
            source, target = draw.sample(range(depth), 2)
            value, write = draw.randrange(1 << width), draw.randrange(2)
            ctx.set(read_address, source)
            ctx.set(write_address, target)
            ctx.set(word, value)
            ctx.set(enable, write)
            await ctx.tick()
            assert ctx.get(out) == twin[source]
            if write:
                twin[target] = value

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
