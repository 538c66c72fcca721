"""What the three modular multipliers have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar

from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.tiling import TILE_18X18, Tile
from rtl.errors import BlockModulusError, WidthError
from rtl.parts.block import Block, Ports

MIN_WIDTH, MAX_WIDTH = 8, 64


def check_width(width: int) -> None:
    """Raise `WidthError` unless blocks of `width` bits exist."""
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        nearest = min(max(width, MIN_WIDTH), MAX_WIDTH)
        raise WidthError(
            f"width of {width} bits: blocks exist from {MIN_WIDTH} to {MAX_WIDTH} bits; "
            f"the nearest is {nearest}"
        )


@dataclass(frozen=True)
class ModularMultiplier(Block):
    """``p = a b / R mod q`` for a, b in [0, q); the modulus q is chosen at run time.

    A new operand pair enters every cycle. R is 1 or a power of two (`radix`). If b is in *factor
    form*, ``b R mod q`` (see `factor`), the result is the plain product ``a b mod q``.

    width: bits of every residue, 8 to 64. tile: the hard multiplier of the target.
    Raises `WidthError` for another width.
    """

    width: int
    tile: Tile = TILE_18X18

    reduction: ClassVar[str]

    def __post_init__(self) -> None:
        check_width(self.width)

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from an operand pair to its result."""

    @property
    @abstractmethod
    def hard_multipliers(self) -> int:
        """Hard multipliers of the target that one block occupies."""

    @property
    @abstractmethod
    def radix(self) -> int:
        """R, by which the product is divided: 1 or a power of two."""

    @property
    def candidates(self) -> range:
        """The range of numbers in which every modulus of this block lies."""
        return range(3, 1 << self.width, 2)

    @property
    def constant_widths(self) -> dict[str, int]:
        """Bits of each run-time constant of a modulus, by name; q comes first."""
        return {"q": self.width}

    def constants(self, q: int) -> dict[str, int]:
        """The run-time constants of the modulus q by name. Raises `BlockModulusError`."""
        self.check_modulus(q)
        return {"q": q}

    def check_modulus(self, q: int) -> None:
        """Raise `BlockModulusError` unless the block computes modulo q."""
        if q < 3 or q % 2 == 0:
            raise BlockModulusError(f"modulus {q} does not fit: it must be odd and at least 3")
        if q >= 1 << self.width:
            raise BlockModulusError(
                f"modulus {q} has {q.bit_length()} bits, the block has {self.width}: "
                f"use a width of {q.bit_length()}"
            )

    @property
    def constants_layout(self) -> StructLayout:
        """The run-time constants side by side; the first is in the lowest bits."""
        return StructLayout(self.constant_widths)

    def packed_constants(self, q: int) -> int:
        """`constants(q)` as one number, laid out as `constants_layout`."""
        packed = position = 0
        for name, value in self.constants(q).items():
            packed |= value << position
            position += self.constant_widths[name]
        return packed

    def factor(self, b: int, q: int) -> int:
        """The factor form ``b R mod q`` of b."""
        return b * self.radix % q

    def golden(self, a: int, b: int, q: int) -> int:
        """``a b / R mod q``."""
        return a * b * pow(self.radix, -1, q) % q

    @property
    def ports(self) -> Ports:
        """Operands a, b; constants `modulus`; result p.

        `load` marks an operand pair with which the block takes `modulus` over; `modulus` must then
        hold still for `latency` cycles.
        """
        return {
            "a": In(self.width),
            "b": In(self.width),
            "load": In(1),
            "modulus": In(self.constants_layout),
            "p": Out(self.width),
        }

    def describe(self) -> dict[str, object]:
        """The parameters as plain data: numbers and names."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["tile"] = self.tile.name
        return {"reduction": self.reduction, **plain}
