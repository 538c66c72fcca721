"""The table of moduli of a unit: checked when the unit is made, indexed at run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amaranth.hdl import Array, Const, Value

import ntt
from ntt.modulus import MAX_MODULUS_BITS, check_ntt_modulus, is_prime
from rtl.errors import BlockModulusError


def check_ntt_moduli(
    moduli: Sequence[int], N: int, check_modulus: Callable[[int], None], candidates: range
) -> None:
    """Raise `BlockModulusError` unless the table holds primes = 1 mod 2N that pass `check_modulus`.

    The error names the nearest modulus that fits. candidates: numbers that pass `check_modulus`.
    """
    check_not_empty(moduli)
    for q in moduli:
        try:
            check_ntt_modulus(q, N)
            check_modulus(q)
        except (ntt.ModulusError, BlockModulusError) as error:
            nearest = nearest_ntt_modulus(q, N, candidates)
            choice = f"the nearest that fits is {nearest}" if nearest else "none fits this unit"
            raise BlockModulusError(f"{error}; {choice}") from error


def check_not_empty(moduli: Sequence[int]) -> None:
    """Raise `BlockModulusError` if the table has no moduli."""
    if not moduli:
        raise BlockModulusError("the table of moduli is empty: give at least one prime")


def nearest_ntt_modulus(q: int, N: int, candidates: range) -> int | None:
    """The prime = 1 mod 2N nearest to q among `candidates`, below 2^61; None if there is none.

    candidates: numbers that are 1 mod their step, a power of two.
    """
    step = max(2 * N, candidates.step)
    low, high = candidates.start, min(candidates.stop, 1 << MAX_MODULUS_BITS)
    centre = (min(max(q, low), high - 1) - 1) // step
    for distance in range((high - low) // step + 2):
        around = (centre - distance) * step + 1, (centre + 1 + distance) * step + 1
        for candidate in sorted(around, key=lambda found: abs(found - q)):
            if low <= candidate < high and is_prime(candidate):
                return candidate
    return None


def index_bits(count: int) -> int:
    """Bits of an index into a table of `count` entries; at least 1."""
    return max(1, (count - 1).bit_length())


def constant_table(values: list[int], width: int, index: Value) -> Value:
    """`values[index]` as logic; every value has `width` bits."""
    constants = [Const(value, width) for value in values]
    return Array(constants)[index] if len(values) > 1 else constants[0]
