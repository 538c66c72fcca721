"""How often a bootstrap switches keys at each level, and what a switch costs: numbers only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from he.ckks.bootstrap.circuit import BootstrapCircuit
from he.ckks.bootstrap.steps import matrix_shifts, rotations, split_evenly, split_sums
from he.ckks.word_levels import CONVERSION_COST

KEY_COST = 0.75
"""A limb's product with a key, in transforms: the key comes from memory."""

_DIAGONAL_COST = 0.15
"""A limb's product with a diagonal and its sum, in transforms: it comes from memory."""

_BUSY = 0.4
"""Relinearizations of a Chebyshev polynomial for each of its degrees, about."""


class Shape(NamedTuple):
    """The sizes of a level: limbs, special primes, digits, and limbs of a digit."""

    limbs: int
    special: int
    digits: int
    digit_limbs: int

    def switch_cost(self) -> float:
        """A key switch, in transforms of a limb."""
        extended = self.limbs + self.special
        transforms = self.digits * extended + self.limbs
        products = 2 * self.digits * extended * KEY_COST
        converted = self.digits * self.digit_limbs * extended
        return transforms + products + converted * CONVERSION_COST + self.division_cost()

    def division_cost(self) -> float:
        """The division of both parts by the special primes, in transforms of a limb."""
        transforms = 2 * (self.limbs + self.special)
        return transforms + 2 * self.special * self.limbs * CONVERSION_COST


class Uses(NamedTuple):
    """What happens at a level: whole key switches, rotations that share a decomposition, products
    with diagonals; rotation keys; and those of the hoisted rotations that are divided, each one.
    """

    switches: float = 0.0
    hoisted: int = 0
    diagonals: int = 0
    rotation_keys: int = 0
    divided: int = 0

    def cost(self, shape: Shape) -> float:
        """The work, in transforms of a limb."""
        extended = shape.limbs + shape.special
        return (
            self.switches * shape.switch_cost()
            + self.hoisted * 2 * shape.digits * extended * KEY_COST
            + self.diagonals * 2 * extended * _DIAGONAL_COST
            + self.divided * shape.division_cost()
        )

    def plus(self, other: Uses) -> Uses:
        """Both together."""
        return Uses(
            self.switches + other.switches,
            self.hoisted + other.hoisted,
            self.diagonals + other.diagonals,
            self.rotation_keys + other.rotation_keys,
            self.divided + other.divided,
        )


def uses(circuit: BootstrapCircuit, N: int, top: int) -> dict[int, Uses]:
    """What a bootstrap does at each level, in a set whose highest level is `top`.

    Level 0 stands for the switch to the sparse secret, and `top` also for the one back.
    """
    found: dict[int, Uses] = {}

    def add(level: int, more: Uses) -> None:
        found[level] = found.get(level, Uses()).plus(more)

    early, late = split_sums(N // 2 // circuit.slots)
    add(0, Uses(switches=1))
    add(top, Uses(switches=1 + early, rotation_keys=early))
    for level, of_matrix in _matrices(circuit, top):
        add(level, of_matrix)
    sine, parts = top - circuit.cts_levels, 1 if circuit.real else 2
    add(sine, Uses(switches=1 + late, rotation_keys=late))
    depth = circuit.degree.bit_length()
    counts = [max(1.0, _BUSY * circuit.degree / depth)] * depth
    counts += [1.0] * (circuit.cosine_levels - depth)
    for down, count in enumerate(counts):
        add(sine - down, Uses(switches=parts * count))
    return found


def _matrices(circuit: BootstrapCircuit, top: int) -> Iterator[tuple[int, Uses]]:
    """The level of each matrix, and what it takes."""
    steps = circuit.slots.bit_length() - 1
    below_sine = top - circuit.cts_levels - circuit.cosine_levels
    stc_level = circuit.stc_levels if circuit.slots_first else below_sine
    for level, count, backwards, keys in (
        (top, circuit.cts_levels, True, circuit.keys),
        (stc_level, circuit.stc_levels, False, circuit.stc_keys),
    ):
        groups = split_evenly(steps, count)
        ordered = groups[::-1] if backwards else groups
        shifts = matrix_shifts(circuit.slots, ordered)
        if keys != "fast":
            yield level, Uses(switches=1, rotation_keys=1)  # in front of all matrices
        for place, of_matrix in enumerate(reversed(shifts) if backwards else shifts):
            split = rotations(of_matrix, circuit.slots, keys)
            babies = sum(step != 0 for step in split.babies)
            giants = sum(step != 0 for step in split.giants)
            diagonals, one = len(of_matrix), min(giants, 1)
            if keys == "small":
                taken = Uses(babies + giants, 0, diagonals, min(babies, 1) + one)
            elif keys == "medium":
                taken = Uses(1 + giants, babies, diagonals, babies + one, babies)
            else:
                taken = Uses(1 + giants, babies, diagonals, babies + giants)
            yield level - place, taken
