"""The moduli of a parameter set that bootstraps: nested, with digits in groups of levels.

Every level adds a prime to the one below it, or two where a word does not hold what it adds, so
that no ciphertext is ever moved between unlike moduli. Scales follow what the part of the circuit
needs: low ones for SlotsToCoeffs, the user's, and high ones for the cosine. Level 0, the levels of
an early SlotsToCoeffs, those up to a refreshed ciphertext's, and those above have digits and
special primes of their own: the key of level 0 lives under a sparse secret and a small modulus, and
the others are no larger than their levels ask for.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from he.ckks.bootstrap.parameters import BootstrapCircuit, Scales
from he.ckks.chain_levels import FAST_PRIME_BITS, LevelModuli
from he.errors import InsecureParametersError, ParameterError
from he.levels import Level
from ntt.modulus import find_primes_near

_FULL = FAST_PRIME_BITS - 0.02
"""Bits of a full word."""

_LARGEST_SCALE = 58.0
"""Bits of the largest scale of a cosine."""

_CLIMB = 4.0
"""The most bits by which a scale exceeds that of the level below: the last doublings add little."""

_MARGIN = 5.0
"""Bits by which special primes exceed a digit."""

KEY_COST = 0.75
"""A limb's product with a key, in transforms: the key comes from memory."""


@dataclass(frozen=True)
class LevelPlan:
    """Levels before their primes are chosen.

    N: the ring degree. scale_bits: of each level, from 0 on. prime_bits: of what each level adds.
    groups: (highest level, special primes, limbs of a digit) of each group of levels. refreshed:
    the level of a refreshed ciphertext.
    """

    N: int
    scale_bits: tuple[float, ...]
    prime_bits: tuple[float, ...]
    groups: tuple[tuple[int, int, int], ...]
    refreshed: int

    @property
    def top(self) -> int:
        """The highest level."""
        return len(self.scale_bits) - 1

    @functools.cached_property
    def words(self) -> tuple[int, ...]:
        """How many primes each level adds."""
        return tuple(_words(bits) for bits in self.prime_bits)

    def shape(self, level: int) -> tuple[int, int, int, int]:
        """Limbs, special primes, digits, and limbs of a digit."""
        limbs = sum(self.words[: level + 1])
        _, special, digit_limbs = next(group for group in self.groups if level <= group[0])
        return limbs, special, -(-limbs // digit_limbs), min(digit_limbs, limbs)

    def log_qp(self, level: int) -> float:
        """log2(Q_l P_l)."""
        return sum(self.prime_bits[: level + 1]) + self.shape(level)[1] * _FULL


def plan_levels(
    N: int,
    depth: int,
    scale_bits: float,
    circuit: BootstrapCircuit,
    scales: Scales,
    bound: float,
    sparse_bound: float,
) -> LevelPlan:
    """The levels of a set whose refreshed ciphertexts allow `depth` rescalings.

    bound: the most that log2(Q_l P_l) may be; sparse_bound: the same at level 0.

    Raises `ParameterError` for a cosine whose scale no word holds, `InsecureParametersError` where
    the bounds leave no room.
    """
    bits = _scale_bits(depth, scale_bits, circuit, scales)
    refreshed = len(bits) - 1 - circuit.levels
    sizes = [scales.first_modulus]
    sizes += [2 * above - below for below, above in itertools.pairwise(bits)]
    tops = [*([circuit.stc_levels] if circuit.slots_first else []), refreshed, len(bits) - 1]
    first = _first(scales.first_modulus, N, sparse_bound)
    groups = [(0, first, _words(scales.first_modulus))]
    groups += [(top, *_group(_primes_of(sizes[: top + 1]), bound)) for top in tops]
    return LevelPlan(N, tuple(bits), tuple(sizes), tuple(groups), refreshed)


def _scale_bits(
    depth: int, scale_bits: float, circuit: BootstrapCircuit, scales: Scales
) -> list[float]:
    """log2 of the scale of each level, from 0 on."""
    first = scales.first_modulus
    if first > 2 * _FULL or scales.cosine > _LARGEST_SCALE:
        raise ParameterError(
            f"it needs a cosine of scale 2^{scales.cosine:.1f}, and scales are at most "
            f"2^{_LARGEST_SCALE:g}: ask for less precision"
        )
    bits = [scales.lowest]
    upper = [circuit.cosine_levels, circuit.cts_levels]
    parts = [(circuit.stc_levels, scales.stc), (depth, scale_bits)]
    if not circuit.slots_first:
        parts.reverse()
    parts += [(count, scales.cosine) for count in upper]
    for place, (count, wanted) in enumerate(parts):
        for _ in range(count):
            below = bits[-1]
            highest = below + _CLIMB if place > 1 else wanted
            if wanted <= _FULL:  # a word holds what the level adds
                highest = min(highest, (_FULL + below) / 2)
            bits.append(min(wanted, highest))
    return bits


def _words(bits: float) -> int:
    """The words that hold so many bits, which may be a rounding above a full one."""
    return math.ceil(bits / _FULL - 1e-9)


def _primes_of(sizes: Sequence[float]) -> list[float]:
    """The sizes of the primes of levels that add so many bits."""
    found: list[float] = []
    for bits in sizes:
        count = _words(bits)
        found += [bits / count] * count
    return found


def _first(bits: float, N: int, bound: float) -> int:
    """The number of special primes at level 0."""
    count = math.ceil((bits + 1) / _FULL)
    if bits + count * _FULL > bound:
        raise InsecureParametersError(
            f"level 0 has a modulus of {bits:.1f} bits and {count} special primes, and a sparse "
            f"secret is safe up to {bound:g} bits at N = {N}: use a larger N, less precision or a "
            f"smaller scale"
        )
    return count


def _group(sizes: Sequence[float], bound: float) -> tuple[int, int]:
    """(special primes, limbs of a digit) of the levels with these primes: the cheapest switch."""
    found = []
    limbs, total = len(sizes), sum(sizes)
    for digit_limbs in range(1, limbs + 1):
        starts = range(0, limbs, digit_limbs)
        digit = max(sum(sizes[i : i + digit_limbs]) for i in starts)
        special = math.ceil((digit + _MARGIN) / _FULL)
        if total + special * _FULL > bound:
            continue
        cost = len(starts) * (limbs + special) * (1 + 2 * KEY_COST) + 3 * limbs + 2 * special
        found.append((cost, special, digit_limbs))
    if not found:
        raise InsecureParametersError(
            f"a modulus of {total:.0f} bits leaves no room for special primes below {bound:g} bits"
        )
    _, special, digit_limbs = min(found)
    return special, digit_limbs


def bootstrap_moduli(plan: LevelPlan) -> LevelModuli:
    """The primes, from the top level down, so that every scale comes out as wanted.

    Raises `ntt.ModulusError` for lack of primes.
    """
    N, bits, words = plan.N, plan.scale_bits, plan.words
    taken: list[int] = []

    def near(target: float) -> int:
        (prime,) = find_primes_near(target, N, 1, exclude=tuple(taken), below=1 << FAST_PRIME_BITS)
        taken.append(prime)
        return prime

    p = [near(2.0**_FULL) for _ in range(max(special for _, special, _ in plan.groups))]
    scales = [2.0 ** bits[-1]]
    q: list[int] = []
    for below, count in zip(reversed(bits[:-1]), reversed(words[1:]), strict=True):
        target = scales[-1] ** 2 / 2.0**below
        primes = [near(target ** (1 / count)) for _ in range(count - 1)]
        primes.append(near(target / math.prod(primes)))
        q += primes
        scales.append(scales[-1] ** 2 / math.prod(primes))
    lowest = [near(2.0 ** (plan.prime_bits[0] / words[0])) for _ in range(words[0])]
    levels: list[Level] = []
    for top, special, digit_limbs in plan.groups:
        for level in range(len(levels), top + 1):
            rows = tuple(range(sum(words[: level + 1])))
            levels.append(Level(rows, tuple(range(special)), digit_limbs))
    return LevelModuli(
        tuple(lowest + q[::-1]), tuple(p), tuple(levels), tuple(reversed(scales))
    )
