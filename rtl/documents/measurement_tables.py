"""The measurements as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

from rtl.characterize.results import Entry
from rtl.markdown import table


def tables(entries: Sequence[Entry]) -> str:
    """All measurements: one table for each kind of target."""
    parts = []
    rows: list[tuple[object, ...]]
    head: tuple[str, ...]
    routed = [e for e in entries if e["target"].startswith("ecp5")]
    if routed:
        rows = [
            (_name(e), _mhz(e), m["lut"], m["ff"], m["dsp"], m["ram_blocks"], _cycles(e))
            for e in routed
            for m in [e["measured"] if e["measured"]["fits"] else e["measured"]["needed"]]
        ]  # fmt: skip
        head = ("block", "clock, MHz: median (lowest..highest, seeds)", "LUT4", "FF", "MULT18",
                "RAM (18 Kb)", "cycles")  # fmt: skip
        parts.append("**Lattice ECP5-85, speed 8, placed and routed**\n\n" + table(head, rows))
    for family, title in (("xc7", "AMD 7-series"), ("xcup", "AMD UltraScale+")):
        counted = [e for e in entries if e["target"] == family]
        if counted:
            rows = [
                (_name(e), m["lut"], m["ff"], m["shift_register_lut"], m["dsp"],
                 m["ram_blocks_36k"] + m["ram_blocks_18k"] / 2)
                for e in counted
                for m in [e["measured"]]
            ]  # fmt: skip
            head = ("block", "LUT", "FF", "SRL", "DSP48", "RAM (36 Kb)")
            parts.append(f"**{title}, synthesised**\n\n" + table(head, rows))
    for target in sorted({e["target"] for e in entries if e["target"].startswith("cells-")}):
        rows = [
            (_name(e), f"{m['area_um2']:,.0f}", m["kilo_gate_equivalents"],
             f"{m['logic_delay_s'] * 1e9:.2f}", m["cells"],
             f"{m['clock_hz'] / 1e6:.0f}" if "clock_hz" in m else "",
             m.get("energy_pj", ""),
             f"{m['leakage_w'] * 1e6:.2g}" if "leakage_w" in m else "")
            for e in entries
            if e["target"] == target
            for m in [e["measured"]]
        ]  # fmt: skip
        head = ("block", "area, um2", "kGE", "logic delay, ns", "cells", "clock, MHz, OpenSTA",
                "energy, pJ", "leakage, uW")  # fmt: skip
        library = target.removeprefix("cells-").split("+")[0]
        parts.append(f"**Standard cells, {library}**\n\n" + table(head, rows))
    return "\n\n".join(parts)


def _name(entry: Entry) -> str:
    block = entry["block"]
    if block["kind"] == "ntt":
        return f"NTT {block['N']}, {block['butterflies']} butterflies, {block['width']} bits"
    if block["kind"] == "queue":
        return f"queue of {block['depth']}, {block['width']} bits"
    if block["kind"] == "sum":
        return f"sum and difference, {block['width']} bits"
    words = f"{block['kind']} {block['reduction']}, {block['width']} bits"
    return f"{words}, tiles {block['tile']}" if "tile" in block else words


def _mhz(entry: Entry) -> str:
    measured = entry["measured"]
    if not measured["fits"]:
        needed, available = measured["needed"], measured["available"]
        lacks = [
            f"{needed[r]} {r} of {available[r]}" for r in available if needed[r] > available[r]
        ]
        return f"does not fit: {', '.join(lacks)}"
    clocks = [clock / 1e6 for clock in measured["clock_hz"]]
    median = measured["clock_median_hz"] / 1e6
    return f"{median:.0f} ({min(clocks):.0f}..{max(clocks):.0f}, {len(clocks)})"


def _cycles(entry: Entry) -> int:
    facts = entry["facts"]
    cycles: int = facts.get("transform_cycles", facts["latency_cycles"])
    return cycles
