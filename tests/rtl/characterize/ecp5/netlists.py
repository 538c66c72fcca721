"""Netlists of one block and the registers behind it."""

from __future__ import annotations


def netlist(register: dict[str, object], readers_of_product: int = 1) -> dict[str, object]:
    """A multiplier with one product bit, and registers behind it."""
    plain = {
        "type": "TRELLIS_FF",
        "port_directions": dict.fromkeys(("CLK", "DI", "LSR", "CE"), "input") | {"Q": "output"},
        "connections": {"CLK": [2], "DI": [5], "LSR": ["0"], "Q": [9]},
    }
    cells = {
        "mult": {
            "type": "MULT18X18D",
            "parameters": {},
            "port_directions": {"A0": "input", "P0": "output"},
            "connections": {"A0": [3], "P0": [5]},
        }
    }
    for i in range(readers_of_product):
        cells[f"ff{i}"] = plain | {"connections": {**plain["connections"], **register}}
    top = {"attributes": {"top": "1"}, "cells": cells, "ports": {}}
    return {"modules": {"block": top}}


def memory_netlist(width: int = 9, clock: int = 2, **register: object) -> dict[str, object]:
    """A block memory with one bit read by port B, and a register behind it."""
    connections = {"CLK": [2], "DI": [5], "LSR": ["0"], "CE": ["1"], "Q": [9]} | register
    names = [f"{name}{side}" for name in ("CLK", "OCE", "RST") for side in "AB"]
    cells = {
        "ram": {
            "type": "DP16KD",
            "parameters": {"DATA_WIDTH_A": f"{width:032b}"},
            "port_directions": dict.fromkeys(names, "input") | {"DOB0": "output"},
            "connections": {
                "CLKA": [2],
                "CLKB": [clock],
                "OCEA": ["1"],
                "OCEB": ["1"],
                "RSTA": ["0"],
                "RSTB": ["0"],
                "DOB0": [5],
            },
        },
        "ff": {
            "type": "TRELLIS_FF",
            "port_directions": dict.fromkeys(("CLK", "DI", "LSR", "CE"), "input") | {"Q": "output"},
            "connections": connections,
        },
    }
    top = {"attributes": {"top": "1"}, "cells": cells, "ports": {}}
    return {"modules": {"block": top}}
