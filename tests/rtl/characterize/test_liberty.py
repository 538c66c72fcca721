"""Standard cells: what a library must have, and what is measured with it."""

from __future__ import annotations

import pytest

from rtl.characterize.blocks import Block
from rtl.characterize.jobs import Job, measure
from rtl.characterize.liberty import check_cells, library_name
from rtl.errors import LibertyError
from tests.rtl.characterize.libraries import toy_library


def test_liberty__lacking_cells_are_named():
    inverter = 'cell (INV) { pin (Y) { function : "!A"; } }'
    gate = 'cell (ND) { pin (Y) { function : "!(A & B)"; } }'
    flip_flop = "cell (DF) { ff (IQ, IQN) { } }"
    check_cells([inverter + gate, flip_flop])
    with pytest.raises(LibertyError, match="flip-flop"):
        check_cells([inverter + gate])
    with pytest.raises(LibertyError, match="an inverter, a two-input gate"):
        check_cells([flip_flop])
    with pytest.raises(LibertyError, match="not a Liberty file"):
        library_name("module top; endmodule")


def test_measure__a_small_cell_library(tmp_path):
    library = tmp_path / "toy.lib"
    library.write_text(toy_library())
    block = Block("modmul", {"reduction": "word", "width": 8})
    (entry,) = measure(Job(block, "cells", libraries=(library,)), lambda words: None)
    assert entry["target"] == "cells-toy"
    # Each cell has a whole area, and one gate equivalent is the NAND's 2.
    area = entry["measured"]["area_um2"]
    assert area == int(area) > 0
    assert entry["measured"]["kilo_gate_equivalents"] == pytest.approx(area / 2000, abs=0.005)
    assert entry["measured"]["logic_delay_s"] > 0
