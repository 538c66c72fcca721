"""The levels of a modulus: which primes make the modulus of each, and how keys are switched there.

Standard library only. A parameter set has a pool of primes q and special primes p; the modulus Q_l
of level l is the product of some of the primes q. In a chain these are q_0 .. q_l, one more a
level. In general any two levels share their first primes and no others: then a rescaling multiplies
by the primes that come, and divides by those that go (BitPacker: Samardzic, Sanchez, ASPLOS 2024).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Level(NamedTuple):
    """One level.

    rows: the primes of the modulus, as indices of q, in the order of a ciphertext's limbs.
    specials: the special primes of key switching, as indices of p.
    digit_limbs: primes in a digit.
    """

    rows: tuple[int, ...]
    specials: tuple[int, ...]
    digit_limbs: int

    @property
    def limbs(self) -> int:
        """The number of primes of the modulus."""
        return len(self.rows)

    @property
    def digits(self) -> tuple[range, ...]:
        """The limbs of each digit."""
        size, limbs = self.digit_limbs, self.limbs
        return tuple(range(i, min(i + size, limbs)) for i in range(0, limbs, size))

    def shared(self, other: Level) -> int:
        """The number of first primes that both levels have."""
        count = 0
        for mine, its in zip(self.rows, other.rows, strict=False):
            if mine != its:
                break
            count += 1
        return count

    def holds(self, lower: Level) -> bool:
        """Whether the primes of the lower level are the first of this one."""
        return self.rows[: lower.limbs] == lower.rows

    def serves(self, lower: Level) -> bool:
        """Whether a switching key made for this level works at the lower one."""
        return self.holds(lower) and self[1:] == lower[1:]


def chain(primes: int, specials: int, digit_limbs: int) -> tuple[Level, ...]:
    """The levels of a chain: one prime more a level."""
    all_specials = tuple(range(specials))
    return tuple(
        Level(tuple(range(level + 1)), all_specials, digit_limbs) for level in range(primes)
    )


def serving_levels(levels: Sequence[Level], used: Iterable[int]) -> tuple[int, ...]:
    """The fewest levels whose switching keys serve every level in `used`, the highest first."""
    made: list[int] = []
    for level in sorted(set(used), reverse=True):
        if not any(levels[key].serves(levels[level]) for key in made):
            made.append(level)
    return tuple(made)


def check_levels(levels: Sequence[Level], q: Sequence[int], p: Sequence[int]) -> str | None:
    """What is wrong with the levels of the primes q and p, in words; None where nothing is."""
    used: set[int] = set()
    below = 0
    for number, level in enumerate(levels):
        rows = level.rows
        for name, chosen, primes in (("q", rows, q), ("p", level.specials, p)):
            distinct = len(set(chosen)) == len(chosen) > 0
            if not distinct or not 0 <= min(chosen) <= max(chosen) < len(primes):
                return f"level {number} takes {chosen} of {len(primes)} primes {name}"
        if not 1 <= level.digit_limbs <= len(q):
            return f"level {number} has digits of {level.digit_limbs} of {len(q)} primes"
        for lower in range(number):
            shared = level.shared(levels[lower])
            if set(rows[shared:]) & set(levels[lower].rows[shared:]):
                return f"levels {lower} and {number} share more than their first primes"
        modulus = 1
        for row in rows:
            modulus *= q[row]
        if modulus <= below:
            return f"the modulus of level {number} is no larger than that of level {number - 1}"
        below = modulus
        used.update(rows)
    if len(used) != len(q):
        return f"{len(q) - len(used)} of the primes q belong to no level"
    return None
