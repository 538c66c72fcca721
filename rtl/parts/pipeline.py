"""Registers for fully pipelined blocks."""

from __future__ import annotations

from amaranth.hdl import Module, Shape, Signal, Value


class Pipeline:
    """The registers of one block: data without a reset, markers with a reset.

    Without a reset, a chain of delays maps to shift-register LUTs on devices that have them. Words
    from before the first operands are never marked as valid.
    The *time* of a value is the number of clock edges since the operands of the block arrived.

    load: marks operands that bring new constants.
    """

    def __init__(self, m: Module, load: Value) -> None:
        self._m = m
        self._load = [load]

    def register(self, value: Value, name: str) -> Signal:
        """A register: `value`, one cycle later."""
        register = Signal(Shape.cast(Value.cast(value).shape()), name=name, reset_less=True)
        self._m.d.sync += register.eq(value)
        return register

    def delay(self, value: Value, cycles: int, name: str) -> Value:
        """`value`, `cycles` cycles later."""
        for i in range(cycles):
            value = self.register(value, f"{name}_{i + 1}")
        return value

    def delay_marker(self, marker: Value, cycles: int, name: str) -> Value:
        """A valid bit, `cycles` cycles later; low after reset."""
        for i in range(cycles):
            register = Signal(name=f"{name}_{i + 1}")
            self._m.d.sync += register.eq(marker)
            marker = register
        return marker

    def load_at(self, time: int) -> Value:
        """The load marker of the operands, when these are at `time`."""
        while len(self._load) <= time:
            marker = Signal(name=f"load_{len(self._load)}")
            self._m.d.sync += marker.eq(self._load[-1])
            self._load.append(marker)
        return self._load[time]

    def constant(self, value: Value, time: int, name: str) -> Signal:
        """A copy of the constant `value` that changes when marked operands reach `time` >= 1.

        So a new modulus follows its operands down the pipeline, while older operands still finish
        with the old one.
        """
        copy = Signal(Shape.cast(Value.cast(value).shape()), name=name, reset_less=True)
        with self._m.If(self.load_at(time - 1)):
            self._m.d.sync += copy.eq(value)
        return copy
