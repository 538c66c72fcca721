"""The integer multiplier against Python integers, in Verilator."""

from __future__ import annotations

import pytest

from rtl.arithmetic.multiplier import Multiplier
from rtl.arithmetic.tiling import TILES, tile_named
from rtl.simulation.verilator.simulator import Simulator
from rtl.verilog.design import emit
from tests.rtl.arithmetic.operands import edge_and_random, padded

MULTIPLIERS = (
    (52, 52, 53),
    (17, 33, None),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in ((50, 50, None), (24, 41, 24))),
)


@pytest.mark.parametrize(("a_width", "b_width", "keep"), MULTIPLIERS)
@pytest.mark.parametrize("tile", sorted(TILES))
def test_multiplier__equals_python_integers(tile, a_width, b_width, keep):
    block = Multiplier(a_width, b_width, tile_named(tile), keep)
    a = edge_and_random(1 << a_width, 300, 1)
    b = edge_and_random(1 << b_width, 300, 2)[::-1].copy()
    with Simulator(emit(block.hardware(), "multiplier")) as simulator:
        inputs = {"a": padded(a, block.latency), "b": padded(b, block.latency)}
        out = simulator.run(300 + block.latency, inputs)
    for i in range(300):
        low = int(out["p:0" if block.keep > 64 else "p"][i + block.latency])
        high = int(out["p:1"][i + block.latency]) << 64 if block.keep > 64 else 0
        assert high | low == block.golden(int(a[i]), int(b[i]))
