"""The automorphism unit in Verilator against ntt."""

from __future__ import annotations

import numpy as np
import pytest

from ntt.modulus import find_primes
from rtl.errors import BlockModulusError, OptionError
from rtl.simulation.drivers import run_automorphism
from rtl.units.automorphism import AutomorphismUnit


@pytest.mark.parametrize(("N", "lanes", "buffers"), [(8, 1, 1), (64, 4, 2), (128, 16, 2)])
def test_automorphism__equals_ntt_in_both_domains(N, lanes, buffers):
    unit = AutomorphismUnit(N, lanes, find_primes(28, 128, 2), 28, buffers)
    rng = np.random.default_rng(2)
    elements = [1, 3, 5, 9, 2 * N - 1, N + 1, N - 1] + [
        int(g) | 1 for g in rng.integers(0, 2 * N, 9)
    ]
    elements = elements * 2
    transformed = [False] * 16 + [True] * 16
    moduli = [int(k) for k in rng.integers(0, 2, 32)]
    work = [rng.integers(0, unit.moduli[k], N, dtype=np.uint64) for k in moduli]
    work[0][: N // 2] = 0
    for pattern in (None, np.array([1, 1, 0], np.uint8)):
        got, run = run_automorphism(unit, work, elements, transformed, moduli, take_pattern=pattern)
        for i in range(32):
            expected = unit.golden(work[i], elements[i], transformed[i], moduli[i])
            assert np.array_equal(got[i], expected), (elements[i], transformed[i])
        if pattern is None:
            assert run.out_cycle[0] - run.in_cycle[unit.beats - 1] == unit.latency_cycles
            assert (np.diff(run.out_cycle[:: unit.beats]) == unit.interval_cycles).all()


def test_automorphism__composes_and_its_inverse_undoes_it():
    unit = AutomorphismUnit(64, 4, find_primes(28, 128, 2), 28, 2)
    x = np.random.default_rng(3).integers(0, unit.moduli[0], 64, dtype=np.uint64)
    (once,), _ = run_automorphism(unit, [x], [5], [True], [0])
    (back,), _ = run_automorphism(unit, [once], [pow(5, -1, 128)], [True], [0])
    assert np.array_equal(back, x)


def test_automorphism__misfits_are_refused():
    primes = find_primes(28, 128, 2)
    with pytest.raises(OptionError, match="the nearest are 3, 5"):
        AutomorphismUnit(64, 4, primes, 28).multiplier(4, True)
    with pytest.raises(BlockModulusError, match="use a width of 28"):
        AutomorphismUnit(64, 4, primes, 20)
