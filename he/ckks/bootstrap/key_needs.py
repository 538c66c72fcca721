"""The keys that a bootstrap needs, from numbers: no matrix has values, no polynomial is encoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from he.ckks.bootstrap.circuit import BootstrapCircuit, KeyKind
from he.ckks.bootstrap.cosine import sine_polynomials
from he.ckks.bootstrap.steps import matrix_shifts, rotations, split_evenly, split_sums
from he.ckks.circuits.bsgs import BabyGiant
from he.ckks.circuits.polynomial_circuit import PolynomialCircuit
from he.ckks.circuits.polynomial_scales import PolynomialScales
from he.ckks.scaled_levels import ScaledLevels
from he.rlwe import galois
from he.rlwe.key_needs import KeyNeeds
from he.trace import FROM_SPARSE, RELINEARIZATION, TO_SPARSE


class MatrixSteps(NamedTuple):
    """A chain of matrices: the level of the first, the steps of each in the order in which they are
    applied, the kind of their keys, and the rotation in front of all, 0 for none.
    """

    level: int
    plans: tuple[BabyGiant, ...]
    keys: KeyKind
    turn: int


def matrix_steps(circuit: BootstrapCircuit, N: int, top: int) -> tuple[MatrixSteps, MatrixSteps]:
    """CoeffsToSlots, SlotsToCoeffs."""
    steps = circuit.slots.bit_length() - 1
    below_sine = top - circuit.cts_levels - circuit.cosine_levels
    late = circuit.stc_levels if circuit.slots_first else below_sine

    def made(level: int, count: int, keys: KeyKind, backwards: bool) -> MatrixSteps:
        groups = split_evenly(steps, count)
        shifts = matrix_shifts(circuit.slots, groups[::-1] if backwards else groups)
        if backwards:
            shifts.reverse()
        plans = tuple(rotations(of_matrix, N // 2, keys) for of_matrix in shifts)
        # Shifts are counted from the first one on where all giant steps have one key.
        turn = 0 if keys == "fast" else sum(of_matrix[0] for of_matrix in shifts)
        return MatrixSteps(level, plans, keys, turn)

    return (
        made(top, circuit.cts_levels, circuit.keys, True),
        made(late, circuit.stc_levels, circuit.stc_keys, False),
    )


def needs(circuit: BootstrapCircuit, params: ScaledLevels) -> KeyNeeds:
    """The keys that a bootstrap uses at the levels of a parameter set."""
    return KeyNeeds.of(_used(circuit, params)).without_served(params)


def _used(circuit: BootstrapCircuit, params: ScaledLevels) -> Iterator[tuple[int, int]]:
    """Pairs of a key's element and a level at which it is used."""
    N, top = params.N, params.max_level
    sine = top - circuit.cts_levels
    yield from ((TO_SPARSE, 0), (FROM_SPARSE, top), (galois.element_of_conjugation(N), sine))
    for matrices in matrix_steps(circuit, N, top):
        turn = element_of_conjugating_rotation(matrices.turn, N)
        if turn != 1:
            yield turn, matrices.level
        for place, plan in enumerate(matrices.plans):
            for element in rotation_elements(plan, matrices.keys, N):
                yield element, matrices.level - place
    for level, steps in zip((top, sine), repeated_sums(circuit, params.slots), strict=True):
        yield from ((galois.element_of_rotation(step, N), level) for step in steps)
    level = sine
    for polynomial in sine_polynomials(circuit, params.modulus(0) / params.scales[0]):
        scales = PolynomialScales(params, PolynomialCircuit(polynomial), level)
        yield from ((RELINEARIZATION, at) for at in scales.relinearizations())
        level -= polynomial.depth


def repeated_sums(circuit: BootstrapCircuit, slots: int) -> tuple[list[int], list[int]]:
    """The rotations that add up the repetitions of sparse slots, before CoeffsToSlots and behind
    it.
    """
    repeated = slots // circuit.slots
    steps = galois.inner_sum_steps(repeated, circuit.slots)
    early, _ = split_sums(repeated)
    return steps[:early], steps[early:]


# ------------------------------------------------------------ the keys of a matrix


def rotation_elements(plan: BabyGiant, keys: KeyKind, N: int) -> set[int]:
    """The Galois elements of a matrix's rotations that have keys."""
    if keys == "fast":
        steps = (*plan.babies, *plan.giants)
        return {element_of_conjugating_rotation(step, N) for step in steps if step}
    return {*baby_elements(plan, keys, N), giant_element(plan, N)} - {1}


def baby_elements(plan: BabyGiant, keys: KeyKind, N: int) -> list[int]:
    """Of each baby step but 0; where all have one key, of the step from one to the next."""
    babies = plan.babies[1:]
    if keys == "small":
        babies = babies[:1] * len(babies)
    return [element_of_conjugating_rotation(step, N) for step in babies]


def giant_element(plan: BabyGiant, N: int) -> int:
    """Of the step from one giant step to the next; 1 where there is one alone."""
    giants = plan.giants
    return element_of_conjugating_rotation(giants[1], N) if len(giants) > 1 else 1


def element_of_conjugating_rotation(step: int, N: int) -> int:
    """(-3)^step modulo 2 N: a rotation, and a conjugation where step is odd."""
    element = galois.element_of_rotation(step, N)
    return element if step % 2 == 0 else 2 * N - element
