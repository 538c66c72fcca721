"""What a bootstrap costs, in keys and in time, before any prime is chosen: numbers only."""

from __future__ import annotations

import math
from typing import Protocol

from he.ckks.bootstrap.circuit import BootstrapCircuit
from he.ckks.bootstrap.switching import Shape, uses


class Shapes(Protocol):
    """The sizes of levels: a `LevelPlan`, or what a parameter set has."""

    @property
    def top(self) -> int:
        """The highest level."""

    def shape(self, level: int) -> Shape:
        """The sizes of a level."""

    def log_qp(self, level: int) -> float:
        """log2(Q_l P_l)."""

    def serves(self, level: int, lower: int) -> bool:
        """Whether a key for one level serves a lower one."""


def work(circuit: BootstrapCircuit, plan: Shapes, N: int) -> float:
    """The whole work of a bootstrap, in transforms of a limb."""
    taken = uses(circuit, N, plan.top)
    once = sum(of_level.cost(plan.shape(level)) for level, of_level in taken.items())
    return circuit.iterations * once


def key_bytes(circuit: BootstrapCircuit, plan: Shapes, N: int) -> int:
    """The bytes of the seeded keys, nearly: words of the same length for all primes."""
    taken, top = uses(circuit, N, plan.top), plan.top
    words = sum(
        of_level.rotation_keys * _key_words(plan, level) for level, of_level in taken.items()
    )
    sine = top - circuit.cts_levels
    words += _key_words(plan, top) + _key_words(plan, sine)  # from the sparse secret; conjugation
    serving = top + 1
    for level in range(sine, sine - circuit.cosine_levels, -1):  # relinearization
        if serving > top or not plan.serves(serving, level):
            serving = level
            words += _key_words(plan, level)
    return math.ceil(words * N / 8)


def _key_words(plan: Shapes, level: int) -> float:
    """The bits that a key has for each of N places."""
    return plan.shape(level).digits * plan.log_qp(level)
