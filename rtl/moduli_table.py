"""The constants of the modulus in use, out of a table, for blocks fed by a stream."""

from __future__ import annotations

from amaranth.hdl import Array, Const, Value


def constant_table(values: list[int], width: int, index: Value) -> Value:
    """values[index], in logic."""
    constants = [Const(value, width) for value in values]
    return Array(constants)[index] if len(values) > 1 else constants[0]
