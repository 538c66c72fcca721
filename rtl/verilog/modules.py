"""Blocks as modules in Yosys' RTLIL: equal blocks are written once, however often they occur."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring

from rtl.parts.block import Block, Hardware, Modules

_CLOCKS = {"clk": ClockSignal, "rst": ResetSignal}


class SharedModules(Modules):
    """The modules of the blocks inside of the design `name`, in the order in which they end."""

    def __init__(self, name: str) -> None:
        self._texts: list[str] = []
        self._name = name
        self._top: wiring.Component | None = None
        self._known: dict[tuple[type, Block], tuple[str, list[str]]] = {}
        self._numbers: Counter[str] = Counter()

    def write(self, block: wiring.Component) -> str:
        """The whole design in RTLIL; `block` is its top module."""
        self._top = block
        top = rtlil.convert(block, self._name, self, ports=_ports(block), emit_src=False)
        return "\n".join([*self._texts, top])

    def instance(self, hardware: Hardware[Any]) -> Module | Instance:
        if hardware is self._top:
            return hardware.logic()
        ports = {
            name: (value, direction)
            for name, (value, direction) in _ports(hardware).items()
            if len(value)
        }
        key = type(hardware), hardware.parameters
        if key not in self._known:
            kind = type(hardware.parameters).__name__
            self._numbers[kind] += 1
            name = f"{self._name}.{kind}_{self._numbers[kind]}"
            text = rtlil.convert(hardware.logic(), name, self, ports=ports, emit_src=False)
            inside = text.partition("\nend\n")[0]
            clocks = [c for c in _CLOCKS if re.search(rf" input \d+ +\\{c}$", inside, re.MULTILINE)]
            self._texts.append(text)
            self._known[key] = name, clocks
        name, clocks = self._known[key]
        connections: dict[str, Any] = {f"i_{clock}": _CLOCKS[clock]() for clock in clocks}
        for port, (value, direction) in ports.items():
            connections[f"{'i' if direction is PortDirection.Input else 'o'}_{port}"] = value
        return Instance(name, **connections)


def _ports(block: wiring.Component) -> dict[str, tuple[Value, PortDirection]]:
    """The ports by name, as flat values."""
    ports = {}
    for path, member, port in block.signature.flatten(block):
        value = port if isinstance(port, Value) else port.as_value()
        inward = member.flow == wiring.In
        direction = PortDirection.Input if inward else PortDirection.Output
        ports["_".join(map(str, path))] = value, direction
    return ports
