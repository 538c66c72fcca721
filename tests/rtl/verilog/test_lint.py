"""`verilator --lint-only -Wall` finds nothing in the Verilog of blocks and of whole machines."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from rtl.accelerator.machine_file import machine_of
from rtl.arithmetic.reductions import REDUCTIONS
from rtl.generator.catalogue import BLOCKS, BlockOptions, make
from rtl.tools import find_tool
from rtl.verilog.design import Design, emit
from tests.accel_model.timed.random_programs import RandomProgram


def warnings_of(design: Design, folder: Path) -> list[str]:
    """The first line of each warning and error of Verilator."""
    path = design.write(folder)
    done = subprocess.run(
        [find_tool("verilator-cli"), "--lint-only", "-Wall", "--top-module", design.name, path],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "syntax" not in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("%")]


SIZES = {
    "one lane": BlockOptions(width=28, N=64),
    "lanes, all options": BlockOptions(
        width=28, N=64, butterflies=4, buffers=2, twiddles="generated", moduli_count=3
    ),
    "plain multipliers": BlockOptions(width=50, N=64, butterflies=2, tile="plain", moduli_count=2),
    "other tiles": BlockOptions(width=36, N=256, butterflies=8, tile="26x17", buffers=2),
}


CASES = [
    pytest.param(
        name, reduction, size,
        # The default run has every block, every size and every reduction; the grid is slow.
        marks=[] if (reduction == "word") == (size != "one lane") else pytest.mark.slow,
    )
    for name in BLOCKS
    for reduction in REDUCTIONS
    for size in SIZES
]  # fmt: skip


@pytest.mark.parametrize(("name", "reduction", "size"), CASES)
def test_lint__no_block_has_a_warning(name, reduction, size, tmp_path):
    changes: dict[str, object] = {"reduction": reduction}
    if name == "automorphism" and reduction != "word":
        changes["width"] = 60  # it has no reduction, so it takes other widths
    block = make(name, replace(SIZES[size], **changes))
    assert warnings_of(emit(block.hardware(), name), tmp_path) == []


MACHINES = {
    "small": {"lanes": 2},
    "several units": {
        "lanes": 4, "pointwise_units": 2, "ntt_units": 2, "automorphism_units": 2,
        "twiddles": "stored", "reduction": "montgomery", "tile": "plain",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "name", ["small", pytest.param("several units", marks=pytest.mark.slow)]
)
def test_lint__no_module_of_a_whole_machine_has_a_warning(name, tmp_path):
    sizes = {"slots": 12, "channel": {"data_bits": 32, "burst_beats": 4}} | MACHINES[name]
    if "reduction" not in sizes:
        sizes["word_bits"] = 7
    machine = machine_of(sizes, RandomProgram(1, 1).program(), name)
    design = emit(machine.hardware(), "accelerator")
    assert design.verilog.count("\nmodule ") > 20
    assert warnings_of(design, tmp_path) == []


def test_lint__every_waiver_has_a_reason_and_one_declaration(tmp_path):
    block = make("ntt", SIZES["lanes, all options"])
    lines = emit(block.hardware(), "unit").verilog.splitlines()
    off = [i for i, line in enumerate(lines) if line.endswith("lint_off UNUSEDSIGNAL */")]
    assert off
    for i in off:
        assert re.fullmatch(r"  /\* [A-Z].*\. \*/", lines[i - 1])
        assert re.match(r"  (input|output|wire|reg) ", lines[i + 1])
        assert lines[i + 2].endswith("lint_on UNUSEDSIGNAL */")
