"""The two halves of every hardware block: the parameters that answer for it, and its component."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from amaranth.hdl import Module
from amaranth.lib import wiring

Ports = dict[str, object]
"""Amaranth's members by name: `In(shape)`, `Out(shape)`, or a stream of a payload."""


class Block(ABC):
    """The parameters of a hardware block: checked when made, then frozen.

    The same object states what its hardware does. `golden`, of blocks that compute, is the exact
    answer to given operands; names that end in `_cycles`, and `latency`, count clock cycles.
    """

    @property
    @abstractmethod
    def ports(self) -> Ports:
        """All ports of the hardware except clock and reset, in the order of the Verilog."""

    @abstractmethod
    def hardware(self) -> wiring.Component:
        """A new Amaranth component with these parameters and `ports`."""


Parameters = TypeVar("Parameters", bound=Block)


class Hardware(wiring.Component, Generic[Parameters]):
    """The component of a block. `parameters` is the block; every port is an attribute."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        super().__init__(parameters.ports)

    def elaborate(self, platform: object) -> Module:
        """The logic of the component. Amaranth calls this method; `platform` is not used."""
        raise NotImplementedError
