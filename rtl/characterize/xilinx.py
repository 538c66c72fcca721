"""AMD 7-series and UltraScale+: resource counts after synthesis with Yosys, without timing."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from amaranth.lib import wiring

from rtl.tools import run_yosys
from rtl.verilog.design import emit


def count(block: wiring.Component, family: str) -> dict[str, object]:
    """The cells of a block after `synth_xilinx`, by resource. family: "xc7" or "xcup".

    Raises `ToolError`.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = emit(block, "block").write_absolute(folder)
        run_yosys(
            [
                f"read_verilog {source}",
                f"synth_xilinx -family {family} -flatten -top block -noiopad",
                f"tee -q -o {folder}/stat.json stat -json",
            ]
        )
        cells = json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]

    def total(*prefixes: str) -> int:
        return sum(n for cell, n in cells.items() if cell.startswith(prefixes))

    return {
        "lut": total("LUT"),
        "ff": total("FD"),
        "shift_register_lut": total("SRL"),
        "lut_ram": total("RAM32", "RAM64", "RAM128", "RAM256"),
        "carry": total("CARRY"),
        "dsp": total("DSP48"),
        "ram_blocks_18k": total("RAMB18"),
        "ram_blocks_36k": total("RAMB36"),
    }
