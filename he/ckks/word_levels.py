"""The moduli of levels made of full words: which primes, how many special ones, which digits.

A chain with one prime of the scale's size a level stores, moves and multiplies a word for 28 bits.
Here the modulus of a level is made of as few words as hold it (BitPacker: Samardzic, Sanchez,
ASPLOS 2024): first words that levels share, then words of its own, of which the last one brings the
scale of the level to what was asked for. Digits and special primes of each level are the cheapest
that the security bound leaves to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from he.ckks.chain_levels import LevelModuli
from he.errors import InsecureParametersError, ParameterError
from he.levels import Level
from ntt.errors import ModulusError
from ntt.modulus import MAX_MODULUS_BITS, find_primes_near

_MARGINS = (5, 4, 3, 2, 1)
"""Bits by which the special primes exceed a digit: with five, rescaling adds more noise."""

_MORE_WORDS = 3
"""Words beyond the fewest that a level may be made of: smaller digits need fewer special bits."""

_MOST_OFF = 0.5
"""By how many bits a scale may differ from what was asked for."""

_KEY_SWITCHES = 4
"""Key switches for each rescaling, when costs are added up."""

PRODUCT_COST = 0.4
"""The cost of a limb's product with a key, in transforms."""

CONVERSION_COST = 0.1
"""The cost of a limb's term of a base conversion, in transforms."""


class _Special(NamedTuple):
    """How many special primes a level takes, and from how many to how many bits each has."""

    number: int
    least: float
    most: float


class _Choice(NamedTuple):
    """How a level is made: `shared` words of a common size, and `own` words of `own_bits`."""

    shared: int
    own: int
    own_bits: float
    digit_limbs: int
    special: _Special
    cost: float


def word_moduli(
    N: int, scale_bits: Sequence[float], first_bits: int, word_bits: int, bound: float
) -> LevelModuli:
    """The moduli of levels 0 .. L whose canonical scales are within half a bit of 2^scale_bits[l].

    first_bits: the least bits of Q_0. word_bits: all primes are below 2^word_bits. bound: the most
    that log2(Q_l P_l) may be. Raises `ParameterError` for words that are too small for N or for a
    level, or that have too few primes, with the least words that serve, and
    `InsecureParametersError` where a level finds no special primes within the bound.
    """
    try:
        return _moduli(N, scale_bits, first_bits, word_bits, bound)
    except InsecureParametersError:
        raise
    except (ParameterError, ModulusError) as error:
        too_few, enough = word_bits, MAX_MODULUS_BITS + 1
        while enough - too_few > 1:
            middle = (too_few + enough) // 2
            try:
                _moduli(N, scale_bits, first_bits, middle, bound)
                enough = middle
            except (ParameterError, ModulusError):
                too_few = middle
        way_out = f"; words of {enough} bits serve, of {too_few} bits do not"
        if enough > MAX_MODULUS_BITS:
            way_out = "; no larger words serve either"
        raise ParameterError(f"{error}{way_out}") from error


def _moduli(
    N: int, scale_bits: Sequence[float], first_bits: int, word_bits: int, bound: float
) -> LevelModuli:
    full = word_bits - 0.01
    least = math.log2(2 * N) + 6
    if full < least + 1:
        raise ParameterError(
            f"words of {word_bits} bits: N = {N} needs at least {math.ceil(least) + 2}, since "
            f"every prime is 1 mod {2 * N}"
        )
    bits = modulus_bits(scale_bits, _of_words(first_bits, full, least))
    top = math.ceil(bits[-1] / full)
    sizes = [full, *(bits[-1] / n for n in range(top, top + _MORE_WORDS + 1))]
    sizes = [size for size in sizes if least <= size <= full]
    for room in (bound, math.inf):
        chooser = _Chooser(full, least, room)
        plans = [plan for size in sizes if (plan := chooser.plan(bits, size)) is not None]
        if plans:
            break
    if not plans:
        raise ParameterError(
            f"words of {word_bits} bits make no moduli of {bits[0]:.0f} to {bits[-1]:.0f} bits at "
            f"N = {N}: use larger words or other scales"
        )
    if room > bound:
        raise InsecureParametersError(
            f"moduli of {bits[0]:.0f} to {bits[-1]:.0f} bits at N = {N} leave no room for special "
            f"primes below log2(QP) = {bound:g}: use a larger N, fewer levels or smaller scales"
        )
    size, choices = min(plans, key=lambda plan: sum(choice.cost for choice in plan[1]))
    made = _Primes(N, word_bits, size).moduli(choices, scale_bits, bits[-1])
    for level, (scale, wanted) in enumerate(zip(made.scales, scale_bits, strict=True)):
        if abs(math.log2(scale) - wanted) >= _MOST_OFF:
            raise ParameterError(
                f"words of {word_bits} bits have so few primes at N = {N} that the scale of level "
                f"{level} would be of {math.log2(scale):.2f} bits, not {wanted:.2f}"
            )
    return made


def _root(number: Fraction, degree: int) -> float:
    """The root of a number, which may be too large for a float."""
    bits = number.numerator.bit_length() - number.denominator.bit_length()
    if bits < 1000:
        return math.pow(float(number), 1 / degree)
    return math.exp2((math.log2(number.numerator) - math.log2(number.denominator)) / degree)


def _of_words(bits: float, full: float, least: float) -> float:
    """The fewest bits, `bits` or more, that words of `least` to `full` bits make."""
    count = math.ceil(bits / full)
    return max(bits, count * least)


def modulus_bits(scale_bits: Sequence[float], first_bits: float) -> list[float]:
    """log2(Q_l) of each level: rescaling from level l divides by scales[l]^2 / scales[l - 1]."""
    bits = [float(first_bits)]
    for below, scale in pairwise(scale_bits):
        bits.append(bits[-1] + 2 * scale - below)
    return bits


class _Chooser:
    """Chooses how each level is made, from numbers of bits alone."""

    def __init__(self, full: float, least: float, bound: float) -> None:
        self.full = full
        self.least = least
        self.bound = bound

    def plan(self, bits: Sequence[float], size: float) -> tuple[float, list[_Choice]] | None:
        """The cheapest choice of each level where shared words have `size` bits; None if none."""
        choices: list[_Choice] = []
        for modulus in reversed(bits):
            most = choices[-1].shared if choices else len(bits) * 3
            found = list(self._choices(modulus, size, most))
            if not found:
                return None
            choices.append(min(found, key=lambda choice: choice.cost))
        return size, choices[::-1]

    def _choices(self, modulus: float, size: float, most: int) -> Iterable[_Choice]:
        fewest = math.ceil(modulus / self.full)
        for own in range(1, fewest + _MORE_WORDS + 1):
            for shared in range(min(most, fewest + _MORE_WORDS - own) + 1):
                own_bits = (modulus - shared * size) / own
                if self.least <= own_bits <= self.full and shared + own >= fewest:
                    yield from self._switchings(modulus, shared, own, size, own_bits)

    def _switchings(
        self, modulus: float, shared: int, own: int, size: float, own_bits: float
    ) -> Iterable[_Choice]:
        words = [size] * shared + [own_bits] * own
        limbs = len(words)
        for digit_limbs in range(1, limbs + 1):
            digits = range(0, limbs, digit_limbs)
            digit = max(sum(words[i : i + digit_limbs]) for i in digits)
            special = self._special_bits(modulus, digit)
            if special is None:
                continue
            count = special.number
            products = len(digits) * (limbs + count) * (1 + 2 * PRODUCT_COST)
            switched = products + 3 * limbs + 2 * count
            rescaled = 2 * (own + limbs) + 2 * CONVERSION_COST * own * limbs
            yield _Choice(
                shared, own, own_bits, digit_limbs, special, _KEY_SWITCHES * switched + rescaled
            )

    def _special_bits(self, modulus: float, digit: float) -> _Special | None:
        """The fewest special primes that exceed a digit and keep to the bound."""
        room = self.bound - modulus - 0.05
        for margin in _MARGINS:
            count = math.ceil((digit + margin) / self.full)
            if margin > 1 and math.ceil((digit + 1) / self.full) < count:
                continue  # a prime more for a little less noise
            least = max((digit + margin) / count, self.least)
            if least <= room / count:
                return _Special(count, least, min(room / count, self.full))
        return None


class _Primes:
    """Finds the primes of the levels that were chosen."""

    def __init__(self, N: int, word_bits: int, size: float) -> None:
        self.N = N
        self._below = 1 << word_bits
        self._size = size
        self._taken: list[int] = []

    def moduli(
        self, choices: Sequence[_Choice], scale_bits: Sequence[float], top_bits: float
    ) -> LevelModuli:
        """The primes, the levels and the scales, from the top level down."""
        p, specials = self._specials(choices)
        shared = [self._near(2.0**self._size) for _ in range(max(c.shared for c in choices))]
        q = list(shared)
        scales = [2.0 ** scale_bits[-1]]
        target = Fraction(2.0 ** (top_bits % 1)) * (1 << math.floor(top_bits))
        levels: list[Level] = []
        above = 0
        for at in reversed(range(len(choices))):
            choice = choices[at]
            if levels:
                # The modulus that makes scales[at + 1]^2 Q_at / Q_(at + 1) what was asked for.
                target = Fraction(2.0 ** scale_bits[at]) * above / Fraction(scales[-1]) ** 2
            own = self._own(target / math.prod(shared[: choice.shared]), choice.own)
            rows = (*range(choice.shared), *range(len(q), len(q) + choice.own))
            q += own
            modulus = math.prod(q[row] for row in rows)
            if levels:
                # To the bit as a product is rescaled: `CKKSParameters.divisors`.
                scales.append(scales[-1] * scales[-1] / float(Fraction(above, modulus)))
            above = modulus
            levels.append(Level(rows, specials[at], choice.digit_limbs))
        return LevelModuli(tuple(q), p, tuple(reversed(levels)), tuple(reversed(scales)))

    def _own(self, target: Fraction, count: int) -> list[int]:
        """Primes whose product is near `target`: the last one makes up for the others."""
        found: list[int] = []
        for left in range(count, 0, -1):
            wanted = _root(target, left)
            found.append(self._near(wanted))
            target /= found[-1]
        return found

    def _specials(
        self, choices: Sequence[_Choice]
    ) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
        """The special primes, and those of each level: levels share them where sizes allow it."""
        p: list[int] = []
        of_size: dict[float, list[int]] = {}
        of_level: list[tuple[int, ...]] = [()] * len(choices)
        for at in reversed(range(len(choices))):
            special = choices[at].special
            fitting = [size for size in of_size if special.least <= size <= special.most]
            size = max(fitting, default=special.most)
            known = of_size.setdefault(size, [])
            while len(known) < special.number:
                known.append(len(p))
                p.append(self._near(2.0**size, math.floor(2.0**size)))
            of_level[at] = tuple(known[: special.number])
        return tuple(p), of_level

    def _near(self, target: float, below: int | None = None) -> int:
        (prime,) = find_primes_near(
            target, self.N, 1, exclude=tuple(self._taken), below=below or self._below
        )
        self._taken.append(prime)
        return prime
