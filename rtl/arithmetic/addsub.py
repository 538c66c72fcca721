"""Modular addition, subtraction and halving of a pair of residues a cycle."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Value
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.modmul import check_width
from rtl.parts.block import Block, Hardware, Ports
from rtl.parts.pipeline import Pipeline


class PairOperation(enum.Enum):
    """What an `AddSub` does with its pair."""

    PASS = 0
    """(x, y)"""
    ADD_SUB = 1
    """(x + y mod q, x - y mod q); a reversed block subtracts x from y"""
    HALVE = 2
    """(x / 2 mod q, y / 2 mod q)"""


@dataclass(frozen=True)
class AddSub(Block):
    """A pair (x, y) to a pair (u, v) by `PairOperation`, modulo an odd q < 2^width; a pair a cycle.

    Three cycles: the sum and the difference; the same minus or plus q; the choice. An odd x is
    halved as (x + q) / 2, which needs the second adder only. A `reverse` block subtracts x from y.
    Raises `WidthError` unless 8 <= width <= 64.
    """

    width: int
    reverse: bool = False
    latency = 3

    def __post_init__(self) -> None:
        check_width(self.width)

    def golden(self, operation: PairOperation, x: int, y: int, q: int) -> tuple[int, int]:
        """(u, v) for residues x, y in [0, q)."""
        if operation is PairOperation.ADD_SUB:
            return (x + y) % q, (y - x if self.reverse else x - y) % q
        if operation is PairOperation.HALVE:
            half = (q + 1) // 2
            return x * half % q, y * half % q
        return x, y

    @property
    def ports(self) -> Ports:
        """Operands x, y and their `operation`; results u, v.

        `load` marks a pair with which the block takes `q` over; `q` must then hold still for
        `latency` cycles.
        """
        return {
            "x": In(self.width),
            "y": In(self.width),
            "operation": In(PairOperation),
            "load": In(1),
            "q": In(self.width),
            "u": Out(self.width),
            "v": Out(self.width),
        }

    def hardware(self) -> AddSubHardware:
        return AddSubHardware(self)


class AddSubHardware(Hardware[AddSub]):
    """The hardware of `AddSub`."""

    def logic(self) -> Module:
        m = Module()
        width = self.parameters.width
        pipeline = Pipeline(m, self.load)
        add = self.operation == PairOperation.ADD_SUB
        halve = self.operation == PairOperation.HALVE

        zero = Const(0, width)
        sum_1 = pipeline.register((self.x + Mux(add, self.y, zero))[: width + 1], "sum_1")
        if self.parameters.reverse:
            difference = (self.y - Mux(add, self.x, zero))[: width + 1]
        else:
            difference = add_or_subtract(Mux(add, self.x, zero), self.y, add, width + 1)
        difference_1 = pipeline.register(difference, "difference_1")
        add_1 = pipeline.register(add, "add_1")
        halve_1 = pipeline.register(halve, "halve_1")

        q = pipeline.constant(self.q, 1, "q_1")
        sum_2 = pipeline.register(sum_1[:width], "sum_2")
        sum_q_2 = pipeline.register(add_or_subtract(sum_1, q, add_1, width + 2), "sum_q_2")
        difference_2 = pipeline.register(difference_1, "difference_2")
        difference_q_2 = pipeline.register((difference_1 + q)[: width + 1], "difference_q_2")
        add_2 = pipeline.register(add_1, "add_2")
        halve_2 = pipeline.register(halve_1, "halve_2")

        below_q = sum_q_2[width + 1]
        take_sum_q = Mux(add_2, ~below_q, halve_2 & sum_2[0])
        take_difference_q = Mux(add_2, difference_2[width], halve_2 & difference_2[0])
        u = Mux(take_sum_q, sum_q_2[: width + 1], sum_2)
        v = Mux(take_difference_q, difference_q_2, difference_2[:width])
        m.d.comb += [
            self.u.eq(pipeline.register(Mux(halve_2, u[1:], u[:width]), "u_3")),
            self.v.eq(pipeline.register(Mux(halve_2, v[1:], v[:width]), "v_3")),
        ]
        return m


def add_or_subtract(a: Value, b: Value, subtract: Value, width: int) -> Value:
    """The low `width` bits of a - b if `subtract`, else of a + b, with one carry chain."""
    extended = Cat(b, Const(0, width - len(b)))
    operand = extended ^ subtract.replicate(width)
    return (Cat(subtract, a) + Cat(subtract, operand))[1 : width + 1]
