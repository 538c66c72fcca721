"""The places that ECP5's floorplan gives."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rtl.characterize.ecp5.floorplan import place_multipliers


def lanes_of_multipliers(lanes: int, each: int) -> dict[str, object]:
    """A unit with so many butterflies, whose multipliers stand in no order."""
    names = [f"lane_{i}.butterfly.multiplier.product.${k}" for i in range(lanes) for k in range(9)]
    names += [
        f"lane_{i}.butterfly.multiplier.multiple_{k % 3}.${k // 3}"
        for k in range(each - 9)
        for i in range(lanes)
    ]
    cells = {name: cell("MULT18X18D") for name in reversed(names)}
    top = {"attributes": {"top": "1"}, "cells": cells, "ports": {}}
    return {"modules": {"block": top}}


def cell(kind: str, **connections: int) -> dict[str, Any]:
    """A cell with outputs Q and Z."""
    return {
        "type": kind,
        "attributes": {},
        "port_directions": {port: "output" if port in "QZ" else "input" for port in connections},
        "connections": {port: [bit] for port, bit in connections.items()},
    }


@pytest.mark.parametrize("lanes", [4, 8])
def test_floorplan__each_butterfly_has_a_stretch_of_one_row(lanes):
    design = lanes_of_multipliers(lanes, 15)
    assert place_multipliers(design) == 15 * lanes
    cells = design["modules"]["block"]["cells"]
    places = {}
    for name, cell in cells.items():
        column, row = re.match(r"X(\d+)/Y(\d+)/MULT18_", cell["attributes"]["BEL"]).groups()
        places[name] = int(row), int(column)
    assert len(set(places.values())) == 15 * lanes
    for lane in range(lanes):
        own = [name for name in places if name.startswith(f"lane_{lane}.")]
        ((row, low), *_, (_, high)) = sorted(places[name] for name in own)
        between = [name for name, place in places.items() if (row, low) <= place <= (row, high)]
        assert sorted(between) == sorted(own)
        # The product lies ahead of the reduction's steps, as the data flows.
        along_row = sorted(own, key=lambda name: places[name])
        assert ["product" in name for name in along_row] == [True] * 9 + [False] * 6


def test_floorplan__registers_that_only_pass_an_operand_stand_beside_its_multipliers():
    design = lanes_of_multipliers(8, 15)
    cells = design["modules"]["block"]["cells"]
    product = "lane_3.butterfly.multiplier.product"
    cells["source"] = cell("TRELLIS_FF", DI=1, Q=2)
    for bit in range(20):
        cells[f"operand_{bit}"] = cell("TRELLIS_FF", DI=2, Q=100 + bit)
    for k in range(2):
        operands = {f"A{bit}": [100 + bit] for bit in range(20)} | {"B0": [200], "B1": [201]}
        cells[f"{product}.${k}"]["connections"] = operands
        cells[f"{product}.${k}"]["port_directions"] = dict.fromkeys(operands, "input")
    cells["of_logic"] = cell("TRELLIS_FF", DI=3, Q=200)
    cells["logic"] = cell("LUT4", Z=3)
    cells["read_elsewhere"] = cell("TRELLIS_FF", DI=2, Q=201)
    cells["elsewhere"] = cell("LUT4", A=201)
    place_multipliers(design)

    tiles = {cells[f"{product}.${k}"]["attributes"]["BEL"].split("/MULT")[0] for k in range(2)}
    beside = {tile.replace("/Y10", row) for tile in tiles for row in ("/Y9", "/Y11")}
    places = [cells[f"operand_{bit}"]["attributes"].get("BEL") for bit in range(20)]
    # Eight registers beside each multiplier: four operands find none and are left to the placer.
    placed = [place for place in places if place]
    assert len(placed) == len(set(placed)) == 16
    assert {place.split("/SLICE")[0] for place in placed} == beside
    for name in ("source", "of_logic", "read_elsewhere"):
        assert not cells[name]["attributes"]


@pytest.mark.parametrize(("lanes", "each"), [(1, 15), (2, 15), (16, 9), (8, 17)])
def test_floorplan__other_units_are_left_to_the_placer(lanes, each):
    design = lanes_of_multipliers(lanes, each)
    assert place_multipliers(design) == 0
    cells = design["modules"]["block"]["cells"]
    assert not any(cell["attributes"] for cell in cells.values())
