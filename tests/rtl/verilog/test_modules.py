"""Equal blocks are one module of the Verilog."""

from __future__ import annotations

import re

from ntt.modulus import find_primes
from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.montgomery import WordMontgomery
from rtl.units.pointwise import PointwiseUnit
from rtl.verilog.design import emit

MODULI = (int(find_primes(28, 64, 1)[0]),)


def modules(lanes: int) -> tuple[list[str], list[str]]:
    """The modules of a pointwise unit, and the multipliers that stand in it."""
    unit = PointwiseUnit(lanes, MODULI, WordMontgomery(28, word_bits=7))
    verilog = emit(unit.hardware(), "unit").verilog
    names = re.findall(r"^module (\S+)", verilog, re.MULTILINE)
    return names, re.findall(r"^  \\?(\S*WordMontgomery_\d+) ", verilog, re.MULTILINE)


def test_modules__lanes_share_the_modules_of_their_parts():
    few, two = modules(2)
    many, eight = modules(8)
    assert few == many
    assert len(set(few)) == len(few)
    assert len(eight) == 4 * len(two)
    assert len(set(eight) | set(two)) == 1


def test_modules__blocks_with_other_parameters_are_other_modules():
    """The adders in front of a butterfly's multiplier, and those behind it."""
    butterfly = Butterfly(WordMontgomery(28, word_bits=7))
    assert butterfly.before != butterfly.after
    verilog = emit(butterfly.hardware(), "unit").verilog
    assert set(re.findall(r"(AddSub_\d+) ", verilog)) == {"AddSub_1", "AddSub_2"}
