"""The three modular multipliers against Python integers, in Verilator."""

from __future__ import annotations

import numpy as np
import pytest

from rtl.arithmetic.reductions import REDUCTIONS, modular_multiplier
from rtl.simulation.verilator.simulator import Simulator
from rtl.verilog.design import emit
from tests.rtl.arithmetic.operands import constants_inputs, edge_and_random, padded, primes_for

# The narrowest, the usual and the widest; the others behind the marker.
WIDTHS = (16, 50, 64, *(pytest.param(width, marks=pytest.mark.slow) for width in (28, 36, 60)))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_modular_multiplier__equals_python_integers_at_edges_and_random(reduction, width):
    word_bits = 11 if width == 16 else 17
    block = modular_multiplier(reduction, width, word_bits=word_bits)
    q = primes_for(width, word_bits, 1)[0]
    a, b = edge_and_random(q, 64, 1), edge_and_random(q, 64, 2)
    a, b = np.repeat(a, 64), np.tile(b, 64)
    with Simulator(emit(block.hardware(), f"{reduction}_{width}")) as simulator:
        inputs = {"a": padded(a, block.latency), "b": padded(b, block.latency), "load": 1}
        out = simulator.run(len(a) + block.latency, inputs | constants_inputs(block, q))["p"]
    expected = [block.golden(int(x), int(y), q) for x, y in zip(a, b, strict=True)]
    assert out[block.latency :].tolist() == expected


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_modular_multiplier__exhaustive_over_12_bit_primes(reduction):
    block = modular_multiplier(reduction, 12, word_bits=7)
    primes = [p for p in primes_for(12, 7, 8) if p.bit_length() == 12][:3]
    assert len(primes) == 3
    with Simulator(emit(block.hardware(), f"{reduction}_12")) as simulator:
        for q in primes:
            scale = np.uint64(pow(block.radix, -1, q))
            b = np.arange(q, dtype=np.uint64)
            for start in range(0, q, 256):
                column = np.arange(start, min(start + 256, q), dtype=np.uint64)
                x, y = np.repeat(column, q), np.tile(b, len(column))
                inputs = {"a": padded(x, block.latency), "b": padded(y, block.latency), "load": 1}
                out = simulator.run(len(x) + block.latency, inputs | constants_inputs(block, q))
                expected = x * y % np.uint64(q) * scale % np.uint64(q)
                assert np.array_equal(out["p"][block.latency :], expected)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_modular_multiplier__a_new_modulus_follows_its_operands(reduction):
    block = modular_multiplier(reduction, 28, word_bits=14)
    primes = primes_for(28, 14, 2)
    batch = block.latency  # the shortest time for which constants must hold still
    rng = np.random.default_rng(5)
    rounds = [(q, rng.integers(0, q, (2, batch), dtype=np.uint64)) for q in primes * 3]
    a = np.concatenate([values[0] for _, values in rounds])
    b = np.concatenate([values[1] for _, values in rounds])
    load = np.tile(np.eye(1, batch, dtype=np.uint64)[0], len(rounds))
    inputs = {"a": a, "b": b, "load": load}
    for name in block.constant_widths:
        inputs[f"modulus.{name}"] = np.repeat(
            np.array([block.constants(q)[name] for q, _ in rounds], np.uint64), batch
        )
    inputs = {
        name: np.concatenate([value, np.repeat(value[-1:] * (name[0] == "m"), block.latency)])
        for name, value in inputs.items()
    }
    with Simulator(emit(block.hardware(), f"{reduction}_28")) as simulator:
        out = simulator.run(len(a) + block.latency, inputs)["p"][block.latency :]
    expected = [
        block.golden(int(x), int(y), q)
        for q, values in rounds
        for x, y in zip(*values, strict=True)
    ]
    assert out.tolist() == expected
