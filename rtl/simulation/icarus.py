"""A second simulator for units with streams, Icarus Verilog, which also knows unset bits."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rtl.errors import SimulationError
from rtl.tools import find_tool, run
from rtl.verilog.design import Design

_BENCH = """
module bench;
  reg clk = 0, rst = 1, go = 0;
  reg [{in_bits}-1:0] beats [0:{count}-1];
  integer offered = 0, taken = 0, cycle = 0;
  wire ready, valid;
  wire [{out_bits}-1:0] out;
  wire offering = go && offered < {count};
  {name} dut(.clk(clk), .rst(rst), .input_valid(offering), .input_ready(ready),
    .input_payload(beats[offering ? offered : 0]), .output_valid(valid), .output_ready(1'b1),
    .output_payload(out));
  initial $readmemh("beats.hex", beats);
  always #1 clk = ~clk;
  always @(posedge clk) begin
    cycle <= cycle + 1;
    if (cycle == 2) begin rst <= 0; go <= 1; end
    if (offering && ready) offered <= offered + 1;
    if (go && valid) begin
      $display("row %h", out);
      taken <= taken + 1;
      if (taken == {takes} - 1) $finish;
    end
    if (cycle > {limit}) $finish;
  end
endmodule
"""


def is_installed() -> bool:
    """Whether Icarus Verilog is installed."""
    return shutil.which("iverilog") is not None


def stream(
    design: Design, rows: Sequence[Mapping[str, int]], takes: int, limit: int = 1 << 20
) -> list[dict[str, int]]:
    """Pass rows of input fields through the unit, and return `takes` rows of output fields.

    limit: cycles to wait for them. Raises `ToolError` if Icarus Verilog is missing,
    `SimulationError` if too few rows come out or a bit was never set.
    """
    advice = "install Icarus Verilog (Debian: apt-get install iverilog)"
    compiler, runner = find_tool("iverilog", advice), find_tool("vvp", advice)
    ports = {port.name: port for port in design.ports}
    inputs, outputs = ports["input_payload"], ports["output_payload"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = design.write(folder)
        packed = [
            sum((row.get(f.name, 0) & (1 << f.width) - 1) << f.offset for f in inputs.fields)
            for row in rows
        ]
        (folder / "beats.hex").write_text("\n".join(f"{beat:x}" for beat in packed))
        bench = _BENCH.format(
            name=design.name,
            in_bits=inputs.width,
            out_bits=outputs.width,
            count=len(rows),
            takes=takes,
            limit=limit,
        )
        (folder / "bench.v").write_text(bench)
        run([compiler, "-g2005", "-o", "bench", "bench.v", source.name], folder=folder)
        printed = run([runner, "bench"], folder=folder).splitlines()
    lines = [line.removeprefix("row ") for line in printed if line.startswith("row ")]
    if len(lines) < takes:
        raise SimulationError(f"{len(lines)} of {takes} rows came out of Icarus Verilog")
    if unknown := [i for i, line in enumerate(lines) if "x" in line]:
        raise SimulationError(
            f"row {unknown[0]} holds bits that were never set: {lines[unknown[0]]}"
        )
    values = [int(line, 16) for line in lines]
    return [
        {f.name: value >> f.offset & (1 << f.width) - 1 for f in outputs.fields}
        for value in values[:takes]
    ]
