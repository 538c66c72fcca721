"""Gives the hard multipliers of an NTT unit's butterflies their places on an LFE5U-85.

The device has its MULT18X18D in three rows. nextpnr's placers lay those of all butterflies through
each other along the rows, some twenty tiles from what they belong to, where most of a large unit's
wire then comes from. Here each butterfly takes a stretch of a row for itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from rtl.characterize.ecp5_registers import Netlist, top_module

_ROWS = (10, 34, 58)
_BLOCKS_IN_ROW = 13
_OF_BLOCK = ((0, 0), (1, 1), (4, 4), (5, 5))
"""Column in its block of nine, and index, of each multiplier of a DSP block."""


@dataclass(frozen=True)
class _Plan:
    """The row, and the first multiplier in it, of each butterfly; how many it may take."""

    starts: tuple[tuple[int, int], ...]
    stretch: int


_PLANS = {
    8: _Plan(((0, 0), (0, 18), (1, 36), (0, 36), (1, 0), (2, 0), (2, 36), (2, 18)), 16),
}
"""By the number of butterflies; fewer find their places alone. Eight stand around the middle, which
memories and twiddles take, mostly beside those that differ in one bit, with which they exchange.
"""


def place_multipliers(netlist: Netlist) -> int:
    """Fix the multipliers of a mapped netlist (Yosys JSON), in place; returns how many.

    None where there is no plan for so many butterflies, or a butterfly has more multipliers than a
    stretch: then the placer has its way.
    """
    lanes: dict[int, list[tuple[str, Netlist]]] = defaultdict(list)
    for name, cell in top_module(netlist)["cells"].items():
        part_of = re.match(r"lane_(\d+)\.", name)
        if part_of and cell["type"] == "MULT18X18D":
            lanes[int(part_of[1])].append((name, cell))
    plan = _PLANS.get(len(lanes))
    if plan is None or max(len(cells) for cells in lanes.values()) > plan.stretch:
        return 0
    for lane, cells in lanes.items():
        row, first = plan.starts[lane]
        places = _row(row)[first : first + len(cells)]
        cells.sort(key=lambda cell: _along_data(cell[0]))
        for (_, cell), place in zip(cells, places, strict=True):
            cell["attributes"]["BEL"] = place
    return sum(len(cells) for cells in lanes.values())


def _row(row: int) -> list[str]:
    """nextpnr's names for the multipliers of a row, from left to right."""
    # Two columns of other tiles stand behind the seventh block.
    left = [4 + 9 * block + (2 if block >= 7 else 0) for block in range(_BLOCKS_IN_ROW)]
    return [f"X{x + dx}/Y{_ROWS[row]}/MULT18_{index}" for x in left for dx, index in _OF_BLOCK]


def _along_data(name: str) -> tuple[bool, list[int]]:
    """Sorts a butterfly's multipliers: its product, then the steps of its reduction."""
    return "product" not in name, [int(number) for number in re.findall(r"\d+", name)]
