"""What the accelerator's units have in common: a stream in, and a stream out behind a queue."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from amaranth.hdl import Module
from amaranth.lib import stream
from amaranth.lib.data import ArrayLayout, StructLayout
from amaranth.lib.wiring import In, Out

from rtl.parts.block import Block, Hardware, Ports
from rtl.parts.output_queue import OutputQueue, OutputQueueHardware

Row = tuple[str, str]
"""What a datasheet says of a quantity: the quantity, and its cycles."""

BEATS_IN_ORDER = (
    "Beat j carries coefficients j L .. j L + L - 1, L lanes, the first in the lowest bits. The "
    "unit reads modulus and command in the first beat of a polynomial only."
)
"""A line of the datasheets of units that take in whole polynomials."""


class StreamUnit(Block):
    """A block with one stream in and one stream out, which move at most one beat a cycle each.

    A beat carries one residue a lane. It moves in each cycle in which `valid` and `ready` are both
    high. The commands beside the residues choose the modulus by its place in the unit's table.
    """

    moduli: tuple[int, ...]
    """The table of moduli."""

    @property
    @abstractmethod
    def row_layout(self) -> ArrayLayout:
        """The residues of one beat; lane 0 is in the lowest bits."""

    @property
    @abstractmethod
    def input_layout(self) -> StructLayout:
        """A beat of the stream `input`."""

    @property
    def output_layout(self) -> StructLayout:
        """A beat of the stream `output`; `last` is high in the last beat of a polynomial."""
        return StructLayout({"data": self.row_layout, "last": 1})

    @property
    @abstractmethod
    def latency_cycles(self) -> int:
        """Cycles from the last beat that a result needs until the first beat of this result."""

    @property
    @abstractmethod
    def timing_rows(self) -> list[Row]:
        """The cycles on the unit's datasheet."""

    @property
    @abstractmethod
    def format_lines(self) -> list[str]:
        """What the unit's datasheet says of its beats, besides what holds for all units."""

    @property
    def ports(self) -> Ports:
        """The streams `input` and `output`."""
        return {
            "input": In(stream.Signature(self.input_layout)),
            "output": Out(stream.Signature(self.output_layout)),
        }


Unit = TypeVar("Unit", bound=StreamUnit)


class StreamHardware(Hardware[Unit]):
    """The hardware of a `StreamUnit`."""

    def _output_queue(self, m: Module, pipeline_cycles: int) -> OutputQueueHardware:
        """A queue for the stream `output`, deep enough for the full rate behind a pipeline of so
        many cycles."""
        depth = 1 << (pipeline_cycles + 2).bit_length()
        m.submodules.queue = queue = OutputQueue(self.parameters.output_layout, depth).hardware()
        return queue
