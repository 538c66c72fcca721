"""Toggles of a simulation, and the operands under which they are counted."""

from __future__ import annotations

import pytest

from rtl.arithmetic.addsub import AddSub
from rtl.arithmetic.reductions import modular_multiplier
from rtl.characterize.liberty import time_unit
from rtl.characterize.stimulus import CYCLES, queue_of, stimulus_of
from rtl.characterize.timing import toggles

VCD = """$timescale 1s $end
$scope module dut $end
$var wire 1 ! net0 $end
$var reg 1 " net1 $end
$var wire 8 # bus [7:0] $end
$upscope $end
$enddefinitions $end
#100
$dumpvars
1!
0"
b0 #
$end
#110
0!
1"
#120
1!
#140
"""


def test_toggles__counts_changes_and_the_share_of_time_at_one():
    assert toggles(VCD) == {"net0": (2, 0.75), "net1": (1, 0.75)}


@pytest.mark.parametrize(
    "block",
    [modular_multiplier("word", 28, word_bits=14), AddSub(28), queue_of(28, 8)],
    ids=["product", "sum", "queue"],
)
def test_stimulus__every_cycle_is_a_new_operation_in_range(block):
    hardware = block.hardware()
    hardware._MustUse__used = True
    stimulus = stimulus_of(block, hardware)
    assert stimulus.cycles == CYCLES
    assert len(set(stimulus.rows[20:])) == CYCLES - 20
    assert max(stimulus.rows).bit_length() <= sum(stimulus.ports.values())
    assert stimulus_of(block, hardware) == stimulus
    width = {"a": 28, "x": 28, "beat": 28}
    assert any(stimulus.ports.get(name) == bits for name, bits in width.items())


def test_time_unit__is_read_from_the_library():
    assert time_unit('time_unit : "1ps";') == 1e-12
    assert time_unit("library (x) { time_unit : \"10ns\" }") == pytest.approx(1e-8)
    assert time_unit("") == 1e-9
