"""The pointwise unit in Verilator against ntt."""

from __future__ import annotations

import numpy as np
import pytest

from ntt.modulus import find_primes
from rtl.arithmetic.reductions import modular_multiplier
from rtl.errors import BlockModulusError, GeometryError
from rtl.simulation.drivers import run_pointwise
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


def test_pointwise__misfits_are_refused():
    multiplier = modular_multiplier("word", 28, word_bits=8)
    with pytest.raises(GeometryError, match="the nearest is 64"):
        PointwiseUnit(100, PRIMES, multiplier)
    with pytest.raises(BlockModulusError, match="empty"):
        PointwiseUnit(1, (), multiplier)
