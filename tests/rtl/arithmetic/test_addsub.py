"""Modular addition, subtraction and halving against Python integers, in Verilator."""

from __future__ import annotations

import numpy as np
import pytest

from rtl.arithmetic.addsub import AddSub, PairOperation
from rtl.simulation.verilator.simulator import Simulator
from rtl.verilog.design import emit
from tests.rtl.arithmetic.operands import edge_and_random, padded, primes_for


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("width", [12, 50, 64])
def test_add_sub__equals_python_integers_for_every_operation(width, reverse):
    block = AddSub(width, reverse)
    q = primes_for(width, 5, 1)[0]
    x = np.repeat(edge_and_random(q, 40, 3), 40)
    y = np.tile(edge_and_random(q, 40, 4), 40)
    with Simulator(emit(block.hardware(), f"add_sub_{width}")) as simulator:
        for operation in PairOperation:
            inputs = {"x": padded(x, 3), "y": padded(y, 3), "q": q, "load": 1}
            out = simulator.run(len(x) + 3, inputs | {"operation": operation.value})
            for i, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
                pair = int(out["u"][i + 3]), int(out["v"][i + 3])
                assert pair == block.golden(operation, a, b, q)


def test_add_sub__exhaustive_over_an_8_bit_prime():
    block, q = AddSub(8), 251
    x, y = np.divmod(np.arange(q * q, dtype=np.uint64), np.uint64(q))
    with Simulator(emit(block.hardware(), "add_sub_8")) as simulator:
        for operation in PairOperation:
            inputs = {"x": padded(x, 3), "y": padded(y, 3), "q": q, "load": 1}
            out = simulator.run(len(x) + 3, inputs | {"operation": operation.value})
            golden = [block.golden(operation, a, b, q) for a in range(q) for b in range(q)]
            assert list(zip(out["u"][3:].tolist(), out["v"][3:].tolist(), strict=True)) == golden
