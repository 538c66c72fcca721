"""What a bootstrap costs, in keys and in time, before any prime is chosen: numbers only."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

from he.ckks.bootstrap.levels import KEY_COST
from he.ckks.bootstrap.parameters import BootstrapCircuit
from he.ckks.bootstrap.steps import baby_giant, matrix_shifts, split_evenly
from he.ckks.word_levels import CONVERSION_COST

_DIAGONAL_COST = 0.15
"""A limb's product with a diagonal and its sum, in transforms: it comes from memory."""

_BUSY = 0.4
"""Relinearizations of a Chebyshev polynomial for each of its degrees, about."""


class Shapes(Protocol):
    """The sizes of levels: a `LevelPlan`, or what a parameter set has."""

    @property
    def top(self) -> int:
        """The highest level."""

    @property
    def refreshed(self) -> int:
        """The level of a refreshed ciphertext."""

    def shape(self, level: int) -> tuple[int, int, int, int]:
        """Limbs, special primes, digits, and limbs of a digit."""

    def log_qp(self, level: int) -> float:
        """log2(Q_l P_l)."""


def key_switch(plan: Shapes, level: int) -> float:
    """The transforms of a key switch at `level`, and its other work in transforms."""
    limbs, special, digits, digit_limbs = plan.shape(level)
    transforms = digits * (limbs + special) + limbs + 2 * (limbs + special)
    products = 2 * digits * (limbs + special) * KEY_COST
    converted = digits * digit_limbs * (limbs + special) + 2 * special * limbs
    return transforms + products + converted * CONVERSION_COST


def work(circuit: BootstrapCircuit, plan: Shapes) -> float:
    """The whole work of a bootstrap, in transforms of a limb."""
    total = key_switch(plan, 0) + key_switch(plan, plan.top)
    for level, babies, giants, diagonals in _matrices(circuit, plan):
        limbs, special, digits, _ = plan.shape(level)
        if circuit.small_keys:
            total += (babies + giants) * key_switch(plan, level)
        else:
            hoisted = 2 * digits * (limbs + special) * KEY_COST
            total += key_switch(plan, level) + babies * hoisted
            total += giants * key_switch(plan, level)
        total += diagonals * 2 * (limbs + special) * _DIAGONAL_COST
    sine = plan.top - circuit.cts_levels
    parts = 1 if circuit.real else 2
    total += key_switch(plan, sine)
    counts = [max(1.0, _BUSY * circuit.degree / circuit.degree.bit_length())]
    counts *= circuit.degree.bit_length()
    counts += [1.0] * (circuit.cosine_levels - len(counts))
    for down, count in enumerate(counts):
        total += parts * count * key_switch(plan, sine - down)
    return total


def key_bytes(circuit: BootstrapCircuit, plan: Shapes, N: int) -> int:
    """The bytes of the seeded keys, nearly: words of the same length for all primes."""
    words = 0.0
    for level, babies, giants, _ in _matrices(circuit, plan):
        few = min(babies, 1) + min(giants, 1) + 1
        words += (few if circuit.small_keys else babies + giants) * _key_words(plan, level)
    repeated = (N // 2 // circuit.slots).bit_length() - 1
    words += (1 + repeated) * _key_words(plan, plan.top)
    # Relinearization, conjugation: a key for each group of levels.
    sine = plan.top - circuit.cts_levels
    words += 2 * _key_words(plan, sine) + _key_words(plan, plan.refreshed)
    return math.ceil(words * N / 8)


def _key_words(plan: Shapes, level: int) -> float:
    """The bits that a key has for each of N places."""
    _, _, digits, _ = plan.shape(level)
    return digits * plan.log_qp(level)


def _matrices(
    circuit: BootstrapCircuit, plan: Shapes
) -> Iterator[tuple[int, int, int, int]]:
    """(level, baby steps, giant steps, diagonals) of each matrix."""
    steps = circuit.slots.bit_length() - 1
    early = circuit.stc_levels if circuit.slots_first else plan.refreshed + circuit.stc_levels
    for level, count, backwards in (
        (plan.top, circuit.cts_levels, True),
        (early, circuit.stc_levels, False),
    ):
        groups = split_evenly(steps, count)
        ordered = groups[::-1] if backwards else groups
        shifts = matrix_shifts(circuit.slots, ordered)
        for place, of_matrix in enumerate(reversed(shifts) if backwards else shifts):
            split = baby_giant(of_matrix, circuit.slots)
            babies = sum(step != 0 for step in split.babies)
            giants = sum(step != 0 for step in split.giants)
            yield level - place, babies, giants, len(of_matrix)
