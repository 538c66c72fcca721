"""The moduli of a chain whose rescalings divide by more than a scale.

A circuit that multiplies a square by a plaintext, and only then rescales, divides by the scale of
the square's factor and by that of the plaintext at once. The primes of such a chain are full words,
and what they divide by has nothing to do with the scale of one value.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Sequence

from he.ckks.chain_levels import FAST_PRIME_BITS, LevelModuli
from he.ckks.word_levels import PRODUCT_COST
from he.errors import InsecureParametersError, ParameterError
from he.levels import Level
from ntt.modulus import find_primes_near

WORD_BITS = 49.9
"""The size of a full word: a little less than a special prime's."""

_SPECIAL_BITS = 49.99
_LIMB_COST, _GIANT_STEPS, _BABY_STEPS = 150.0, 12.0, 20.0
"""What key switching at a level is weighed by: a deep network's convolution, in transforms."""

_KEY_COST = 100.0
"""What a limb of a key's digit is weighed by, for the memory that keys take."""

_MARGIN_BITS = 4.0
"""Bits by which special primes exceed a digit: key switching then adds less than a rounding."""


def divided_moduli(
    N: int,
    scale_bits: Sequence[float],
    divisor_bits: Sequence[float],
    first_bits: float,
    bound: float,
    key_levels: Collection[int] = (),
) -> LevelModuli:
    """A chain with Q_0 of `first_bits` and ``Q_l / Q_(l - 1)`` near 2^divisor_bits[l - 1].

    scale_bits: log2 of the canonical scale of each level, 0 .. L. bound: the most that
    log2(Q_l P_l) may be. key_levels: each level of these, and the top, has digits and special
    primes of its own, and the levels below share them and its keys. Raises `ParameterError` for
    sizes that are no two words, `InsecureParametersError` where the bound leaves no special primes,
    `ntt.ModulusError` where there are too few primes.
    """
    if len(divisor_bits) != len(scale_bits) - 1:
        raise ParameterError(
            f"{len(divisor_bits)} divisor_bits for {len(scale_bits) - 1} rescalings: one each is "
            f"needed"
        )
    least = math.log2(2 * N) + 6
    words = [_words("a first modulus of", first_bits, least)]
    words += [_words("a division by", bits, least) for bits in divisor_bits]
    below = 1 << FAST_PRIME_BITS
    taken: list[int] = []

    def near(bits: float) -> int:
        (prime,) = find_primes_near(2.0**bits, N, 1, exclude=tuple(taken), below=below)
        taken.append(prime)
        return prime

    of_level = [tuple(near(bits) for bits in sizes) for sizes in words]
    q = tuple(itertools.chain.from_iterable(of_level))
    rows = list(itertools.accumulate(map(len, of_level)))
    bits = [math.log2(prime) for prime in q]
    tops = [*sorted({level for level in key_levels if level < len(rows) - 1}), len(rows) - 1]
    switching: list[tuple[int, int]] = []
    for top in tops:
        segment = rows[len(switching) : top + 1]
        switching += [_cheapest(bits, segment, bound)] * len(segment)
    most = max(specials for specials, _ in switching)
    p = tuple(near(_SPECIAL_BITS) for _ in range(most))
    levels = tuple(
        Level(tuple(range(count)), tuple(range(specials)), digit_limbs)
        for count, (specials, digit_limbs) in zip(rows, switching, strict=True)
    )
    return LevelModuli(q, p, levels, tuple(2.0**bits for bits in scale_bits))


def _words(what: str, bits: float, least: float) -> tuple[float, ...]:
    """The sizes of one prime or of two; raises `ParameterError` that says what they were for."""
    if least <= bits <= WORD_BITS:
        return (bits,)
    if 2 * least <= bits <= 2 * WORD_BITS:
        first = min(WORD_BITS, bits - least)
        return (first, bits - first)
    raise ParameterError(
        f"{what} 2^{bits:g}: one prime of {least:g} to {WORD_BITS:g} bits or two are needed"
    )


def _cheapest(bits: Sequence[float], rows: Sequence[int], bound: float) -> tuple[int, int]:
    """The special primes and the limbs of a digit that cost least, for levels of so many limbs."""
    top = rows[-1]
    choices = {
        (specials, size): sum(_cost(limbs, specials, size) for limbs in rows)
        for specials, size in _choices(bits[:top], bound)
    }
    if not choices:
        raise InsecureParametersError(
            f"a modulus of {sum(bits[:top]):.0f} bits leaves no room for special primes below "
            f"log2(QP) = {bound:g}: use a larger N, fewer levels or smaller scales"
        )
    return min(choices, key=lambda choice: choices[choice])


def _choices(bits: Sequence[float], bound: float) -> Iterator[tuple[int, int]]:
    limbs = len(bits)
    for size in range(1, limbs + 1):
        digit = max(sum(bits[i : i + size]) for i in range(0, limbs, size))
        specials = math.ceil((digit + _MARGIN_BITS) / _SPECIAL_BITS)
        if sum(bits) + specials * _SPECIAL_BITS <= bound - 0.05:
            yield specials, size


def _cost(limbs: int, specials: int, digit_limbs: int) -> float:
    digits, all_limbs = math.ceil(limbs / digit_limbs), limbs + specials
    products = 2 * PRODUCT_COST * digits * all_limbs
    giant = digits * all_limbs + products + specials + 2 * limbs
    run = _LIMB_COST * all_limbs + _BABY_STEPS * products + _GIANT_STEPS * giant
    return run + _KEY_COST * digits * all_limbs
