"""Moves the registers behind ECP5 multipliers and block memories into these.

A MULT18X18D and each port of a DP16KD have output registers of their own, which the vendor's mapper
uses and Yosys leaves empty. If every bit of an output feeds one plain register and nothing else,
these registers move into the block. The circuit stays the same in every cycle, and its longest
wires disappear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Netlist = dict[str, Any]
"""A netlist in the JSON of Yosys, or a module or a cell of one."""
_PRODUCT = [f"P{i}" for i in range(36)]
_PDP_WIDTH = 36
"""A DP16KD with words of this width reads them through both ports together."""


def top_module(netlist: Netlist) -> Netlist:
    """The top module of a netlist."""
    modules: dict[str, Netlist] = netlist["modules"]
    (top,) = [module for module in modules.values() if module["attributes"].get("top")]
    return top


def pack_multiplier_registers(netlist: Netlist) -> int:
    """Pack the multipliers of a mapped netlist in place; returns how many took registers in."""
    top = top_module(netlist)
    read_by, packed = readers(top), 0
    for cell in [c for c in top["cells"].values() if c["type"] == "MULT18X18D"]:
        clock = _take_registers(cell, _PRODUCT, top["cells"], read_by)
        if clock is None:
            continue
        for port, bit in (("CLK0", clock), ("CE0", "1"), ("RST0", "0")):
            cell["connections"][port] = [bit]
            cell["port_directions"][port] = "input"
        cell["parameters"] |= {
            "REG_OUTPUT_CLK": "CLK0",
            "REG_OUTPUT_CE": "CE0",
            "REG_OUTPUT_RST": "RST0",
        }
        packed += 1
    return packed


def pack_memory_registers(netlist: Netlist) -> int:
    """Pack the memories of a mapped netlist in place; returns how many ports took registers in."""
    top = top_module(netlist)
    read_by, packed = readers(top), 0
    for cell in [c for c in top["cells"].values() if c["type"] == "DP16KD"]:
        parameters, connections = cell["parameters"], cell["connections"]
        # One read port with all outputs, or two.
        wide = int(parameters["DATA_WIDTH_A"], 2) == _PDP_WIDTH
        for sides in ("AB",) if wide else ("A", "B"):
            outputs = [f"DO{side}{i}" for side in sides for i in range(18)]
            port = sides[-1]
            always = connections[f"OCE{port}"] == ["1"] and connections[f"RST{port}"] == ["0"]
            clock = connections[f"CLK{port}"][0]
            if always and _take_registers(cell, outputs, top["cells"], read_by, clock) is not None:
                parameters |= {f"REGMODE_{side}": "OUTREG" for side in sides}
                packed += 1
    return packed


def readers(top: Netlist) -> dict[object, list[tuple[str, str]]]:
    """(cell, port) of everything that reads each net. The cell of a module's port is ""."""
    read_by: dict[object, list[tuple[str, str]]] = {}
    for name, cell in top["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] != "output":
                for bit in bits:
                    read_by.setdefault(bit, []).append((name, port))
    for name, port in top["ports"].items():
        if port["direction"] != "input":
            for bit in port["bits"]:
                read_by.setdefault(bit, []).append(("", name))
    return read_by


def _take_registers(
    cell: Netlist,
    outputs: Sequence[str],
    cells: Netlist,
    read_by: dict[object, list[tuple[str, str]]],
    clock: object = None,
) -> object:
    """Move the registers behind all used outputs of a cell into the cell, and return their clock.

    None, and no change, unless every used output has such a register and all have one clock: the
    given one, if any.
    """
    registers, clocks = {}, set() if clock is None else {clock}
    for port, bits in cell["connections"].items():
        if port not in outputs or bits[0] not in read_by:
            continue
        reading = read_by[bits[0]]
        if len(reading) != 1:
            return None
        name, input_port = reading[0]
        register = cells.get(name)
        if register is None or register["type"] != "TRELLIS_FF" or input_port not in ("DI", "M"):
            return None
        # In the block, a register always loads and never resets.
        plain = register["connections"].get("LSR", ["0"]) == ["0"]
        if not plain or register["connections"].get("CE", ["1"]) != ["1"]:
            return None
        registers[port] = name
        clocks.add(register["connections"]["CLK"][0])
    if not registers or len(clocks) != 1:
        return None
    for port, name in registers.items():
        cell["connections"][port] = cells.pop(name)["connections"]["Q"]
    return clocks.pop()
