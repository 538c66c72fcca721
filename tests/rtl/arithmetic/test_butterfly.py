"""The butterfly against Python integers, in Verilator."""

from __future__ import annotations

import numpy as np
import pytest

from ntt.modulus import find_primes
from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.reductions import REDUCTIONS, modular_multiplier
from rtl.simulation.verilator.simulator import Simulator
from rtl.verilog.design import emit
from tests.rtl.arithmetic.operands import constants_inputs, edge_and_random, padded


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_butterfly__equals_python_integers_with_directions_mixed(reduction):
    block = Butterfly(modular_multiplier(reduction, 50))
    q = find_primes(50, 1 << 16, 1)[0]
    count = 2000
    a, b, w = (edge_and_random(q, count, seed) for seed in (1, 2, 3))
    b, w = np.roll(b, 3), np.roll(w, 5)
    inverse = np.random.default_rng(4).integers(0, 2, count, dtype=np.uint64)
    columns = {"a": a, "b": b, "w": w, "inverse": inverse}
    inputs = {name: padded(value, block.latency) for name, value in columns.items()} | {"load": 1}
    with Simulator(emit(block.hardware(), f"butterfly_{reduction}")) as simulator:
        inputs |= constants_inputs(block.multiplier, q)
        out = simulator.run(count + block.latency, inputs)
    for i in range(count):
        got = int(out["u"][i + block.latency]), int(out["v"][i + block.latency])
        assert got == block.golden(int(a[i]), int(b[i]), int(w[i]), bool(inverse[i]), q)
