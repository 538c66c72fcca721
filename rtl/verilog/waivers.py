"""Signals of emitted Verilog that are not read in full, each with the reason why it stands there.

Verilator warns of such signals (UNUSEDSIGNAL). Each of them is switched off where it is declared,
for that declaration alone, behind a comment.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

_DECLARATION = re.compile(r"  (input|output|wire|reg)\b(?: signed)?(?: \[[^\]]*\])? (\S+?) ?;")
_MODULE = re.compile(r"module (\S+?) ?\(")
_HEADER = (
    "/* All modules of a block stand in one file. */\n/* verilator lint_off DECLFILENAME */\n"
)


def waived(verilog: str, netlist: str) -> str:
    """The Verilog with a comment and a switched off warning at each signal that is not read in
    full. netlist: the same modules as Yosys' JSON.
    """
    modules = json.loads(netlist)["modules"]
    reasons: dict[str, str] = {}
    lines = [_HEADER.rstrip()]
    for line in verilog.splitlines():
        if opened := _MODULE.match(line):
            reasons = dict(_unread(modules[_plain(opened[1])]))
        found = _DECLARATION.fullmatch(line)
        reason = reasons.pop(_plain(found[2]), None) if found else None
        if reason is None:
            lines.append(line)
        else:
            lines += [
                f"  /* {reason} */",
                "  /* verilator lint_off UNUSEDSIGNAL */",
                line,
                "  /* verilator lint_on UNUSEDSIGNAL */",
            ]
    return "\n".join(lines) + "\n"


def _plain(name: str) -> str:
    """A name of Verilog without the backslash of an escaped one."""
    return name.removeprefix("\\")


def _unread(module: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, reason) of each signal with a bit that nothing reads."""
    read: set[Any] = set()
    makers: dict[Any, str] = defaultdict(str)
    for port in module["ports"].values():
        if port["direction"] == "output":
            read.update(port["bits"])
    for cell in module["cells"].values():
        for port, bits in cell["connections"].items():
            if cell.get("port_directions", {}).get(port) == "output":
                makers.update(dict.fromkeys(bits, cell["type"]))
            else:
                read.update(bits)
    names = Counter(bit for net in module["netnames"].values() for bit in net["bits"])
    for name, net in module["netnames"].items():
        bits = net["bits"]
        # Constants stand as words where they are read.
        unread = [bit for bit in bits if isinstance(bit, str) or bit not in read]
        if unread:
            yield name, _reason(name, len(unread), bits, module["ports"], makers)
        elif name not in module["ports"] and any(names[bit] > 1 for bit in bits):
            yield name, "Some of its bits are also part of another signal, and are read there."


def _reason(
    name: str, unread: int, bits: list[Any], ports: dict[str, Any], makers: dict[Any, str]
) -> str:
    if name in ("clk", "rst"):
        return "Every module has a clock and a reset. No register of this one needs it."
    share = f"{unread} of {len(bits)} bits"
    if name in ports:
        return f"A port carries whole words and records: {share} are not needed here."
    kinds = {makers[bit] for bit in bits} - {""}
    if kinds and all(kind.startswith("$") for kind in kinds):
        return f"The result of an operation is cut: {share} are not needed."
    if kinds:
        return f"What a part returns is cut: {share} are not needed."
    return f"A record with a part that this block does not use: {share}."
