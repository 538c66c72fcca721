"""Which registers move into multipliers and memories, and which stay."""

from __future__ import annotations

import pytest

from rtl.characterize.ecp5.registers import pack_memory_registers, pack_multiplier_registers
from tests.rtl.characterize.ecp5.netlists import memory_netlist, netlist


def test_packing__a_plain_register_moves_into_the_multiplier():
    design = netlist({})
    assert pack_multiplier_registers(design) == 1
    cells = design["modules"]["block"]["cells"]
    assert list(cells) == ["mult"]
    assert cells["mult"]["connections"]["P0"] == [9]
    assert cells["mult"]["connections"]["CLK0"] == [2]
    assert cells["mult"]["parameters"]["REG_OUTPUT_CLK"] == "CLK0"


@pytest.mark.parametrize(
    ("register", "readers"), [({"LSR": [7]}, 1), ({"CE": [8]}, 1), ({}, 2)], ids=str
)
def test_packing__other_registers_stay_where_they_are(register, readers):
    design = netlist(register, readers)
    assert pack_multiplier_registers(design) == 0
    assert len(design["modules"]["block"]["cells"]) == 1 + readers


def test_packing__a_plain_register_moves_into_the_memory():
    design = memory_netlist()
    assert pack_memory_registers(design) == 1
    cells = design["modules"]["block"]["cells"]
    assert list(cells) == ["ram"]
    assert cells["ram"]["connections"]["DOB0"] == [9]
    assert cells["ram"]["parameters"]["REGMODE_B"] == "OUTREG"
    assert "REGMODE_A" not in cells["ram"]["parameters"]


def test_packing__a_wide_memory_gives_its_words_by_both_ports():
    design = memory_netlist(width=36)
    connections = design["modules"]["block"]["cells"]["ram"]["connections"]
    connections |= {"OCEA": ["0"], "CLKA": ["0"]}
    assert pack_memory_registers(design) == 1
    cells = design["modules"]["block"]["cells"]
    assert list(cells) == ["ram"]
    assert cells["ram"]["connections"]["DOB0"] == [9]
    assert cells["ram"]["parameters"]["REGMODE_A"] == "OUTREG"
    assert cells["ram"]["parameters"]["REGMODE_B"] == "OUTREG"


@pytest.mark.parametrize(
    "changes", [{"LSR": [7]}, {"CE": [8]}, {"clock": 3}, {"width": 36, "clock": 3}], ids=str
)
def test_packing__a_memory_leaves_other_registers_where_they_are(changes):
    design = memory_netlist(**changes)
    assert pack_memory_registers(design) == 0
    assert len(design["modules"]["block"]["cells"]) == 2
