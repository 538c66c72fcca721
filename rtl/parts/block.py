"""The two halves of every hardware block: the parameters that answer for it, and its component."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from amaranth.hdl import Instance, Module
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

    @abstractmethod
    def logic(self) -> Module:
        """The logic of the component."""

    def elaborate(self, platform: object) -> Module | Instance:
        """Amaranth calls this method: the logic, or a place for it where the platform keeps the
        modules of equal blocks."""
        return platform.instance(self) if isinstance(platform, Modules) else self.logic()


class Modules(ABC):
    """A platform on which equal blocks are one module."""

    @abstractmethod
    def instance(self, hardware: Hardware[Any]) -> Module | Instance:
        """An instance of the module of a component, connected to its ports; the logic of the
        outermost component."""
