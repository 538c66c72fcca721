"""Places for the hard multipliers of an NTT unit's butterflies on an LFE5U-85.

The device has its MULT18X18D in three rows. nextpnr's placers mix the multipliers of all
butterflies along the rows, far from the logic of each butterfly. Here each butterfly has a stretch
of a row to itself. Registers that only pass an operand to a multiplier stand beside it.
"""

from __future__ import annotations

import re
from collections import defaultdict

from rtl.characterize.ecp5.registers import Netlist, readers, top_module

_ROWS = (10, 34, 58)
_BLOCKS_IN_ROW = 13
_OF_BLOCK = ((0, 0), (1, 1), (4, 4), (5, 5))
"""The column in its block of nine, and the index, of each multiplier of a DSP block."""
_STARTS = {
    4: ((0, 8), (0, 28), (1, 8), (1, 28)),
    8: ((0, 0), (0, 18), (1, 36), (0, 36), (1, 0), (2, 0), (2, 36), (2, 18)),
}
"""The row, and the first multiplier in the row, of each of four or eight butterflies.

Most butterflies stand beside those whose number differs in one bit, with which they exchange lanes.
Eight butterflies stand around the middle, where memories and twiddles are."""
_STRETCH = 16
"""The multipliers in the stretch of a butterfly."""
_BESIDE = [(dy, f"SLICE{slice}.FF{i}") for slice in "AC" for dy in (1, -1) for i in (0, 1)]
"""Registers above and below a multiplier: half of those of a tile, since wires crowd here."""


def place_multipliers(netlist: Netlist) -> int:
    """Give places to the multipliers of a mapped netlist (JSON of Yosys), and to the registers that
    only pass operands to them; returns how many multipliers have a place.

    None has one, and the placer places everything, unless there are four or eight butterflies of at
    most 16 multipliers each.
    """
    top = top_module(netlist)
    lanes: dict[int, list[tuple[str, Netlist]]] = defaultdict(list)
    for name, cell in top["cells"].items():
        part_of = re.match(r"lane_(\d+)\.", name)
        if part_of and cell["type"] == "MULT18X18D":
            lanes[int(part_of[1])].append((name, cell))
    starts = _STARTS.get(len(lanes))
    if starts is None or max(map(len, lanes.values())) > _STRETCH:
        return 0
    for lane, cells in lanes.items():
        row, first = starts[lane]
        places = _row(row)[first : first + len(cells)]
        cells.sort(key=lambda cell: _along_data(cell[0]))
        for (_, cell), place in zip(cells, places, strict=True):
            cell["attributes"]["BEL"] = place
    _place_operands(top)
    return sum(len(cells) for cells in lanes.values())


def _place_operands(top: Netlist) -> None:
    """Put registers between another register and placed multipliers alone beside the multipliers.

    The whole wire is equally short with the register anywhere along it, but the part that enters a
    multiplier has the least time to spare.
    """
    cells, read_by = top["cells"], readers(top)
    registers = {
        cell["connections"]["Q"][0]: cell for cell in cells.values() if cell["type"] == "TRELLIS_FF"
    }
    tiles = {name: _tile(cell["attributes"].get("BEL", "")) for name, cell in cells.items()}
    free: dict[object, list[tuple[int, str]]] = defaultdict(lambda: list(_BESIDE))
    for bit, register in registers.items():
        beside = [tiles.get(name) for name, _ in read_by.get(bit, ())]
        if register["connections"]["DI"][0] not in registers or not all(beside):
            continue
        tile = max(beside, key=lambda tile: len(free[tile]), default=None)
        if tile and free[tile]:
            dy, register_of_tile = free[tile].pop(0)
            register["attributes"]["BEL"] = f"X{tile[0]}/Y{tile[1] + dy}/{register_of_tile}"


def _tile(bel: str) -> tuple[int, int] | None:
    """The column and the row of a multiplier's place; None for any other place."""
    place = re.match(r"X(\d+)/Y(\d+)/MULT18_", bel)
    return (int(place[1]), int(place[2])) if place else None


def _row(row: int) -> list[str]:
    """nextpnr's names for the multipliers of a row, from left to right."""
    # Two columns of other tiles stand behind the seventh block.
    left = [4 + 9 * block + (2 if block >= 7 else 0) for block in range(_BLOCKS_IN_ROW)]
    return [f"X{x + dx}/Y{_ROWS[row]}/MULT18_{index}" for x in left for dx, index in _OF_BLOCK]


def _along_data(name: str) -> tuple[bool, list[int]]:
    """A key that sorts a butterfly's multipliers: the product, then the steps of the reduction."""
    return "product" not in name, [int(number) for number in re.findall(r"\d+", name)]
