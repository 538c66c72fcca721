"""The pointwise and automorphism units in Verilator against ntt/."""

from __future__ import annotations

import numpy as np
import pytest

from ntt.modulus import find_primes
from rtl.arithmetic.reductions import modular_multiplier
from rtl.errors import BlockModulusError, GeometryError, OptionError
from rtl.simulation.simulate import run_automorphism, run_pointwise
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.pointwise import LimbOperation, PointwiseUnit

PRIMES = find_primes(28, 128, 2)
PRODUCTS = (LimbOperation.MULTIPLY, LimbOperation.MULTIPLY_ADD)


def operand_limbs(moduli: list[int], n: int) -> np.ndarray:
    """(3, limbs, n) residues: uniform, with the edges in the first entries."""
    rng = np.random.default_rng(1)
    operands = np.empty((3, len(moduli), n), np.uint64)
    for i, place in enumerate(moduli):
        q = PRIMES[place]
        operands[:, i] = rng.integers(0, q, (3, n), dtype=np.uint64)
        operands[:, i, :4] = [[0, q - 1, q - 1, 1], [q - 1, 0, q - 1, q - 1], [0, 1, q - 1, q - 1]]
    return operands


@pytest.mark.parametrize(
    ("reduction", "lanes", "factored"),
    [("barrett", 1, False), ("word", 2, False), ("montgomery", 4, True)],
)
def test_pointwise__every_operation_equals_ntt_with_moduli_taking_turns(reduction, lanes, factored):
    multiplier = modular_multiplier(reduction, 28, word_bits=8)
    unit = PointwiseUnit(lanes, PRIMES, multiplier, factored)
    operations = list(LimbOperation) * 3
    moduli = [0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1, 0]
    plain = operand_limbs(moduli, 64)
    given = plain.copy()
    if factored:
        for i, (operation, place) in enumerate(zip(operations, moduli, strict=True)):
            if operation in PRODUCTS:
                given[1, i] = [multiplier.factor(int(b), PRIMES[place]) for b in plain[1, i]]
    for pattern in (None, np.array([1, 0, 0, 1, 1, 0], np.uint8)):
        got, run = run_pointwise(unit, operations, moduli, given, take_pattern=pattern)
        for i, (operation, place) in enumerate(zip(operations, moduli, strict=True)):
            expected = unit.golden(operation, *plain[:, i], place)
            assert np.array_equal(got[i], expected)
        assert run.out_cycle[0] - run.in_cycle[0] >= unit.latency_cycles
        if pattern is None:
            assert run.out_cycle[0] - run.in_cycle[0] == unit.latency_cycles


def test_pointwise__one_modulus_runs_at_one_beat_a_cycle():
    unit = PointwiseUnit(2, PRIMES, modular_multiplier("word", 28, word_bits=8))
    operations = [LimbOperation.MULTIPLY] * 4
    operands = operand_limbs([1] * 4, 64)
    _, run = run_pointwise(unit, operations, [1] * 4, operands)
    assert (np.diff(run.in_cycle) == 1).all()
    assert (np.diff(run.out_cycle) == 1).all()


def test_pointwise__a_new_modulus_waits_for_the_last_one_to_pass():
    unit = PointwiseUnit(2, PRIMES, modular_multiplier("word", 28, word_bits=8))
    moduli = [0, 1] * 6
    operands = operand_limbs(moduli, 8)
    operations = [LimbOperation.MULTIPLY_ADD] * 12
    got, run = run_pointwise(unit, operations, moduli, operands)
    for i, place in enumerate(moduli):
        assert np.array_equal(got[i], unit.golden(operations[i], *operands[:, i], place))
    assert (np.diff(run.in_cycle[::4]) == unit.modulus_change_cycles).all()


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


def test_limb_units__misfits_are_refused():
    multiplier = modular_multiplier("word", 28, word_bits=8)
    with pytest.raises(GeometryError, match="the nearest is 64"):
        PointwiseUnit(100, PRIMES, multiplier)
    with pytest.raises(BlockModulusError, match="empty"):
        PointwiseUnit(1, (), multiplier)
    with pytest.raises(OptionError, match="the nearest are 3, 5"):
        AutomorphismUnit(64, 4, PRIMES, 28).multiplier(4, True)
    with pytest.raises(BlockModulusError, match="use a width of 28"):
        AutomorphismUnit(64, 4, PRIMES, 20)
