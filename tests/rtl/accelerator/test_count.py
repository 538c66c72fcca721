"""The unit of overflow counts has the bits of float64 arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from accel_model.isa import semantics
from ntt.modulus import find_primes
from rtl.accelerator.count import CountUnit
from rtl.errors import WidthError
from rtl.simulation.verilator.simulator import Simulator
from rtl.verilog.design import emit

ROWS, LANES, GAP = 8, 2, 16
PRIMES = tuple(int(find_primes(bits, 8192, 1)[0]) for bits in (50, 44, 31))


def terms(rng: np.random.Generator, edges: bool) -> list[tuple[int, np.ndarray]]:
    """The place of a modulus, and residues modulo it, (ROWS, LANES), for one to five terms."""
    made = []
    for place in rng.integers(len(PRIMES), size=rng.integers(1, 6)).tolist():
        q = PRIMES[place]
        if edges:
            residues = rng.choice([0, 1, 2, 3, q - 1, q - 2, q // 2, q // 2 + 1], (ROWS, LANES))
        else:
            residues = rng.integers(0, q, (ROWS, LANES))
        made.append((place, residues.astype(np.uint64)))
    return made


def test_count__sums_of_residues_and_of_edges():
    unit, rng = CountUnit(LANES, ROWS, 50, PRIMES), np.random.default_rng(1)
    with Simulator(emit(unit.hardware(), "count_unit")) as simulator:
        for trial in range(200):
            sum_of = terms(rng, edges=trial % 2 == 0)
            cycles = len(sum_of) * (ROWS + GAP) + unit.latency_cycles
            names = ("valid", "data[0]", "data[1]", "modulus", "first", "last")
            inputs = {name: np.zeros(cycles, np.uint64) for name in names}
            total = None
            for number, (place, residues) in enumerate(sum_of):
                begin = number * (ROWS + GAP)
                part = slice(begin, begin + ROWS)
                inputs["valid"][part], inputs["modulus"][part] = 1, place
                inputs["first"][part] = number == 0
                inputs["last"][part] = number == len(sum_of) - 1
                for lane in range(LANES):
                    inputs[f"data[{lane}]"][part] = residues[:, lane]
                reciprocal = int(np.array([1 / PRIMES[place]]).view(np.uint64)[0])
                total = semantics.fraction(residues, reciprocal, total)
            out = simulator.run(cycles, inputs)
            assert total is not None
            done = np.flatnonzero(out["done"])
            assert done.tolist() == [begin + unit.latency_cycles + r for r in range(ROWS)]
            counts = np.stack([out[f"counts[{lane}]"][done] for lane in range(LANES)], axis=1)
            assert np.array_equal(counts, semantics.floor(total))


def test_count__words_beyond_a_float64():
    with pytest.raises(WidthError, match="width of 54 bits: overflow counts take at most 53"):
        CountUnit(LANES, ROWS, 54, PRIMES)
