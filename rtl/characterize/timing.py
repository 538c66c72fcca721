"""Clock, power and leakage of a mapped netlist, by OpenSTA, with activities from a simulation.

The netlist is the one whose cell area is counted. Wires have no length in it: neither delay nor
energy of wires is included, and a placed design is slower and takes more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtl.characterize.stimulus import Stimulus
from rtl.errors import LibertyError
from rtl.tools import find_tool, run

_ADVICE = "install OpenSTA (Debian: apt-get install opensta)"
_ICARUS = "install Icarus Verilog (Debian: apt-get install iverilog)"
_PERIOD_S = 1e-6

_BENCH = """
module bench;
  reg clk = 0, rst = 1;
  integer row = 0;
  reg [{bits}-1:0] rows [0:{count}-1];
  wire [{bits}-1:0] now = rows[row];
  block dut(.clk(clk), .rst(rst){connections});
  initial begin
    $readmemh("rows.hex", rows);
    $dumpfile("toggles.vcd");
    #{begin} $dumpvars(1, dut);
  end
  always #5 clk = ~clk;
  always @(negedge clk) begin
    rst <= row < 2;
    row <= row + 1;
    if (row == {count} - 1) $finish;
  end
endmodule
"""


@dataclass(frozen=True)
class Netlist:
    """A mapped netlist in a folder: `mapped.v`, `mapped.json`, `cells.v` with the cells' functions,
    and the Liberty files.

    Nets have names of letters and digits; bit i of a wide port p is `p_i_`.
    """

    folder: Path
    libraries: tuple[Path, ...]
    time_unit_s: float


def measure(netlist: Netlist, stimulus: Stimulus) -> dict[str, object]:
    """Clock, leakage, and the energy of one operation at one operation a cycle.

    "clock_hz": of the slowest path between registers, their delay and setup included. "energy_pj":
    of a cycle under the stimulus, without leakage and without glitches, which a simulation without
    delays does not show. Raises `ToolError`, `LibertyError` for a library without timing.
    """
    sta = find_tool("sta", _ADVICE)
    activities, mean = _activities(netlist, stimulus)
    (netlist.folder / "power.tcl").write_text(_script(netlist, activities))
    log = run([sta, "-no_splash", "-exit", "power.tcl"], folder=netlist.folder)
    slack = re.search(r"^\s*(-?[\d.]+)\s+slack", log, re.MULTILINE)
    total = re.search(r"^Total\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)", log, re.MULTILINE)
    if not (slack and total):
        raise LibertyError(f"OpenSTA reports no path and no power: {log[-400:]}")
    period_s = _PERIOD_S - float(slack[1]) * netlist.time_unit_s
    internal_w, switching_w, leakage_w = (float(total[i]) for i in (1, 2, 3))
    return {
        "clock_hz": round(1 / period_s),
        "clock_period_s": round(period_s, 14),
        "energy_pj": round((internal_w + switching_w) * _PERIOD_S * 1e12, 4),
        "leakage_w": float(f"{leakage_w:.4g}"),
        "toggles_per_net_cycle": round(mean, 4),
        "simulated_cycles": stimulus.cycles,
    }


def _script(netlist: Netlist, activities: Mapping[str, tuple[float, float]]) -> str:
    lines = [f"read_liberty {path}" for path in netlist.libraries]
    lines += [
        "read_verilog mapped.v",
        "link_design block",
        f"create_clock -name clk -period {_PERIOD_S / netlist.time_unit_s:g} [get_ports clk]",
        "report_checks -path_delay max -format full -digits 6",
    ]
    lines += [
        # The command `set_power_activity -pins` of OpenSTA 2.0 fails; this is what it calls.
        f"sta::set_power_pin_activity [get_pins {pin}] {activity:.5g} {duty:.4g}"
        for pin, (activity, duty) in activities.items()
    ]
    return "\n".join([*lines, "report_power -digits 8", "exit"]) + "\n"


def _activities(
    netlist: Netlist, stimulus: Stimulus
) -> tuple[dict[str, tuple[float, float]], float]:
    """(activity, duty) of each pin of each cell, by name, and the mean activity of the outputs."""
    folder = netlist.folder
    _simulate(folder, stimulus)
    found = toggles((folder / "toggles.vcd").read_text())
    cycles = stimulus.cycles - stimulus.settling
    module = json.loads((folder / "mapped.json").read_text())["modules"]["block"]
    name_of = {net["bits"][0]: name for name, net in module["netnames"].items()
               if len(net["bits"]) == 1}  # fmt: skip
    activities, outputs = {}, []
    for cell, content in module["cells"].items():
        for port, bits in content["connections"].items():
            name = name_of.get(bits[0], "")
            changes, high = found.get(name, (0, 0.0))
            if name != "clk":
                activities[f"{cell}/{port}"] = changes / cycles, high
            if content["port_directions"].get(port) == "output":
                outputs.append(changes / cycles)
    return activities, sum(outputs) / max(len(outputs), 1)


def _simulate(folder: Path, stimulus: Stimulus) -> None:
    compiler, runner = find_tool("iverilog", _ICARUS), find_tool("vvp", _ICARUS)
    connections, place = "", 0
    for name, width in stimulus.ports.items():
        bits = [name] if width == 1 else [f"{name}_{i}_" for i in range(width)]
        connections += "".join(f", .{bit}(now[{place + i}])" for i, bit in enumerate(bits))
        place += width
    bench = _BENCH.format(
        bits=place,
        count=stimulus.cycles,
        connections=connections,
        begin=10 * stimulus.settling + 1,
    )
    (folder / "bench.v").write_text(bench)
    (folder / "rows.hex").write_text("\n".join(f"{row:x}" for row in stimulus.rows) + "\n")
    run([compiler, "-g2005", "-o", "bench.vvp", "bench.v", "mapped.v", "cells.v"], folder=folder)
    run([runner, "bench.vvp"], folder=folder)


def toggles(vcd: str) -> dict[str, tuple[int, float]]:
    """(changes, share of the time at 1) of each signal of one bit in a VCD file, by name."""
    head, _, body = vcd.partition("$enddefinitions")
    names = {found[1]: found[2] for found in re.finditer(r"\$var \w+ 1 (\S+) (\S+) \$end", head)}
    state: dict[str, tuple[str, int]] = {}
    changes = dict.fromkeys(names, 0)
    high = dict.fromkeys(names, 0)
    begin = now = 0
    started = False
    for line in body.splitlines()[1:]:
        if line.startswith("#"):
            now = int(line[1:])
            if not started:
                begin, started = now, True
        elif line[:1] in ("0", "1", "x", "z") and line[1:] in names:
            code, value = line[1:], line[0]
            before, since = state.get(code, (value, now))
            if before == "1":
                high[code] += now - since
            changes[code] += before != value
            state[code] = value, now
    for code, (value, since) in state.items():
        high[code] += (now - since) * (value == "1")
    span = max(now - begin, 1)
    return {names[code]: (changes[code], high[code] / span) for code in names}


def libraries_beside(texts: Sequence[str], folder: Path) -> tuple[Path, ...]:
    """The Liberty files, written into a folder."""
    files = []
    for i, text in enumerate(texts):
        files.append(folder / f"cells_{i}.lib")
        files[-1].write_text(text)
    return tuple(files)
