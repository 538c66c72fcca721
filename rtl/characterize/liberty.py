"""Standard cells: area and logic delay of a block that is mapped to a given cell library."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from amaranth.lib import wiring

from rtl.characterize import timing
from rtl.characterize.stimulus import Stimulus
from rtl.errors import LibertyError
from rtl.files import read_bytes
from rtl.tools import run_yosys
from rtl.verilog.design import emit

# abc's own script for a Liberty file, with a timing report at its end.
_MAP = (
    "+strash;&get,-n;&fraig,-x;&put;scorr;dch,-f;&get,-n;&nf,{D};&put;buffer;upsize;dnsize;stime,-p"
)
_FUNCTION = r"(?<!\w)function\s*:\s*\"([^\"]*)\""


def library_name(text: str) -> str:
    """The name of the library in a Liberty file. Raises `LibertyError`."""
    found = re.search(r"library\s*\(\s*\"?([\w.\-]+)\"?\s*\)", text)
    if not found:
        raise LibertyError("not a Liberty file: it has no `library (NAME)`")
    return found.group(1)


def read_liberty(path: Path) -> str:
    """The text of a Liberty file, plain or compressed by gzip. Raises `LibertyError`."""
    try:
        return read_bytes(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise LibertyError(f"Liberty file {path} cannot be read: {error}") from error


def time_unit(text: str) -> float:
    """The unit of time of a Liberty file, in seconds; a nanosecond where it states none."""
    found = re.search(r"\btime_unit\s*:\s*\"?\s*([\d.]+)\s*(ps|ns)", text)
    scale = {"ps": 1e-12, "ns": 1e-9}
    return float(found[1]) * scale[found[2]] if found else 1e-9


def check_cells(texts: Sequence[str]) -> None:
    """Raise `LibertyError` unless the files hold a flip-flop, an inverter and a two-input gate."""
    text = "\n".join(texts)
    functions = {_plain(function) for function in re.findall(_FUNCTION, text)}
    missing = []
    if not re.search(r"\bff\s*\(", text):
        missing.append("a flip-flop (ff group)")
    if not any(re.fullmatch(r"!\w+|\w+'", f) for f in functions):
        missing.append("an inverter")
    if not any(re.fullmatch(r"!?!?\w+'?[&*|+]!?\w+'?", f) for f in functions):
        missing.append("a two-input gate")
    if missing:
        raise LibertyError(
            f"the Liberty files lack {', '.join(missing)}: give all files of the library together"
        )


def measure(
    block: wiring.Component, paths: Sequence[Path], stimulus: Stimulus | None = None
) -> dict[str, object]:
    """The cell area and the longest logic delay of a block that abc has mapped.

    The area is in the unit of the library, which is um2 in all common ones. The delay is the delay
    of the logic between registers, without the delay and the setup time of the registers.
    stimulus: also the clock, the leakage and the energy of an operation (`timing.measure`).
    Raises `LibertyError`, `ToolError`.
    """
    texts = [read_liberty(path) for path in paths]
    names = [library_name(text) for text in texts]
    check_cells(texts)
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        files = timing.libraries_beside(texts, folder)
        source = emit(block, "block").write(folder)
        libraries = " ".join(f"-liberty {file}" for file in files)
        log = run_yosys(
            [
                f"read_verilog {source}",
                "synth -flatten -top block",
                f"dfflibmap {libraries}",
                f"abc {libraries} -script {_MAP}",
                "opt_clean -purge",
                f"tee -q -o {folder}/stat.json stat -json {libraries}",
                "splitnets -ports -format __",
                "rename -hide w:*",
                "opt_clean -purge",
                "rename -hide c:*",
                "rename -enumerate -pattern net% w:*",
                "rename -enumerate -pattern cell% c:*",
                f"write_verilog -noattr -simple-lhs {folder}/mapped.v",
                *(f"read_liberty -lib -ignore_miss_func {file}" for file in files),
                f"write_json {folder}/mapped.json",
                *(["design -reset"] if stimulus else []),
                *(f"read_liberty -ignore_miss_func {file}" for file in files if stimulus),
                *([f"write_verilog -noattr {folder}/cells.v"] if stimulus else []),
            ]
        )
        stat = json.loads((folder / "stat.json").read_text())["design"]
        netlist = timing.Netlist(folder, files, time_unit(texts[0]))
        timed = timing.measure(netlist, stimulus) if stimulus else {}
    delays = re.findall(r"Delay\s*=\s*([\d.]+)\s*ps", log)
    if not delays:
        raise LibertyError("the mapper reported no delay: the library has no timing")
    unmapped = [cell for cell in stat["num_cells_by_type"] if cell.startswith("$_")]
    if unmapped:
        raise LibertyError(f"the Liberty files have no cells for {', '.join(sorted(unmapped))}")
    nand = _nand_area(texts)
    area = float(stat["area"])
    return {
        "libraries": names,
        "area_um2": round(area, 2),
        "kilo_gate_equivalents": round(area / nand / 1000, 2) if nand else None,
        "logic_delay_s": round(max(float(d) for d in delays) * 1e-12, 15),
        "cells": stat["num_cells"],
        **timed,
    }


def _nand_area(texts: Sequence[str]) -> float | None:
    """The area of the smallest two-input NAND: one gate equivalent."""
    areas = []
    for text in texts:
        for cell in re.split(r"\n\s*cell\s*\(", text)[1:]:
            functions = re.findall(_FUNCTION, cell)
            area = re.search(r"\barea\s*:\s*\"?([\d.]+)", cell)
            if len(functions) == 1 and area and _is_nand(functions[0]):
                areas.append(float(area.group(1)))
    return min(areas) if areas else None


def _plain(function: str) -> str:
    """A Liberty function without spaces and brackets."""
    return re.sub(r"[\s()]", "", function)


def _is_nand(function: str) -> bool:
    """Whether a Liberty function is !(A & B), or !A | !B."""
    inside = re.fullmatch(r"\s*!\s*\(\s*\w+\s*[&*]\s*\w+\s*\)\s*", function)
    return bool(inside or re.fullmatch(r"!\w+[|+]!\w+", _plain(function)))
