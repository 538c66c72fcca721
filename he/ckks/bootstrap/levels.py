"""The moduli of a parameter set that bootstraps: two nested chains, and digits in groups of levels.

Every level adds a prime to the one below it, or two where a word does not hold what it adds. Only
above the level of a refreshed ciphertext a second chain begins, whose first primes are as few words
as hold the modulus there: the user's levels have primes of the size of their scale, of which a
bootstrap would carry too many. Scales follow what the part of the circuit needs: low ones for
SlotsToCoeffs, the user's, and high ones for the cosine.

Level 0, the levels of an early SlotsToCoeffs, those up to a refreshed ciphertext's, and groups of
those above have digits and special primes of their own: the key of level 0 lives under a sparse
secret and a small modulus, and the others are what is cheapest for what a bootstrap does there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from he.ckks.bootstrap.circuit import BootstrapCircuit, KeyKind
from he.ckks.bootstrap.circuits import Scales
from he.ckks.bootstrap.switching import Shape, Uses, uses
from he.ckks.chain_levels import FAST_PRIME_BITS, LevelModuli
from he.errors import InsecureParametersError, ParameterError
from he.levels import Level
from ntt.modulus import find_primes_near

_FULL = FAST_PRIME_BITS - 0.02
"""Bits of a full word."""

_LARGEST_SCALE = 58.0
"""Bits of the largest scale of a cosine."""

_MARGIN = 5.0
"""Bits by which special primes exceed a digit."""

_GROUP_COST: dict[KeyKind, float] = {"fast": 150.0, "medium": 300.0, "small": 600.0}
"""What a group of levels must save, in transforms of a limb: it has keys of its own."""

_SLACK = 0.15
"""Bits below the bound that are left for primes that come out larger than wanted."""


class Group(NamedTuple):
    """Levels up to `top` that share digits and special primes: the number of these, the primes of a
    digit, and the bits of a special prime.
    """

    top: int
    special: int
    digit_limbs: int
    special_bits: float = _FULL


@dataclass(frozen=True)
class LevelPlan:
    """Levels before their primes are chosen.

    N: the ring degree. circuit: what they are for. scale_bits: of each level, from 0 on.
    prime_bits: of what each level adds to the modulus. groups: of levels, upwards. refreshed: the
    level of a refreshed ciphertext. base: the primes of the level above it where a second chain
    begins there, or 0.
    """

    N: int
    circuit: BootstrapCircuit
    scale_bits: tuple[float, ...]
    prime_bits: tuple[float, ...]
    groups: tuple[Group, ...]
    refreshed: int
    base: int

    @property
    def top(self) -> int:
        """The highest level."""
        return len(self.scale_bits) - 1

    def group(self, level: int) -> Group:
        """The group of a level."""
        return next(group for group in self.groups if level <= group.top)

    def shape(self, level: int) -> Shape:
        """The sizes of a level."""
        limbs = len(sizes_at(self.prime_bits, self.refreshed, self.base, level))
        return _shape(limbs, self.group(level))

    def log_qp(self, level: int) -> float:
        """log2(Q_l P_l)."""
        group = self.group(level)
        return sum(self.prime_bits[: level + 1]) + group.special * group.special_bits

    def serves(self, level: int, lower: int) -> bool:
        """Whether a key for one level serves a lower one."""
        return self.group(level) == self.group(lower)


def sizes_at(
    prime_bits: Sequence[float], refreshed: int, base: int, level: int
) -> list[float]:
    """The bits of each prime of a level."""
    if level <= refreshed or not base:
        return _primes_of(prime_bits[: level + 1])
    first = sum(prime_bits[: refreshed + 2]) / base
    return [first] * base + _primes_of(prime_bits[refreshed + 2 : level + 1])


def plan_levels(
    N: int,
    depth: int,
    scale_bits: float,
    circuit: BootstrapCircuit,
    scales: Scales,
    bound: float,
    sparse_bound: float,
    *,
    grouped: bool = True,
) -> LevelPlan:
    """The levels of a set whose refreshed ciphertexts allow `depth` rescalings.

    bound: the most that log2(Q_l P_l) may be; sparse_bound: the same at level 0. grouped: whether
    the levels above a refreshed ciphertext are several groups, which takes time to choose.

    Raises `ParameterError` for a cosine whose scale no word holds, `InsecureParametersError` where
    the bounds leave no room.
    """
    bits = _scale_bits(depth, scale_bits, circuit, scales)
    top = len(bits) - 1
    refreshed = top - circuit.levels
    added = [scales.first_modulus]
    added += [2 * above - below for below, above in itertools.pairwise(bits)]
    first = _first(scales.first_modulus, N, sparse_bound)
    groups = [Group(0, first, _words(scales.first_modulus))]
    lower = [circuit.stc_levels, refreshed] if circuit.slots_first else [refreshed]
    groups += [_cheapest(level, _primes_of(added[: level + 1]), bound) for level in lower]
    base = _words(sum(added[: refreshed + 2]))
    if base >= len(_primes_of(added[: refreshed + 2])):
        base = 0
    sizes = {
        level: sizes_at(added, refreshed, base, level) for level in range(refreshed + 1, top + 1)
    }
    if not grouped:
        groups.append(_cheapest(top, sizes[top], bound))
        return LevelPlan(N, circuit, tuple(bits), tuple(added), tuple(groups), refreshed, base)
    groups += _grouped(sizes, uses(circuit, N, top), bound, _GROUP_COST[circuit.keys])
    return LevelPlan(N, circuit, tuple(bits), tuple(added), tuple(groups), refreshed, base)


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
    parts = [(circuit.stc_levels, scales.stc), (depth, scale_bits)]
    if not circuit.slots_first:
        parts.reverse()
    parts.append((circuit.cosine_levels + circuit.iterations - 1, scales.cosine))
    for place, (count, wanted) in enumerate(parts):
        if place == 1 and circuit.iterations == 2:
            bits.append(scale_bits)  # what the second pass refreshes is found at this scale
        for _ in range(count):
            below = bits[-1]
            highest = below + scales.climb if place > 1 else wanted
            if wanted <= _FULL:  # a word holds what the level adds
                highest = min(highest, (_FULL + below) / 2)
            bits.append(min(wanted, highest))
    for _ in range(circuit.cts_levels):
        bits.append((bits[-1] + scales.cosine - scales.spared) / 2)
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


def _shape(limbs: int, group: Group) -> Shape:
    size = group.digit_limbs
    return Shape(limbs, group.special, -(-limbs // size), min(size, limbs))


def _choices(top: int, sizes: Sequence[float], bound: float) -> list[Group]:
    """The groups that end with a level of these primes: of each number of special primes, the one
    with the fewest digits.

    Raises `InsecureParametersError` where there is none.
    """
    limbs, total = len(sizes), sum(sizes)
    found: dict[int, Group] = {}
    for digit_limbs in range(1, limbs + 1):
        starts = range(0, limbs, digit_limbs)
        digit = max(sum(sizes[i : i + digit_limbs]) for i in starts)
        special = _words(digit + _MARGIN)
        bits = min(_FULL, (bound - _SLACK - total) / special)
        if special * bits >= digit + _MARGIN:
            found[special] = Group(top, special, digit_limbs, bits)
    if not found:
        raise InsecureParametersError(
            f"a modulus of {total:.0f} bits leaves no room for special primes below {bound:g} bits"
        )
    return list(found.values())


def _cheapest(top: int, sizes: Sequence[float], bound: float) -> Group:
    """The group whose key switches at its highest level are the cheapest."""
    return min(
        _choices(top, sizes, bound), key=lambda group: _shape(len(sizes), group).switch_cost()
    )


def _grouped(
    sizes: Mapping[int, Sequence[float]],
    taken: Mapping[int, Uses],
    bound: float,
    own_keys: float,
) -> list[Group]:
    """Groups of the levels above a refreshed ciphertext, so that a bootstrap's work is least."""
    first, *_, top = sizes
    best: dict[int, tuple[float, list[Group]]] = {first - 1: (0.0, [])}
    for level in sizes:
        found: list[tuple[float, list[Group]]] = []
        for group in _choices(level, sizes[level], bound):
            cost = 0.0
            for lower in range(level, first - 1, -1):
                cost += taken.get(lower, Uses()).cost(_shape(len(sizes[lower]), group))
                below, groups = best[lower - 1]
                found.append((cost + below + own_keys, [*groups, group]))
        best[level] = min(found, key=lambda item: item[0])
    return best[top][1]


def bootstrap_moduli(plan: LevelPlan) -> LevelModuli:
    """The primes, so that every scale comes out as wanted.

    Raises `ntt.ModulusError` for lack of primes.
    """
    N, bits, r = plan.N, plan.scale_bits, plan.refreshed
    primes = _Primes(N)
    full = max(group.special for group in plan.groups if group.special_bits == _FULL)
    p = [primes.near(2.0**_FULL) for _ in range(full)]
    specials: dict[Group, tuple[int, ...]] = {}
    for group in plan.groups:
        if group.special_bits == _FULL:
            specials[group] = tuple(range(group.special))
        else:
            specials[group] = tuple(range(len(p), len(p) + group.special))
            p += [primes.near(2.0**group.special_bits) for _ in range(group.special)]
    # Each chain from its highest level down.
    upper: list[list[int]] = []
    if plan.base:
        lower, _ = primes.chain(bits[: r + 1], 2.0 ** bits[r])
        lower.insert(0, primes.words(2.0 ** plan.prime_bits[0]))
        modulus = math.prod(itertools.chain(*lower))
        upper, scale = primes.chain(bits[r + 1 :], 2.0 ** bits[-1])
        upper.insert(0, primes.words(Fraction(scale**2 / 2.0 ** bits[r]) * modulus, plan.base))
    else:
        lower, _ = primes.chain(bits, 2.0 ** bits[-1])
        lower.insert(0, primes.words(2.0 ** plan.prime_bits[0]))
    q = list(itertools.chain(*lower, *upper))
    shared = sum(map(len, lower))
    levels = []
    for level in range(plan.top + 1):
        if plan.base and level > r:
            rows = range(shared, shared + sum(map(len, upper[: level - r])))
        else:
            rows = range(sum(map(len, lower[: level + 1])))
        group = plan.group(level)
        levels.append(Level(tuple(rows), specials[group], group.digit_limbs))
    scales = _exact_scales(2.0 ** bits[-1], levels, q)
    return LevelModuli(tuple(q), tuple(p), tuple(levels), scales, plan.circuit)


class _Primes:
    """Primes for a ring degree, each one once."""

    def __init__(self, N: int) -> None:
        self._N = N
        self._taken: list[int] = []

    def near(self, target: float) -> int:
        """A prime near a number."""
        (prime,) = find_primes_near(
            target, self._N, 1, exclude=tuple(self._taken), below=1 << FAST_PRIME_BITS
        )
        self._taken.append(prime)
        return prime

    def words(self, target: float | Fraction, count: int | None = None) -> list[int]:
        """Primes whose product is near a number: `count`, or as few as hold it.

        A float ends at 2^1024, and moduli need not.
        """
        exact = Fraction(target)
        bits = math.log2(exact.numerator) - math.log2(exact.denominator)
        count = count or _words(bits)
        primes = [self.near(2.0 ** (bits / count)) for _ in range(count - 1)]
        return [*primes, self.near(float(exact / math.prod(primes)))]

    def chain(self, bits: Sequence[float], scale: float) -> tuple[list[list[int]], float]:
        """The primes that each level but the lowest adds, upwards; and the lowest level's scale.

        bits: log2 of the scale of each level that is wanted. scale: of the highest, exactly.
        """
        found = []
        for below in reversed(bits[:-1]):
            found.append(self.words(scale**2 / 2.0**below))
            scale = scale**2 / math.prod(found[-1])
        return found[::-1], scale


def _exact_scales(highest: float, levels: Sequence[Level], q: Sequence[int]) -> tuple[float, ...]:
    """The scale of each level, from the highest one's."""
    moduli = [math.prod(q[row] for row in level.rows) for level in levels]
    scales = [highest]
    for below, above in zip(reversed(moduli[:-1]), reversed(moduli[1:]), strict=True):
        scales.append(scales[-1] ** 2 * (below / above))
    return tuple(reversed(scales))
