"""The ports of a block as flat fields, for simulations and documents."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Shape, ShapeCastable
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout, StructLayout


@dataclass(frozen=True)
class Field:
    """`width` bits of the port `port`, from bit `offset` on."""

    name: str
    port: str
    offset: int
    width: int


@dataclass(frozen=True)
class Port:
    """One port of the generated Verilog, and the fields side by side in it."""

    name: str
    width: int
    is_input: bool
    fields: tuple[Field, ...]


def ports_of(block: wiring.Component) -> tuple[Port, ...]:
    """Every port of `block` except clock and reset, in the order of its signature."""
    ports = []
    for path, member, _ in block.signature.flatten(block):
        name = "_".join(str(p) for p in path)
        dotted = ".".join(str(p) for p in path if p not in ("payload",))
        fields = tuple(_fields(member.shape, dotted, name, 0))
        width = Shape.cast(member.shape).width
        ports.append(Port(name, width, member.flow == wiring.In, fields))
    return tuple(ports)


def _fields(shape: object, name: str, port: str, offset: int) -> list[Field]:
    if isinstance(shape, StructLayout):
        return [
            field
            for key, part in shape
            for field in _fields(part.shape, f"{name}.{key}", port, offset + part.offset)
        ]
    if isinstance(shape, ArrayLayout):
        return [
            field
            for key, part in shape
            for field in _fields(part.shape, f"{name}[{key}]", port, offset + part.offset)
        ]
    assert isinstance(shape, (int, Shape, ShapeCastable, type)), shape
    return [Field(name, port, offset, Shape.cast(shape).width)]
