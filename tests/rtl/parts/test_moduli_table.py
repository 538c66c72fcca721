"""The table of moduli of a unit: what is refused, and which modulus is named instead."""

from __future__ import annotations

import pytest

from ntt.modulus import is_prime
from rtl.arithmetic.reductions import REDUCTIONS, modular_multiplier
from rtl.errors import BlockModulusError
from rtl.parts.moduli_table import nearest_ntt_modulus
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.ntt.unit import NTTUnit


@pytest.mark.parametrize("q", [-5, 0, 7, 4093, 7681, 12289, 16383, 65537, 1 << 70])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nearest_modulus__no_other_is_nearer(reduction, q):
    block, N = modular_multiplier(reduction, 14, word_bits=9), 64
    fitting = [
        p
        for p in range(1 << 14)
        if p % (2 * N) == 1 and is_prime(p)
        if reduction != "word" or p % 512 == 1
        if reduction != "barrett" or p >= 1 << 13
    ]
    nearest = nearest_ntt_modulus(q, N, block.candidates)
    assert nearest in fitting
    assert abs(nearest - q) == min(abs(p - q) for p in fitting)
    NTTUnit(N, 1, (nearest,), block)


def test_nearest_modulus__none_where_none_is():
    assert nearest_ntt_modulus(97, 1 << 16, range(3, 1 << 16, 2)) is None
    with pytest.raises(BlockModulusError, match="none fits this unit"):
        AutomorphismUnit(1 << 16, 1, (97,), 16)


@pytest.mark.parametrize(
    ("moduli", "words"),
    [
        ((), "empty"),
        ((12289, 12287), "not prime; .* the nearest that fits is 12289"),
        ((12281,), "q mod 2N is 121, needed 1; .* the nearest that fits is 12289"),
        ((65537,), "the block has 14: use a width of 17; the nearest that fits is 16001"),
        ((1 << 61,), "out of range: .* the nearest that fits is 16001"),
    ],
    ids=str,
)
def test_unit__a_modulus_that_does_not_fit_is_refused_with_the_nearest(moduli, words):
    with pytest.raises(BlockModulusError, match=words):
        NTTUnit(64, 1, moduli, modular_multiplier("montgomery", 14))
