"""Proofs that hardware never enters a bad state, over every state that it can reach from reset.

Yosys turns a harness into an and-inverter graph. The property-directed reachability of abc (Een,
Mishchenko, Brayton, FMCAD 2011) then proves that no bad state can be reached, or reaches one.
"""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.errors import ToolError
from rtl.tools import find_abc, run, run_yosys


class Harness(wiring.Component):
    """A piece of hardware beside monitors that look for states which must not occur.

    inputs: the widths of the inputs, in bits; the prover drives them with anything. Bit i of the
    output `bad` is 1 in a state that breaks `properties[i]`.
    """

    def __init__(self, inputs: Mapping[str, int], properties: Sequence[str]) -> None:
        self.properties = tuple(properties)
        ports = {name: In(width) for name, width in inputs.items()}
        super().__init__(ports | {"bad": Out(len(properties))})

    @abstractmethod
    def elaborate(self, platform: object) -> Module:
        """The hardware and its monitors. Amaranth calls this method; `platform` is not used."""


def prove(harness: Harness) -> bool:
    """Whether no bit of `bad` is 1 in any state that the harness can reach from reset.

    Raises `ToolError` if the prover is missing, or gives no answer.
    """
    m = Module()
    # Registers start at their reset values. Reset is not applied again.
    m.domains.sync = domain = ClockDomain(reset_less=True)
    m.submodules.harness = harness
    bad = Signal()
    m.d.comb += bad.eq(harness.bad.any())
    free = {
        path[0]: (value, PortDirection.Input)
        for path, member, value in harness.signature.flatten(harness)
        if member.flow == wiring.In
    }
    free["clk"] = (domain.clk, PortDirection.Input)
    ports = {**free, "any_bad": (bad, PortDirection.Output)}
    text = rtlil.convert(m, name="harness", ports=ports, emit_src=False)
    with tempfile.TemporaryDirectory() as folder:
        source, graph = Path(folder, "harness.il"), Path(folder, "harness.aig")
        source.write_text(text)
        run_yosys(
            [
                f"read_rtlil {source}",
                "hierarchy -top harness",
                *("proc", "flatten", "opt -full", "memory_map", "opt -full", "techmap"),
                *("opt -fast", "dffunmap", "opt_clean", "setundef -anyseq", "aigmap"),
                f"write_aiger -zinit {graph}",
            ]
        )
        return _verdict(run([find_abc(), "-c", f"read_aiger {graph}; strash; pdr"]))


def _verdict(log: str) -> bool:
    if "Property proved" in log:
        return True
    if "was asserted in frame" in log:
        return False
    raise ToolError(f"the prover gave no answer:\n{log[-400:]}")
