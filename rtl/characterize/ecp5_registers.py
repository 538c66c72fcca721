"""Moves the registers behind ECP5 multipliers into the multipliers.

A MULT18X18D has output registers of its own, which the vendor's mapper uses and Yosys leaves
empty. Where every product bit feeds one plain register, and nothing else, the registers are the
multiplier's own: the circuit stays cycle for cycle the same, and the longest wires disappear.
"""

from __future__ import annotations

from typing import Any

Netlist = dict[str, Any]


def top_module(netlist: Netlist) -> Netlist:
    """The one top module of a netlist."""
    modules: dict[str, Netlist] = netlist["modules"]
    (top,) = [module for module in modules.values() if module["attributes"].get("top")]
    return top


def pack_multiplier_registers(netlist: Netlist) -> int:
    """Pack a mapped netlist (Yosys JSON) in place; returns how many multipliers took registers."""
    top = top_module(netlist)
    cells = top["cells"]
    readers = _readers(top)
    packed = 0
    for cell in [c for c in cells.values() if c["type"] == "MULT18X18D"]:
        registers = _output_registers(cell, cells, readers)
        if not registers:
            continue
        clock = cells[next(iter(registers.values()))]["connections"]["CLK"]
        for port, register in registers.items():
            cell["connections"][port] = cells.pop(register)["connections"]["Q"]
        for port, bits in (("CLK0", clock), ("CE0", ["1"]), ("RST0", ["0"])):
            cell["connections"][port] = bits
            cell["port_directions"][port] = "input"
        cell["parameters"] |= {
            "REG_OUTPUT_CLK": "CLK0",
            "REG_OUTPUT_CE": "CE0",
            "REG_OUTPUT_RST": "RST0",
        }
        packed += 1
    return packed


def _readers(top: Netlist) -> dict[object, list[tuple[str, str]]]:
    """(cell, port) of everything that reads a net; a port of the module counts as a cell."""
    readers: dict[object, list[tuple[str, str]]] = {}
    for name, cell in top["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] != "output":
                for bit in bits:
                    readers.setdefault(bit, []).append((name, port))
    for name, port in top["ports"].items():
        if port["direction"] != "input":
            for bit in port["bits"]:
                readers.setdefault(bit, []).append(("", name))
    return readers


def _output_registers(
    multiplier: Netlist, cells: Netlist, readers: dict[object, list[tuple[str, str]]]
) -> dict[str, str]:
    """Product port -> the register behind it; empty unless all used bits have such a one."""
    registers, clocks = {}, set()
    for port, bits in multiplier["connections"].items():
        if not (port[0] == "P" and port[1:].isdigit()) or bits[0] not in readers:
            continue
        reading = readers[bits[0]]
        if len(reading) != 1:
            return {}
        name, input_port = reading[0]
        register = cells.get(name)
        if register is None or register["type"] != "TRELLIS_FF" or input_port not in ("DI", "M"):
            return {}
        # Only registers that always load and never reset are the same in the multiplier.
        plain = register["connections"].get("LSR", ["0"]) == ["0"]
        if not plain or register["connections"].get("CE", ["1"]) != ["1"]:
            return {}
        registers[port] = name
        clocks.add(register["connections"]["CLK"][0])
    return registers if len(clocks) == 1 else {}
